"""Symmetric linear systems that may be singular, row by row."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..rowwise.axes import new_axis
from ..rowwise.elementwise import reciprocal
from .eigh import guarded_eigh


def solve_symmetric(matrix: tf.Tensor, units: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """The solution of `H z = b` with minimum norm of `u_j z_j`.

    Eigenvalues of `H_ij / (u_i u_j)` below `16 p epsilon` times the largest count as 0.

    Args:
        matrix: `[B, p, p]`, H, symmetric.
        units: `[B, p]`, u, positive.
        right: `[B, p]`, b.

    Returns:
        `[B, p]`, z; 0 along directions that the matrix does not determine.
    """
    values, vectors, _ = guarded_eigh(matrix / (new_axis(units, 2) * new_axis(units, 1)))
    epsilon = np.finfo(matrix.dtype.as_numpy_dtype).eps
    floor = tf.reduce_max(tf.abs(values), axis=-1, keepdims=True) * (
        epsilon * 16.0 * matrix.shape[-1]
    )
    known = tf.abs(values) > floor
    inverse = tf.where(known, reciprocal(tf.where(known, values, tf.ones_like(values))), 0.0)
    share = tf.linalg.matvec(vectors, right / units, transpose_a=True)
    return tf.linalg.matvec(vectors, inverse * share) / units
