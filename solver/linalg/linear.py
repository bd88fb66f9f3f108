"""Linear systems that may be singular, row by row."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..rowwise.axes import new_axis
from ..rowwise.elementwise import reciprocal
from .eigh import guarded_eigh


def solve_symmetric(matrix: tf.Tensor, units: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """The minimum-norm solution of `H z = b`, with norms measured in the given units.

    Args:
        matrix: `[B, p, p]`, symmetric.
        units: `[B, p]`, positive; the unknown `z_j` is measured in `1 / units_j`.
        right: `[B, p]`.

    Returns:
        `[B, p]`; nothing along directions that the matrix does not determine.
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
