"""Frequencies `sqrt(lambda) / 2 pi` of levels, and their derivatives by formula."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from ..rowwise.axes import new_axis
from ..rowwise.elementwise import in_row_packets
from ..rowwise.products import matmul_rows
from .function_of_lines import FunctionOfLines


@dataclasses.dataclass(frozen=True, eq=False)
class FrequencyMap(FunctionOfLines):
    """A `FunctionOfLines` of which each value is the frequency of one level.

    `f' = 1 / (4 pi sqrt(|lambda|))` and `f'' = -f' / (2 lambda)` take a tenth of the operations of
    automatic differentiation.

    Attributes:
        numbers: `[m]`, the number of the level of each value, all different.
    """

    numbers: np.ndarray = dataclasses.field(kw_only=True)

    def observe_slopes(
        self, levels: tf.Tensor, slopes: tf.Tensor, assignment: tf.Tensor | None = None
    ) -> tf.Tensor:
        """`f' dlambda/dx`; see `TargetMap.observe_slopes`."""
        del assignment
        return new_axis(self._first(levels), 2) * self._of_levels(slopes)

    def pull_back(
        self, levels: tf.Tensor, force: tf.Tensor, assignment: tf.Tensor | None = None
    ) -> tf.Tensor:
        """`f' g` at the levels that have a value; see `TargetMap.pull_back`."""
        del assignment
        place = np.full(self.num_levels, self.num_values)
        place[self.numbers] = np.arange(self.num_values)
        with_zero = tf.pad(self._first(levels) * force, [[0, 0], [0, 1]])
        return tf.gather(with_zero, tf.constant(place, tf.int32), axis=1)

    def bending(self, levels: tf.Tensor, slopes: tf.Tensor, force: tf.Tensor) -> tf.Tensor:
        """`sum_k g_k f_k'' dlambda_k/dx dlambda_k/dx`; see `TargetMap.bending`."""

        def second(rows: tf.Tensor) -> tf.Tensor:
            chosen, moves = _moving(self.numbers, rows)
            return -0.5 * _slope(chosen, moves) / tf.where(moves, chosen, 1.0)

        own = self._of_levels(slopes)
        weighted = own * new_axis(force * in_row_packets(second, levels), 2)
        found = matmul_rows(tf.linalg.matrix_transpose(weighted), own)
        return 0.5 * (found + tf.linalg.matrix_transpose(found))

    def _of_levels(self, slopes: tf.Tensor) -> tf.Tensor:
        """`[R, m, k]`, the derivatives of the level of each value."""
        return tf.gather(slopes, tf.constant(self.numbers, tf.int32), axis=1)

    def _first(self, levels: tf.Tensor) -> tf.Tensor:
        """`f'`, `[R, m]`."""
        return in_row_packets(lambda rows: _slope(*_moving(self.numbers, rows)), levels)


def frequencies(numbers: np.ndarray, levels: tf.Tensor) -> tf.Tensor:
    """`sign(lambda) sqrt(|lambda|) / 2 pi` of the levels with these numbers, `[R, m]`."""
    chosen, moves = _moving(numbers, levels)
    safe = tf.where(moves, tf.abs(chosen), tf.ones_like(chosen))
    return tf.where(moves, tf.sign(chosen) * tf.sqrt(safe), 0.0) / (2.0 * np.pi)


def _moving(numbers: np.ndarray, levels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The levels with these numbers, `[R, m]`, and `[R, m]` bool, whether they are not 0.

    A level that is 0 to within its rounding error is a rigid-body mode. There the derivative of the
    frequency would be infinite: it is set to 0.
    """
    chosen = tf.gather(levels, tf.constant(numbers, tf.int32), axis=1)
    epsilon = np.finfo(chosen.dtype.as_numpy_dtype).eps
    largest = tf.reduce_max(tf.abs(tf.stop_gradient(levels)), axis=1, keepdims=True)
    return chosen, tf.abs(chosen) > 4.0 * epsilon * levels.shape[1] * largest


def _slope(chosen: tf.Tensor, moves: tf.Tensor) -> tf.Tensor:
    """`1 / (4 pi sqrt(|lambda|))`, 0 for a rigid-body mode, `[R, m]`."""
    safe = tf.where(moves, tf.abs(chosen), tf.ones_like(chosen))
    return tf.where(moves, 1.0 / (4.0 * np.pi * tf.sqrt(safe)), 0.0)
