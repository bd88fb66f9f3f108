"""Linear least squares with weights that differ by many powers of ten.

In `J^T J` and `J^T r` rows with small weights are lost in the rounding error of those with large
ones, completely beyond a ratio of about 1e7. A singular value decomposition of J itself, with rows
sorted by descending norm, keeps each row to its own rounding error (Cox & Higham, BIT 38 (1998) 34;
Björck, Numerical Methods for Least Squares Problems, 1996, section 4.4).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ..rowwise.axes import new_axis
from ..rowwise.elementwise import reciprocal
from ..rowwise.traced_once import traced_once

# Below this ratio of the smallest weight to the largest, J^T J is too inaccurate for light rows.
UNEVEN = 1e-3
# The same for tests of negative curvature.
UNEVEN_CURVATURE = 1e-2
# A Jacobian with columns of comparable norm has clearly full rank if all QR pivots, relative to the
# largest, are above this multiple of the rank tolerance.
_CLEAR_RANK = 256.0


class Graded(NamedTuple):
    """The singular value decomposition of a weighted Jacobian, with `k = min(M, p)`.

    Attributes:
        singular: `[R, k]`, the singular values s, descending.
        right: `[R, p, k]`, the right singular vectors V in columns.
        components: `[R, k]`, `U^T r`, the residual along the left singular vectors; () without r.
        rounding: `[R, k]`, a bound on their errors, from those of the residual and of J; () where
            the error of the residual was not given.
        determined: `[R, k]` bool, which directions the data determine:
            `max_i s_k |U_ik| / |J_i| > sqrt(epsilon)`, with `|J_i|` the norm of row i. The rank is
            then that of `J^T J` with each row normalized.
    """

    singular: tf.Tensor
    right: tf.Tensor
    components: Any
    rounding: Any
    determined: tf.Tensor


@traced_once
def decompose(
    jacobian: tf.Tensor, residual: tf.Tensor | None = None, error: tf.Tensor | None = None
) -> Graded:
    """Decompose weighted Jacobians, with their rows sorted by descending norm.

    Args:
        jacobian: `[R, M, p]`, with columns of comparable norm.
        residual: `[R, M]`; None if its components are not needed.
        error: `[R, M]`, the error of each residual; None if `rounding` is not needed.

    Returns:
        The `Graded` decomposition.
    """
    epsilon = np.finfo(jacobian.dtype.as_numpy_dtype).eps
    lengths = tf.sqrt(tf.reduce_sum(jacobian * jacobian, axis=-1))
    lengths, order = tf.math.top_k(lengths, lengths.shape[1])  # stable
    jacobian = tf.gather(jacobian, order, batch_dims=1)
    singular, left, right = tf.linalg.svd(jacobian)
    seen = lengths > 0
    safe = tf.where(seen, lengths, tf.ones_like(lengths))
    inverse = new_axis(tf.where(seen, reciprocal(safe), 0.0), 2)
    most = singular * tf.reduce_max(tf.abs(left) * inverse, axis=1)
    determined = (most > np.sqrt(epsilon)) & (singular > 0)
    graded = Graded(singular, right, (), (), determined)
    if residual is None:
        return graded
    ordered: tf.Tensor = tf.gather(residual, order, batch_dims=1)
    graded = graded._replace(components=tf.linalg.matvec(left, ordered, transpose_a=True))
    if error is None:
        return graded
    safe = tf.where(determined, singular, tf.ones_like(singular))
    rounding = new_axis(_turned(jacobian, ordered), 1) * reciprocal(safe)
    squares = tf.gather(error * error, order, batch_dims=1)
    rounding += tf.sqrt(tf.linalg.matvec(left * left, squares, transpose_a=True))
    return graded._replace(rounding=rounding)


def _turned(jacobian: tf.Tensor, residual: tf.Tensor) -> tf.Tensor:
    """`[R]`, `epsilon (M + p) |(r_i |J_i|)|`: divided by s_k the error of `(U^T r)_k`.

    It comes from the rounding of J row by row, which turns its singular vectors.
    """
    data, count = jacobian.shape[1:]
    epsilon = float(np.finfo(jacobian.dtype.as_numpy_dtype).eps)
    squares = tf.reduce_sum(jacobian * jacobian, axis=-1) * residual * residual
    return epsilon * float(data + count) * tf.sqrt(tf.reduce_sum(squares, axis=-1))


def damped(graded: Graded, damping: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The damped step `h = (J^T J + mu I)^-1 J^T r` and its predicted decrease of the loss.

    Args:
        graded: the decomposition.
        damping: `[R]`, mu, positive.

    Returns:
        `[R, p]`, h; `[R]`, the decrease `2 g^T h - |J h|^2`; and `[R]`, `|J h|^2 / |h|^2`.
    """
    squares = graded.singular * graded.singular
    kept = squares / (squares + new_axis(damping, 1))
    moved = graded.singular / (squares + new_axis(damping, 1)) * graded.components
    gains = graded.components * graded.components * kept * (2.0 - kept)
    length = tf.reduce_sum(moved * moved, axis=-1)
    effect = tf.math.divide_no_nan(tf.reduce_sum(squares * moved * moved, axis=-1), length)
    return tf.linalg.matvec(graded.right, moved), tf.reduce_sum(gains, axis=-1), effect


@traced_once
def minimum_norm_step(jacobian: tf.Tensor, residual: tf.Tensor) -> tf.Tensor:
    """The minimum-norm least-squares solution `J^+ r`, with the rank of `Graded.determined`.

    Björck, Numerical Methods for Least Squares Problems, 1996, section 1.2.5.

    Args:
        jacobian: `[R, M, p]`, with columns of comparable norm.
        residual: `[R, M]`.

    Returns:
        `[R, p]`.
    """
    found = decompose(jacobian, residual)
    safe = tf.where(found.determined, found.singular, tf.ones_like(found.singular))
    moved = tf.where(found.determined, found.components * reciprocal(safe), 0.0)
    return tf.linalg.matvec(found.right, moved)


@traced_once
def gain_by_projection(
    jacobian: tf.Tensor, residual: tf.Tensor, error: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """`gain_left` as `|Q^T r|^2` with `J = Q R`, many times faster than by singular values.

    If the rank of J is not clearly full it is an upper bound, which includes directions that the
    data do not determine.

    Args:
        jacobian: `[R, M, p]`, with columns of comparable norm.
        residual: `[R, M]`.
        error: `[R, M]`, the error of each residual.

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
    """The decrease of the loss that a Gauss-Newton step predicts, `g^T (J^T J)^+ g`.

    Args:
        graded: the decomposition, with residual and error.

    Returns:
        `[R]`, the decrease; and `[R]`, the part of it beyond the rounding error.
    """
    gains = tf.where(graded.determined, graded.components * graded.components, 0.0)
    certain = tf.maximum(gains - graded.rounding * graded.rounding, 0.0)
    return tf.reduce_sum(gains, axis=-1), tf.reduce_sum(certain, axis=-1)
