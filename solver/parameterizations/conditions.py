"""Structures that take conditions: the fields, wave vectors, angles, pressures of a spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..checks import check_count
from ..level_counts import LevelCounts, check_names_of
from ..rowwise.axes import new_axis, repeated
from ..rowwise.products import sum_over_second
from .affine.symmetry_blocks import Block
from .base import Parameterization, check_names
from .mapped_members import by_member, by_row
from .weighted_levels import WeightedLevels


class Conditioned(Parameterization):
    """A matrix `A(x; c)` of parameters x and a condition c, at up to K conditions in each row.

    The base class of `Sweep` and `NonlinearSweep`. The spectrum of a row is that at its first
    condition, then that at its second, and so on, as for a `Family` of K members. The conditions
    are data: every row has its own, and `at` binds them.

    Attributes:
        limit: K, the largest number of conditions of a row.
        condition_names: the names of the d numbers of a condition.
        states: n, the number of rows of the matrix at one condition.
    """

    def __init__(
        self,
        states: int,
        num_parameters: int,
        parameter_names: Sequence[str] | None,
        limit: int,
        condition_names: Sequence[str],
        name: str | None = None,
    ):
        """Set the sizes and names.

        Raises:
            ValueError: for a size or number below 1, or names that are not different.
        """
        owner = type(self).__name__
        self.limit = check_count(owner, "limit", limit)
        self.states = check_count(owner, "n", states)
        self.condition_names = _check_condition_names(owner, condition_names)
        super().__init__(self.limit * self.states, num_parameters, parameter_names, name)

    @property
    def conditions_shape(self) -> tuple[int, int]:
        """(K, d): the largest number of conditions of a row, and the numbers in each."""
        return self.limit, len(self.condition_names)

    @property
    def level_counts(self) -> LevelCounts:
        """The number of levels at each condition, with their names."""
        names = self._checked_level_names(self.level_names)
        return LevelCounts((self.states,) * self.limit, levels=(names,) * self.limit)

    def _checked_level_names(self, names: Any) -> tuple[str, ...] | None:
        """The names of the levels at a condition, the same at each."""
        if names is None:
            return None
        return check_names_of(type(self).__name__, "level_names", names, self.states, "level")

    @property
    def is_one_block(self) -> bool:
        """False: the matrix at each condition is decomposed by itself."""
        return False

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks at each condition; see `Parameterization.blocks`."""
        return tuple(
            block._replace(member=place)
            for place in range(self.limit)
            for block in self.blocks_at_each
        )

    @property
    def blocks_at_each(self) -> tuple[Block, ...]:
        """The uncoupled blocks of the matrix at a condition."""
        return (Block(self.states, tuple(range(self.states))),)

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """Raise: the matrices depend on conditions; use `at(conditions).matrix(parameters)`."""
        del parameters
        raise ValueError(
            f"{type(self).__name__}: the matrix depends on the conditions; bind them first: "
            "structure.at(conditions).matrix(parameters)."
        )

    def mapped(
        self, map_: np.ndarray, offset: np.ndarray, names: Sequence[str]
    ) -> Parameterization:
        """Of the same class; see `Parameterization.mapped`."""
        raise NotImplementedError(f"{type(self).__name__} must define mapped.")

    def at(self, conditions: tf.Tensor) -> AtConditions:
        """The parameterization of B rows at their conditions; see `Parameterization.at`."""
        return self.at_prepared(self.prepared(conditions))

    def prepared(self, conditions: tf.Tensor) -> tf.Tensor:
        """See `Parameterization.prepared`; the other numbers are those of `values_at`."""
        nan = tf.math.is_nan(conditions)
        present = ~tf.reduce_any(nan, axis=2)
        faulty = ~present & ~tf.reduce_all(nan, axis=2)
        faulty |= tf.reduce_any(tf.math.is_inf(conditions), axis=2)
        each = tf.reshape(fill_absent(conditions, present), [-1, len(self.condition_names)])
        values = self.values_at(each)
        mark = tf.cast(present, values.dtype)
        mark = tf.where(faulty, tf.constant(np.nan, mark.dtype), mark)
        values = tf.reshape(values, [-1, self.limit, values.shape[1]])
        return tf.concat([values, new_axis(mark, 2)], axis=2)

    def values_at(self, conditions: tf.Tensor) -> tf.Tensor:
        """The numbers on which the matrices depend, `[R, W - 1]`, for conditions `[R, d]`."""
        return conditions

    def at_prepared(self, prepared: tf.Tensor) -> AtConditions:
        """See `Parameterization.at_prepared`."""
        raise NotImplementedError(f"{type(self).__name__} must define at_prepared.")


def marks_of(prepared: tf.Tensor) -> tf.Tensor:
    """`[B, K]`, the last numbers of prepared conditions; see `Parameterization.prepared`."""
    return tf.unstack(prepared, axis=2)[-1]


