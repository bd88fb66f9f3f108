"""What callers pass in Python becomes tensors of the right shape, or a ValueError."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from . import checks
from .knowledge import check_bounds, check_priors
from .request import BOUNDS, PRIORS
from .settings import Settings


class Arguments:
    """Reads the arguments of a solver's methods.

    Args:
        settings: of the solver.
    """

    def __init__(self, settings: Settings):
        self._dtype = settings.dtype
        self._names = settings.parameterization.parameter_names
        self._count = settings.parameterization.num_parameters
        self._num_targets = settings.model.comparison.num_targets
        # How many targets are the zero of a scale.
        self._grounds = int(np.sum(~settings.model.comparison.measures))

    def targets(self, value: Any) -> tf.Tensor:
        """A tensor `[B, m]` of targets."""
        tensor = checks.as_real("targets", value, self._dtype)
        missing = self._grounds and tensor.shape.rank == 2
        if missing and tensor.shape[1] == self._num_targets - self._grounds:
            where = "first, of each member" if self._grounds > 1 else "first"
            raise ValueError(
                f"targets must have shape [rows, {self._num_targets}] (levels), got "
                f"{checks.show(tensor.shape)}: the lowest level has a column too. Where the others "
                f"are measured from it, put 0 (or NaN) {where}."
            )
        return self.levels("targets", tensor)

    def levels(self, argument: str, value: Any) -> tf.Tensor:
        """A tensor `[B, m]` of targets or weights."""
        return checks.as_rows(argument, value, self._num_targets, "levels", self._dtype)

    def unknowns(self, value: Any, argument: str = "parameters") -> tf.Tensor:
        """A tensor `[B, p]` of parameters."""
        return checks.as_rows(argument, value, self._count, "parameters", self._dtype)

    def knowledge(
        self, targets: tf.Tensor, bounds: Any, priors: Any
    ) -> tuple[list[tf.Tensor], tuple[bool, bool]]:
        """Bounds and priors of the rows as tensors, and which of them there are."""
        tensors = []
        for argument, names, value, check in (
            ("bounds", BOUNDS, bounds, check_bounds),
            ("priors", PRIORS, priors, check_priors),
        ):
            if value is None:
                continue
            if not _by_row(value):
                value = check("fit", value, self._names)
            if len(value) != 2:
                raise ValueError(
                    f"fit: {argument} must be ({', '.join(names)}), got {len(value)} parts."
                )
            for name, part in zip(names, value, strict=True):
                label = f"{argument}: {name}"
                tensors.append(self.unknowns(self._for_all_rows(label, part, targets), label))
        return tensors, (bounds is not None, priors is not None)

    def complete(
        self,
        targets: tf.Tensor,
        initial: Any,
        weights: Any,
        tolerance: Any,
        max_steps: Any,
        *known: tf.Tensor,
    ) -> tuple[tf.Tensor, ...]:
        """The other arguments of a fit as tensors with the rows of the targets."""
        if initial is None:
            initial = _filled(targets, np.nan, self._dtype, self._count)
        else:
            initial = self.unknowns(initial, "initial")
        if weights is None:
            weights = _filled(targets, 1.0, self._dtype, self._num_targets)
        else:
            weights = self.levels("weights", weights)
        tolerance = _column("tolerance", tolerance, np.nan, self._dtype, targets)
        max_steps = _column("max_steps", max_steps, 0, tf.int32, targets)
        checks.check_same_rows(
            targets=targets,
            initial=initial,
            weights=weights,
            tolerance=tolerance,
            max_steps=max_steps,
            **{f"bounds or priors [{place}]": tensor for place, tensor in enumerate(known)},
        )
        return initial, weights, tolerance, max_steps, *known

    def _for_all_rows(self, label: str, value: Any, targets: tf.Tensor) -> tf.Tensor:
        """A number, or one for each parameter, as `[B, p]`; `[B, p]` as it is."""
        tensor = checks.as_real(label, value, self._dtype)
        if tensor.shape.rank not in (0, 1):
            return tensor
        if tensor.shape.rank == 1 and tensor.shape[0] not in (None, self._count):
            raise ValueError(
                f"{label} must be a number, [{self._count}] (parameters) or "
                f"[rows, {self._count}], got [{tensor.shape[0]}]."
            )
        return tf.broadcast_to(tensor, [tf.shape(targets)[0], self._count])


def _column(
    argument: str, value: Any, default: float, dtype: tf.DType, targets: tf.Tensor
) -> tf.Tensor:
    """One number for each row of the targets, `[B]`."""
    if value is None:
        return _filled(targets, default, dtype)
    column = checks.as_column(argument, value, dtype)
    return tf.broadcast_to(column, tf.shape(targets)[:1]) if column.shape.rank == 0 else column


def _filled(targets: tf.Tensor, value: float, dtype: tf.DType, *width: int) -> tf.Tensor:
    """The same number in every row of the targets, `[B, *width]`."""
    if tf.executing_eagerly():  # NumPy starts faster than an operation of TensorFlow
        return tf.constant(np.full([len(targets), *width], value, dtype.as_numpy_dtype))
    return tf.fill([tf.shape(targets)[0], *width], tf.constant(value, dtype))


def _by_row(value: Any) -> bool:
    """Whether bounds or priors have parts `[B, p]`, or tensors, known only when the graph runs."""
    if not isinstance(value, Sequence):
        return False
    return any(tf.is_tensor(part) or np.ndim(part) > 1 for part in value)
