"""Conditions of the rows: the caller's argument as a tensor, and the targets at each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from .. import checks
from ..names import by_name, check_complete
from ..objective.model import is_given
from ..parameterizations.conditions import marks_of
from ..rowwise.axes import new_axis, row_count
from ..settings import Settings


class Conditions(NamedTuple):
    """The `conditions` argument of a solver's method.

    Attributes:
        values: `[B, K, d]`, or `[K, d]` for all rows, padded with NaN; None if the structure takes
            no conditions.
        given: how many the caller gave for each row, before padding; None if unknown.
    """

    values: Any = None
    given: int | None = None

    def of_rows(self, like: tf.Tensor) -> list[tf.Tensor]:
        """`[values]` for the rows of a tensor `[B, ...]`, `[]` if there are no conditions."""
        if self.values is None:
            return []
        if self.values.shape.rank != 2:
            checks.check_same_rows(rows=like, conditions=self.values)
            return [self.values]
        return [tf.broadcast_to(self.values, [row_count(like), *self.values.shape])]


def as_conditions(settings: Settings, value: Any) -> Conditions:
    """Check and convert the `conditions` argument.

    Args:
        settings: of the solver.
        value: `[B, K', d]`, or `[K', d]` for all rows, with K' up to the limit K and NaN where a
            row has fewer. If d = 1 they are `[B, K']`, or `[K']` for all rows, and `[B, K', 1]`.
            Or by the names of the d numbers, see `_by_name`.

    Raises:
        ValueError: for another shape, or an unknown or missing name; for a structure that takes
            conditions and gets none, and the other way round.
    """
    structure = settings.parameterization
    kind, shape = type(structure).__name__, structure.conditions_shape
    if shape is None:
        if value is not None:
            raise ValueError(
                f"conditions: the structure of this solver, {kind}, takes none; leave them out, or "
                "use a Sweep."
            )
        return Conditions()
    limit, width = shape
    wanted = f"[rows, up to {limit}, {width}], or [up to {limit}, {width}] for all rows"
    if width == 1:
        wanted = f"[rows, up to {limit}], or [up to {limit}] for all rows"
    if value is None:
        names = ", ".join(structure.condition_names)
        raise ValueError(
            f"conditions: {kind} needs the conditions ({names}) of each spectrum; pass "
            f"conditions= of shape {wanted}."
        )
    named = by_name(value, structure.condition_names)
    if named is not None:
        tensor = _by_name(named, structure.condition_names, settings.dtype)
    else:
        tensor = checks.as_real("conditions", value, settings.dtype)
        if width == 1 and tensor.shape.rank in (1, 2):
            tensor = new_axis(tensor, tensor.shape.rank)
    rank = tensor.shape.rank
    if rank is None:
        return Conditions(tensor)
    count = tensor.shape[-2] if rank in (2, 3) else None
    right = rank in (2, 3) and tensor.shape[-1] in (None, width) and count != 0
    if not right or (count is not None and count > limit):
        more = " The limit of the structure can be raised." if right else ""
        raise ValueError(
            f"conditions must have shape {wanted}, got {checks.show(tensor.shape)}.{more}"
        )
    if count is not None and count < limit:
        padding = [[0, 0]] * (rank - 2) + [[0, limit - count], [0, 0]]
        nan = tf.constant(np.nan, tensor.dtype)
        tensor = tf.pad(tensor, padding, constant_values=nan)
    return Conditions(tensor, count)


def _by_name(named: Mapping[str, Any], names: Sequence[str], dtype: tf.DType) -> tf.Tensor:
    """Conditions `[B, K', d]`, or `[K', d]` for all rows, from the d numbers by name.

    Args:
        named: each number `[B, K']`, or `[K']` for all rows, or one for all conditions.
        names: in the order of the structure.
        dtype: of the conditions.

    Raises:
        ValueError: for an unknown or missing name, or shapes that do not go together.
    """
    check_complete("SpectralSolver", "conditions", named, names, "condition")
    numbers = {name: checks.as_real(f"conditions: {name}", named[name], dtype) for name in names}
    longest = max(numbers.values(), key=lambda tensor: tensor.shape.rank or 0).shape
    for name, tensor in numbers.items():
        rank = tensor.shape.rank
        if rank not in (0, 1, 2):
            raise ValueError(
                f"conditions: {name} must be [rows, conditions], [conditions] for all rows, or one "
                f"number for all conditions, got shape {checks.show(tensor.shape)}."
            )
        if not tensor.shape.is_compatible_with(longest[len(longest) - rank :]):
            raise ValueError(
                f"conditions: {name} has shape {checks.show(tensor.shape)}, and another number of "
                f"the conditions has {checks.show(longest)}; give as many of each, or one number "
                "for all conditions."
            )
    if longest.rank == 0:
        return new_axis(tf.stack(list(numbers.values())), 0)
    # What is the same for all rows says nothing about which conditions a row has.
    nan = tf.constant(np.nan, dtype)
    own = [tensor for tensor in numbers.values() if tensor.shape.rank == longest.rank]
    absent = tf.reduce_all(tf.math.is_nan(tf.stack(own, axis=-1)), axis=-1)
    each = [tf.where(absent, nan, tensor) for tensor in numbers.values()]
    return tf.stack(each, axis=-1)


def targets_of(settings: Settings, count: int) -> np.ndarray:
    """`[m]` bool: which targets need the first `count` conditions only."""
    states = settings.parameterization.level_counts[0]
    # A target without a level, or of all levels, has -1 or n.
    needed = settings.model.comparison.compared_levels // states
    return needed.max(axis=1) < count


def are_without_condition(settings: Settings, prepared: tf.Tensor) -> tf.Tensor:
    """`[B, m]` bool: which targets belong to a condition that the row does not have.

    Args:
        settings: of the solver.
        prepared: `[B, K, W]`, see `Parameterization.prepared`.
    """
    absent = ~(marks_of(prepared) > 0)  # also a faulty one
    states = settings.parameterization.level_counts[0]
    return settings.model.comparison.lacks(tf.repeat(absent, states, axis=1))


def have_faulty_conditions(prepared: Any) -> tf.Tensor | None:
    """`[B]` bool: which rows have an infinite or incomplete condition; None without conditions."""
    if not is_given(prepared):
        return None
    return tf.reduce_any(tf.math.is_nan(marks_of(prepared)), axis=1)