def divided(prepared: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The numbers `[B K, W - 1]` of prepared conditions, and `[B, K]` bool, which there are."""
    width = prepared.shape[2] - 1
    values, mark = tf.split(prepared, [width, 1], axis=2)
    return tf.reshape(values, [-1, width]), tf.squeeze(mark, 2) > 0


class AtConditions(Parameterization):
    """B rows of a structure, each at its own K conditions.

    Where a row has fewer conditions, the levels are those at its first one; `without_absent` makes
    them NaN, and nothing may be compared with them.

    Attributes:
        members: the structure at single conditions: its row `b K + k` is row b at condition k.
        present: `[B, K]` bool, which conditions there are.
    """

    def __init__(self, owner: Conditioned, members: Parameterization, present: tf.Tensor):
        """Set the structure, its members and their presence."""
        tf.Module.__init__(self, name="at_conditions")
        self.size, self.num_parameters = owner.size, owner.num_parameters
        self.parameter_names = owner.parameter_names
        self.limit, self.states = owner.limit, owner.states
        self._counts = owner.level_counts
        self.members, self.present = members, present

    @property
    def conditions_shape(self) -> None:
        """None: the conditions are bound."""
        return

    @property
    def level_counts(self) -> LevelCounts:
        """The number of levels at each condition, with their names."""
        return self._counts

    @property
    def is_one_block(self) -> bool:
        """False: the matrix at each condition is decomposed by itself."""
        return False

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """The matrices at each condition, `[B, K, n, n]`; NaN where there is none."""
        found = self.members.matrix(self._own(parameters))
        found = tf.reshape(found, [-1, self.limit, self.states, self.states])
        nan = tf.constant(np.nan, found.dtype)
        return tf.where(self.present[:, :, None, None], found, nan)

    def eigensystem(self, parameters: tf.Tensor) -> tuple[tf.Tensor, Any, tf.Tensor]:
        """The levels condition after condition; see `Parameterization.eigensystem`."""
        values, vectors, finite = self.members.eigensystem(self._own(parameters))
        return self._by_row(values), by_row(vectors, self.limit), self._all(finite)

    def levels(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The levels of `eigensystem` alone; see `Parameterization.levels`."""
        values, finite = self.members.levels(self._own(parameters))
        return self._by_row(values), self._all(finite)

    def spectrum(self, parameters: tf.Tensor) -> tf.Tensor:
        """The levels condition after condition, all NaN if a matrix is not finite.

        They are twice differentiable with respect to parameters and conditions.
        """
        every = self._by_row(self.members.spectrum(self._own(parameters)))
        bad = tf.reduce_any(tf.math.is_nan(every), axis=1, keepdims=True)
        return tf.where(bad, tf.constant(np.nan, every.dtype), every)

    def level_jacobian(self, parameters: tf.Tensor, eigenvectors: Any) -> tf.Tensor:
        """The derivatives of the levels; see `Parameterization.level_jacobian`."""
        slopes = self.members.level_jacobian(self._own(parameters), by_member(eigenvectors))
        return self._by_row(slopes, self.num_parameters)

    def level_curvature(
        self, parameters: tf.Tensor, eigenvectors: Any, levels: WeightedLevels
    ) -> tf.Tensor:
        """The sum over the conditions; see `Parameterization.level_curvature`."""
        own_levels = levels.each(lambda field: tf.reshape(field, [-1, self.states]))
        own = (self._own(parameters), by_member(eigenvectors), own_levels)
        count = self.num_parameters
        each = self.members.level_curvature(*own)
        total = sum_over_second(tf.reshape(each, [-1, self.limit, count * count]))
        return tf.reshape(total, [-1, count, count])

    def without_absent(self, levels: tf.Tensor) -> tf.Tensor:
        """The levels `[B, K n]` or `[B, S, K n]`, NaN at conditions that a row does not have."""
        there = self.present_levels
        there = new_axis(there, 1) if levels.shape.rank == 3 else there
        return tf.where(there, levels, tf.constant(np.nan, levels.dtype))

    @property
    def present_levels(self) -> tf.Tensor:
        """`[B, K n]` bool, which levels there are."""
        return tf.repeat(self.present, self.states, axis=1)

    def _own(self, parameters: tf.Tensor) -> tf.Tensor:
        """The parameters at each condition, `[B K, p]`."""
        return repeated(parameters, self.limit)

    def _by_row(self, field: tf.Tensor, *trailing: int) -> tf.Tensor:
        """Reshape a field of the levels of the members to `[B, K n, ...]`."""
        return tf.reshape(field, [-1, self.size, *trailing])

    def _all(self, finite: tf.Tensor) -> tf.Tensor:
        """`[B]` bool, whether all members `[B K]` are finite."""
        return tf.reduce_all(tf.reshape(finite, [-1, self.limit]), axis=1)


def fill_absent(conditions: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
    """The conditions with absent ones replaced by the first of the row, which has no effect.

    So a matrix is never computed where its function may not be defined. Zeros in a row without any.

    Args:
        conditions: `[B, K, d]`.
        present: `[B, K]` bool.

    Returns:
        `[B, K, d]`, finite if the present ones are.
    """
    safe = tf.where(new_axis(present, 2), conditions, tf.zeros_like(conditions))
    number = tf.argmax(tf.cast(present, tf.int32), axis=1)
    first = tf.stop_gradient(tf.gather(safe, number, axis=1, batch_dims=1))
    return tf.where(new_axis(present, 2), safe, new_axis(first, 1))


def _check_condition_names(owner: str, names: Any) -> tuple[str, ...]:
    """Validate the names of the numbers of a condition."""
    if isinstance(names, str) or not isinstance(names, Sequence) or not names:
        raise ValueError(
            f"{owner}: conditions must be a list of names, one for each number of a condition, "
            f'such as ["B"] or ["kx", "ky", "kz"], got {names!r}.'
        )
    try:
        return check_names(owner, names, len(names))
    except ValueError as error:
        raise ValueError(f"{owner}: conditions must be different names, got {names!r}.") from error
