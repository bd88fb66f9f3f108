"""The inverse of a map of parameters, x = g(y): the least-squares y for a given x."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ..rowwise.axes import new_axis
from ..rowwise.loops import loop
from ..rowwise.products import matmul_rows, sum_over_second
from ..rowwise.tables import select_rows

_STEPS = 16
# The y are starting points of a fit: x need not be met more closely than this, in its own norm.
_NEAR_ENOUGH = 1e-3
_FIRST_DAMPING, _LEAST_DAMPING = 1e-2, 1e-7


def inverse_of(
    function: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]],
    wanted: tf.Tensor,
    start: tf.Tensor,
    scales: np.ndarray,
) -> tf.Tensor:
    """Parameters y near a start with the least `sum_j (s_j (g_j(y) - x_j))^2`.

    At most 16 steps of Levenberg and Marquardt (J. SIAM 11 (1963) 431), each parameter in units of
    its effect. A row that has arrived stays, so that it does not depend on the others.

    Args:
        function: from y `[B, q]` to g(y), `[B, p]`, and dg/dy, `[B, p, q]`.
        wanted: `[B, p]`, x.
        start: `[B, q]`.
        scales: `[p]`, s, positive.

    Returns:
        `[B, q]`; the start itself in a row where g or its derivative is not finite there.
    """
    dtype, width = start.dtype, start.shape[1]
    units_of_x = tf.constant(scales, dtype)
    largest = tf.constant(dtype.max, dtype)
    norm = tf.sqrt(sum_over_second((units_of_x * wanted) ** 2))
    near = (_NEAR_ENOUGH * norm) ** 2

    def at(y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The residual `[B, p]`, its derivatives `[B, p, q]`, and its square `[B]`."""
        value, slopes = function(y)
        residual, jacobian = units_of_x * (wanted - value), new_axis(units_of_x, 1) * slopes
        square = sum_over_second(residual * residual)
        size = square + tf.reduce_max(tf.abs(jacobian), axis=[1, 2])
        usable = tf.math.is_finite(size)
        residual, jacobian = select_rows(
            usable, (residual, jacobian), (tf.zeros_like(residual), tf.zeros_like(jacobian))
        )
        return residual, jacobian, tf.where(usable, square, largest)

    def step(
        count: tf.Tensor,
        y: tf.Tensor,
        residual: tf.Tensor,
        jacobian: tf.Tensor,
        square: tf.Tensor,
        damping: tf.Tensor,
    ) -> tuple[tf.Tensor, ...]:
        units = tf.sqrt(sum_over_second(jacobian * jacobian))
        units = tf.where(units > 0, units, tf.ones_like(units))
        scaled = jacobian / new_axis(units, 1)
        normal = matmul_rows(scaled, scaled, transpose_a=True)
        normal += tf.eye(width, dtype=dtype) * tf.reshape(damping, [-1, 1, 1])
        descent = matmul_rows(scaled, new_axis(residual, 2), transpose_a=True)
        change = tf.linalg.cholesky_solve(tf.linalg.cholesky(normal), descent)
        trial = y + tf.squeeze(change, 2) / units
        there = at(trial)
        better = there[2] < square
        moved = better & (square > near)
        here = (y, residual, jacobian, square)
        now = select_rows(moved, (trial, *there), here)
        lower = tf.maximum(0.1 * damping, _LEAST_DAMPING)
        return count + 1, *now, tf.where(better, lower, 10.0 * damping)

    residual, jacobian, square = at(start)
    damping = tf.zeros_like(square) + _FIRST_DAMPING
    one_number = tf.TensorShape([None])
    found = loop(
        lambda count, y, residual, jacobian, square, damping: (
            (count < _STEPS) & tf.reduce_any((square > near) & (square < largest))
        ),
        step,
        (tf.constant(0), start, residual, jacobian, square, damping),
        (
            tf.TensorShape([]),
            start.shape,
            wanted.shape,
            tf.TensorShape([None, wanted.shape[1], width]),
            one_number,
            one_number,
        ),
    )
    return found[1]
