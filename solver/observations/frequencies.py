"""Observation of natural frequencies, `sqrt(lambda) / 2 pi` in `K u = omega^2 M u`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..rowwise.elementwise import in_row_packets
from .function_of_lines import FunctionOfLines
from .levels import Levels
from .target_map import TargetMap

# The units of squared angular frequencies whose frequencies are in Hz.
_PER_SECOND_SQUARED = {"1/s^2", "s^-2", "rad^2/s^2", "(rad/s)^2", "rad^2 s^-2", "s⁻²"}


class Frequencies(Levels):
    """Targets are natural frequencies: `f = sqrt(lambda) / 2 pi` of the levels `lambda = omega^2`.

    In `K u = omega^2 M u` (`Generalized`, `Tridiagonal`, ...) the levels are squares of angular
    frequencies. Targets, sigma, residuals and the summary are in Hz if K / M is in 1/s^2. A level
    below 0, an unstable mode, has the frequency `-sqrt(-lambda) / 2 pi`, as phonon programs plot
    it. A rigid-body mode, whose level is 0 to within its rounding error, has the frequency 0 and no
    derivative. The order of the targets is
    free, as in `Levels`.

    Example:
        >>> chain = Generalized(GraphLaplacian([(0, 0), (0, 1)]), np.diag([2.0, 1.0]))
        >>> solver = SpectralSolver(chain, observation=Frequencies())
        >>> levels = solver.spectrum([[30.0, 50.0]])
        >>> fit = solver.fit(np.sqrt(levels) / (2 * np.pi), initial=[[20.0, 60.0]])
        >>> fit.parameters.numpy().round(6).tolist()
        [[30.0, 50.0]]
    """

    def __init__(
        self,
        *,
        lowest: int | None = None,
        highest: int | None = None,
        indices: Sequence[int] | None = None,
        name: str | None = None,
    ) -> None:
        """Select the modes.

        Args:
            lowest: compare only this many lowest modes.
            highest: compare only this many highest modes.
            indices: compare the modes with these numbers, ascending from 0 for the lowest. At most
                one of `lowest`, `highest` and `indices`.
            name: name of the module.

        Raises:
            ValueError: for any other value, or more than one selection.
        """
        super().__init__(lowest=lowest, highest=highest, indices=indices, name=name)

    def of(self, counts: Sequence[int]) -> TargetMap:
        """The map for members with these numbers of levels; see `Observation.of`."""
        chosen = super().of(counts)
        return FunctionOfLines(
            num_levels=chosen.num_levels,
            function=functools.partial(
                in_row_packets, functools.partial(_frequencies, chosen.upper)
            ),
            num_values=chosen.num_targets,
            used=chosen.used,
            own_levels=chosen.upper[:, None],
            own_lines=chosen.lines,
            ordered=chosen.ordered,
            unit_of=_unit,
            most_passes=1,
        )

    def as_levels(self, comparison: TargetMap, targets: tf.Tensor) -> tf.Tensor:
        """`(2 pi f)^2`, with the sign of f; see `Observation.as_levels`."""
        del comparison
        return tf.sign(targets) * (2.0 * np.pi * targets) ** 2

    def guess_levels(
        self, comparison: TargetMap, counts: Sequence[int], targets: tf.Tensor
    ) -> tf.Tensor:
        """Fill gaps between the levels; see `Levels.guess_levels`."""
        del comparison
        return super().guess_levels(super().of(counts), counts, targets)

    def describe(self) -> dict[str, Any]:
        """Its arguments as plain data."""
        return {key: value for key, value in super().describe().items() if key != "relative_to"}


def _unit(level_unit: str) -> str:
    """The unit of the frequencies; "" where it is not known."""
    return "Hz" if level_unit in _PER_SECOND_SQUARED else ""


def _frequencies(numbers: np.ndarray, levels: tf.Tensor) -> tf.Tensor:
    """`sign(lambda) sqrt(|lambda|) / 2 pi` of the levels with these numbers, `[R, m]`."""
    chosen = tf.gather(levels, tf.constant(numbers, tf.int32), axis=1)
    size = tf.abs(chosen)
    # A level that is 0 to within its rounding error is a rigid-body mode. At 0 the derivative would
    # be infinite: there it is 0.
    epsilon = np.finfo(chosen.dtype.as_numpy_dtype).eps
    largest = tf.reduce_max(tf.abs(tf.stop_gradient(levels)), axis=1, keepdims=True)
    positive = size > 4.0 * epsilon * levels.shape[1] * largest
    safe = tf.where(positive, size, tf.ones_like(size))
    return tf.where(positive, tf.sign(chosen) * tf.sqrt(safe), 0.0) / (2.0 * np.pi)
