"""Convert the Python arguments of a solver's methods to tensors, or raise a ValueError."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from .. import checks
from ..names import by_name, by_target, check_complete, check_known
from ..objective.bounds_and_priors import check_bounds, check_priors
from ..results.fit_result import FitResult
from ..rowwise.axes import row_count
from ..rowwise.elementwise import reciprocal
from ..settings import Settings
from .conditions import Conditions, as_conditions, targets_of
from .request import BOUNDS, PRIORS, Key


class Arguments:
    """Converts the arguments of a solver's methods.

    Args:
        settings: of the solver.
    """

    def __init__(self, settings: Settings):
        self._settings = settings
        self._dtype = settings.dtype
        self._names = settings.parameterization.parameter_names
        self._count = settings.parameterization.num_parameters
        self._centred = settings.model.comparison.centred
        self._num_targets = settings.model.comparison.num_targets
        self._target_names = settings.model.target_names
        # Number of targets that are ground levels, from which the others are measured.
        self._grounds = int(np.sum(~settings.model.comparison.measures))

    def conditions(self, value: Any) -> Conditions:
        """The conditions of the rows; see `as_conditions`."""
        return as_conditions(self._settings, value)

    def targets(self, value: Any, conditions: Conditions | None = None) -> tf.Tensor:
        """A tensor `[B, m]` of targets; those of the given conditions are padded with NaN."""
        checks.check_mode("targets")
        named = by_target("fit", "targets", value, self._target_names)
        if named is not None:
            return self._columns("targets", named, None, self._target_names)
        tensor = checks.as_real("targets", value, self._dtype)
        tensor = self._padded("targets", tensor, conditions)
        missing = self._grounds and tensor.shape.rank == 2
        if missing and tensor.shape[1] == self._num_targets - self._grounds:
            where = "first, of each member" if self._grounds > 1 else "first"
            raise ValueError(
                f"targets must have shape [rows, {self._num_targets}] (levels), got "
                f"{checks.show(tensor.shape)}: the lowest level has a column too. Where the others "
                f"are measured from it, put 0 (or NaN) {where}."
            )
        return self._levels("targets", tensor)

    def weights(
        self,
        like: tf.Tensor,
        weights: Any,
        sigma: Any = None,
        conditions: Conditions | None = None,
    ) -> tf.Tensor:
        """Weights `[B, m]`, from weights or from sigma; NaN for the solver's default.

        Args:
            like: `[B, ...]`, a tensor with these rows.
            weights: 1 / sigma, a number, `[m]` or `[B, m]`.
            sigma: instead of weights.
            conditions: of the rows; weights of these alone are padded with NaN.

        Raises:
            ValueError: for both, for other shapes, or for a sigma that is not positive.
        """
        if sigma is None:
            if weights is None:
                return _filled(like, np.nan, self._dtype, self._num_targets)
            return self._of_targets("weights", weights, like, conditions)
        if weights is not None:
            raise ValueError("sigma and weights = 1 / sigma say the same; give one of them.")
        sigma = self._of_targets("sigma", sigma, like, conditions)
        # A sigma that is not positive becomes the weight -1, which makes its row invalid.
        positive = sigma > 0
        weights = reciprocal(tf.where(positive, sigma, tf.ones_like(sigma)))
        return tf.where(positive, weights, tf.where(tf.math.is_nan(sigma), sigma, -1.0))

    def unknowns(
        self, value: Any, argument: str = "parameters", rows: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Parameters `[B, p]`.

        Args:
            value: `[B, p]`; or by name, each one number or `[B]`.
            argument: its name, for messages.
            rows: `[B, ...]`, gives the number of rows for single numbers by name, and makes missing
                names NaN. None: all names are needed, and single numbers alone are one row.

        Raises:
            ValueError: for other shapes or dtypes, or for unknown or missing names.
        """
        checks.check_mode(argument)
        if isinstance(value, FitResult):
            raise ValueError(
                f"{argument} must be numbers, got a FitResult; pass fit.parameters, or for "
                "standard errors and correlations of a fit call fit.covariance()."
            )
        named = by_name(value, self._names)
        if named is None:
            return checks.as_rows(argument, value, self._count, "parameters", self._dtype)
        check = check_complete if rows is None else check_known
        check("SpectralSolver", argument, named, self._names)
        return self._columns(argument, named, rows)

    def knowledge(
        self,
        targets: tf.Tensor,
        bounds: Any,
        priors: Any,
        sides: Any = None,
        conditions: Conditions | None = None,
    ) -> tuple[list[tf.Tensor], Key]:
        """Bounds, priors and sides of the rows; sides of the given conditions alone are padded.

        Returns:
            `[B, p]` each: lower, upper, prior mean, prior sigma, and `[B, m]`: sides, of those
            given, NaN for the solver's default; and which were given.
        """
        tensors = []
        nan = (np.nan, np.nan)  # the solver's default
        for argument, names, value, check in (
            ("bounds", BOUNDS, bounds, check_bounds),
            ("priors", PRIORS, priors, check_priors),
        ):
            if value is None:
                continue
            if _has_columns(value):
                check_known("fit", argument, value, self._names)
                parts = [_entries("fit", argument, names, value, place) for place in (0, 1)]
                tensors += [
                    self._columns(f"{argument}: {name}", part, targets)
                    for name, part in zip(names, parts, strict=True)
                ]
                continue
            if not _by_row(value):
                value = check("fit", value, self._names, nan)
            if len(value) != 2:
                raise ValueError(
                    f"fit: {argument} must be ({', '.join(names)}), got {len(value)} parts."
                )
            for name, part in zip(names, value, strict=True):
                part = np.nan if part is None else part
                label = f"{argument}: {name}"
                tensors.append(self._for_all_rows(label, part, targets, self._count, "parameters"))
        if sides is not None:
            tensors.append(self.sides(targets, sides, conditions))
        return tensors, (bounds is not None, priors is not None, sides is not None)

    def sides(
        self, targets: tf.Tensor, value: Any, conditions: Conditions | None = None
    ) -> tf.Tensor:
        """The sides `[B, m]`, from signs or numbers, also by name; see `SpectralSolver.fit`."""
        if self._centred:
            raise ValueError(
                'sides: a limit needs levels with a known zero, not relative_to="mean"; leave the '
                "target out (NaN), or compare with the lowest level."
            )
        named = by_target("fit", "sides", value, self._target_names)
        if named is not None:
            numbers = {name: checks.as_sides("fit", side) for name, side in named.items()}
            return self._columns("sides", numbers, targets, self._target_names)
        numbers = self._padded("sides", checks.as_sides("fit", value), conditions)
        return self._for_all_rows("sides", numbers, targets, self._num_targets, "targets")

    def complete(
        self,
        targets: tf.Tensor,
        initial: Any,
        weights: Any,
        sigma: Any,
        tolerance: Any,
        max_steps: Any,
        conditions: Conditions,
        *known: tf.Tensor,
    ) -> tuple[tf.Tensor, ...]:
        """The other arguments of a fit as tensors with the rows of the targets.

        Returns:
            `[B, p]` initial, `[B, m]` weights, `[B]` tolerance, `[B]` max_steps (int32), `known`,
            and `[B, K, d]` conditions if the structure takes any; NaN or 0 for a default.
        """
        if initial is None:
            initial = _filled(targets, np.nan, self._dtype, self._count)
        else:
            initial = self.unknowns(initial, "initial", targets)
        weights = self.weights(targets, weights, sigma, conditions)
        tolerance = _column("tolerance", tolerance, np.nan, self._dtype, targets)
        max_steps = _column("max_steps", max_steps, 0, tf.int32, targets)
        checks.check_same_rows(
            targets=targets,
            initial=initial,
            weights=weights,
            tolerance=tolerance,
            max_steps=max_steps,
            **{f"bounds, priors or sides [{place}]": tensor for place, tensor in enumerate(known)},
        )
        return initial, weights, tolerance, max_steps, *known, *conditions.of_rows(targets)

    def _padded(self, label: str, value: Any, conditions: Conditions | None) -> Any:
        """Pad values for the targets of the given conditions alone with NaN to all, `[..., m]`.

        Raises:
            ValueError: for targets of another number of conditions.
        """
        count = None if conditions is None else conditions.given
        if count is None:
            return value
        needed = targets_of(self._settings, count)
        wanted = int(np.sum(needed))
        if wanted in (0, self._num_targets):
            return value
        value = checks.as_real(label, value, self._dtype)
        width = value.shape[-1] if value.shape.rank in (1, 2) else None
        if width is None or width == self._num_targets:
            return value
        if width != wanted:
            raise ValueError(
                f"{label} must have shape [rows, {wanted}], the targets of the {count} conditions, "
                f"or [rows, {self._num_targets}] with NaN for the others, got "
                f"{checks.show(value.shape)}."
            )
        padding = [[0, 0]] * (value.shape.rank - 1) + [[0, 1]]
        nan = tf.constant(np.nan, self._dtype)
        padded = tf.pad(value, padding, constant_values=nan)
        source = np.where(needed, np.cumsum(needed) - 1, wanted)
        return tf.gather(padded, tf.constant(source, tf.int32), axis=-1)

    def _of_targets(
        self, argument: str, value: Any, like: tf.Tensor, conditions: Conditions | None
    ) -> tf.Tensor:
        """Weights or sigma `[B, m]`, also by the names of the targets; NaN for a missing name."""
        named = by_target("fit", argument, value, self._target_names)
        if named is not None:
            return self._columns(argument, named, like, self._target_names)
        value = self._padded(argument, value, conditions)
        if argument == "sigma" and not tf.is_tensor(value) and np.ndim(value) < 2:
            checks.check_sigma("fit", value, self._num_targets)
        return self._for_all_rows(argument, value, like, self._num_targets, "levels")

    def _levels(self, argument: str, value: Any) -> tf.Tensor:
        """A tensor `[B, m]`."""
        return checks.as_rows(argument, value, self._num_targets, "levels", self._dtype)

    def _for_all_rows(
        self, label: str, value: Any, like: tf.Tensor, width: int, meaning: str
    ) -> tf.Tensor:
        """Broadcast a number or `[width]` to `[B, width]`; `[B, width]` stays as it is."""
        tensor = checks.as_real(label, value, self._dtype)
        if tensor.shape.rank not in (0, 1):
            return checks.as_rows(label, tensor, width, meaning, self._dtype)
        if tensor.shape.rank == 1 and tensor.shape[0] not in (None, width):
            raise ValueError(
                f"{label} must be a number, [{width}] ({meaning}) or "
                f"[rows, {width}], got [{tensor.shape[0]}]."
            )
        return tf.broadcast_to(tensor, [row_count(like), width])

    def _columns(
        self,
        label: str,
        named: Mapping[str, Any],
        rows: tf.Tensor | None,
        names: Sequence[str] | None = None,
    ) -> tf.Tensor:
        """`[B, p]` from one number or `[B]` for each name; NaN where it is missing.

        The names are those of the parameters unless others are given.
        """
        columns = {
            name: checks.as_column(f"{label}: {name}", value, self._dtype)
            for name, value in named.items()
        }
        longest = [column for column in columns.values() if column.shape.rank != 0]
        every = {f"{label}: {name}": column for name, column in columns.items()}
        if rows is not None:
            every = {"targets": rows, **every}
        checks.check_same_rows(**every)
        if rows is not None:
            size = tf.shape(rows)[:1]
        else:
            size = tf.shape(longest[0]) if longest else tf.constant([1])
        nan = tf.constant(np.nan, self._dtype)
        in_order = [columns.get(name, nan) for name in names or self._names]
        return tf.stack(
            [
                tf.broadcast_to(column, size) if column.shape.rank == 0 else column
                for column in in_order
            ],
            axis=1,
        )


