"""Least squares whose rows may differ in weight by many powers of ten.

`J^T J` and `J^T r` keep of a light row what the rounding error of the heaviest leaves: beyond a
ratio of about 1e7, nothing. The singular value decomposition of J itself keeps every row to its own
rounding error, if heavy rows come first (Cox & Higham, BIT 38 (1998) 34; Björck, Numerical Methods
for Least Squares Problems, 1996, section 4.4).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ..rowwise.axes import new_axis
from ..rowwise.elementwise import reciprocal

# Where weights differ by more, products such as J^T J hold too little of the light rows.
UNEVEN = 1e-3
# The same for the question whether the loss curves downwards anywhere.
UNEVEN_CURVATURE = 1e-2
# The rank of a Jacobian is beyond doubt where no pivot, as a share of the largest, is below so many
# times the rank tolerance.
_CLEAR_RANK = 256.0


class Graded(NamedTuple):
    """The singular value decomposition of a weighted Jacobian, with `k = min(M, p)`.

    Attributes:
        singular: `[R, k]`, descending.
        right: `[R, p, k]`, the right singular vectors in columns.
        share: `[R, k]`, the components of the residual along the left ones.
        rounding: `[R, k]`, how much of them the errors of the residual and of J may be.
        known: `[R, k]` bool, which directions any datum determines: the most that one datum sees
            of the direction is above the rank tolerance, the root of the rounding unit, of all
            that it sees. So the rank is that of `J^T J` in units of each datum.
    """

    singular: tf.Tensor
    right: tf.Tensor
    share: tf.Tensor
    rounding: tf.Tensor
    known: tf.Tensor


def decompose(jacobian: tf.Tensor, residual: tf.Tensor, error: tf.Tensor | None = None) -> Graded:
    """Decompose weighted Jacobians.

    Args:
        jacobian: `[R, M, p]`, with columns of comparable size.
        residual: `[R, M]`.
        error: `[R, M]`, how far each residual may be off; None for not at all.

    Returns:
        The `Graded`.
    """
    epsilon = np.finfo(jacobian.dtype.as_numpy_dtype).eps
    lengths = tf.sqrt(tf.reduce_sum(jacobian * jacobian, axis=-1))
    lengths, order = tf.math.top_k(lengths, lengths.shape[1])  # equal ones keep their order
    jacobian = tf.gather(jacobian, order, batch_dims=1)
    residual = tf.gather(residual, order, batch_dims=1)
    singular, left, right = tf.linalg.svd(jacobian)
    share = tf.linalg.matvec(left, residual, transpose_a=True)
    seen = lengths > 0
    safe = tf.where(seen, lengths, tf.ones_like(lengths))
    inverse = new_axis(tf.where(seen, reciprocal(safe), 0.0), 2)
    most = singular * tf.reduce_max(tf.abs(left) * inverse, axis=1)
    known = (most > np.sqrt(epsilon)) & (singular > 0)
    safe = tf.where(known, singular, tf.ones_like(singular))
    rounding = new_axis(_turned(jacobian, residual), 1) * reciprocal(safe)
    if error is not None:
        squares = tf.gather(error * error, order, batch_dims=1)
        rounding += tf.sqrt(tf.linalg.matvec(left * left, squares, transpose_a=True))
    return Graded(singular, right, share, rounding, known)


def _turned(jacobian: tf.Tensor, residual: tf.Tensor) -> tf.Tensor:
    """`[R]`: by the rounding errors of J, row by row, its singular vectors turn.

    Divided by the singular value, this is the error of a component of the residual.
    """
    data, count = jacobian.shape[1:]
    epsilon = float(np.finfo(jacobian.dtype.as_numpy_dtype).eps)
    squares = tf.reduce_sum(jacobian * jacobian, axis=-1) * residual * residual
    return epsilon * float(data + count) * tf.sqrt(tf.reduce_sum(squares, axis=-1))


def damped(graded: Graded, damping: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """`h = (J^T J + mu I)^-1 J^T r`, how much it lowers the loss of the linear model, its effect.

    Args:
        graded: the decomposition.
        damping: `[R]`, mu, positive.

    Returns:
        `[R, p]`; `[R]`, the decrease `2 g^T h - |J h|^2`; and `[R]`, `|J h|^2 / |h|^2`.
    """
    squares = graded.singular * graded.singular
    kept = squares / (squares + new_axis(damping, 1))
    moved = graded.singular / (squares + new_axis(damping, 1)) * graded.share
    gains = graded.share * graded.share * kept * (2.0 - kept)
    length = tf.reduce_sum(moved * moved, axis=-1)
    effect = tf.math.divide_no_nan(tf.reduce_sum(squares * moved * moved, axis=-1), length)
    return tf.linalg.matvec(graded.right, moved), tf.reduce_sum(gains, axis=-1), effect


def minimum_norm_step(jacobian: tf.Tensor, residual: tf.Tensor) -> tf.Tensor:
    """`J^+ r`, `[R, p]`, the shortest of all vectors that make `|J h - r|` least.

    Björck, Numerical Methods for Least Squares Problems, 1996, section 1.2.5, with the rank of
    `Graded.known`.

    Args:
        jacobian: `[R, M, p]`, with columns of comparable size.
        residual: `[R, M]`.
    """
    found = decompose(jacobian, residual)
    safe = tf.where(found.known, found.singular, tf.ones_like(found.singular))
    moved = tf.where(found.known, found.share * reciprocal(safe), 0.0)
    return tf.linalg.matvec(found.right, moved)


def gain_by_projection(
    jacobian: tf.Tensor, residual: tf.Tensor, error: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """`gain_left` by a QR decomposition, many times as quick as singular values.

    It is what the residual has in the range of J. Where J is not clearly of full rank, this is a
    bound, for it counts directions that no datum determines.

    Args:
        jacobian: `[R, M, p]`, with columns of comparable size.
        residual: `[R, M]`.
        error: `[R, M]`, how far each residual may be off.

    Returns:
        As `gain_left`, and `[R]` bool, whether the rank is clearly full.
    """
    basis, triangle = tf.linalg.qr(jacobian)
    share = tf.linalg.matvec(basis, residual, transpose_a=True)
    pivots = tf.abs(tf.linalg.diag_part(triangle))
    rounding = tf.math.divide_no_nan(new_axis(_turned(jacobian, residual), 1), pivots)
    rounding += tf.sqrt(tf.linalg.matvec(basis * basis, error * error, transpose_a=True))
    gains = share * share
    certain = tf.maximum(gains - rounding * rounding, 0.0)
    least = _CLEAR_RANK * np.sqrt(np.finfo(pivots.dtype.as_numpy_dtype).eps)
    clear = tf.reduce_min(pivots, axis=-1) > float(least) * tf.reduce_max(pivots, axis=-1)
    return tf.reduce_sum(gains, axis=-1), tf.reduce_sum(certain, axis=-1), clear


def gain_left(graded: Graded) -> tuple[tf.Tensor, tf.Tensor]:
    """What a Gauss-Newton step could still gain, `g^T (J^T J)^+ g`; and how much is no rounding.

    Returns:
        `[R]` twice.
    """
    gains = tf.where(graded.known, graded.share * graded.share, 0.0)
    certain = tf.maximum(gains - graded.rounding * graded.rounding, 0.0)
    return tf.reduce_sum(gains, axis=-1), tf.reduce_sum(certain, axis=-1)