def _column(
    argument: str, value: Any, default: float, dtype: tf.DType, targets: tf.Tensor
) -> tf.Tensor:
    """One number for each row of the targets, `[B]`."""
    if value is None:
        return _filled(targets, default, dtype)
    column = checks.as_column(argument, value, dtype)
    return tf.broadcast_to(column, tf.shape(targets)[:1]) if column.shape.rank == 0 else column


def _filled(targets: tf.Tensor, value: float, dtype: tf.DType, *width: int) -> tf.Tensor:
    """A constant tensor with the rows of the targets, `[B, *width]`."""
    if tf.executing_eagerly():  # NumPy starts faster than an operation of TensorFlow
        return tf.constant(np.full([len(targets), *width], value, dtype.as_numpy_dtype))
    return tf.fill([row_count(targets), *width], tf.constant(value, dtype))


def _by_row(value: Any) -> bool:
    """Whether the parts of bounds or priors are `[B, p]`, or tensors, unknown before the graph."""
    if not isinstance(value, Sequence):
        return False
    return any(tf.is_tensor(part) or _rank(part) > 1 for part in value)


def _has_columns(value: Any) -> bool:
    """Whether bounds or priors by name hold one number for each row."""
    if not isinstance(value, Mapping):
        return False
    pairs = [pair for pair in value.values() if isinstance(pair, Sequence)]
    return any(tf.is_tensor(part) or _rank(part) > 0 for pair in pairs for part in pair)


def _entries(
    owner: str, argument: str, names: Sequence[str], value: Mapping[str, Any], place: int
) -> dict[str, Any]:
    """Entry `place` of each pair, by name; NaN for None."""
    for name, pair in value.items():
        if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
            raise ValueError(
                f"{owner}: {argument} must be ({', '.join(names)}) for each name, got {pair!r} for "
                f"{name!r}."
            )
    return {name: np.nan if pair[place] is None else pair[place] for name, pair in value.items()}


def _rank(part: Any) -> int:
    try:
        return np.ndim(part)
    except ValueError:  # ragged
        return 0
