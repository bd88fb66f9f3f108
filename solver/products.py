"""Matrix products for batches of rows, each row rounded the same whatever else is in its batch."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

# The kernels of a product take so many of its rows at a time, or a divisor of it, and round the
# rows that remain in another way.
_ROWS_AT_ONCE = 8
# Columns of larger matrices are gathered, which takes a time that does not grow with the size.
_LARGEST_TO_PICK = 100


def matmul_rows(left: tf.Tensor, right: tf.Tensor, **options: bool) -> tf.Tensor:
    """`tf.matmul` for a batch, product by product.

    TensorFlow multiplies a batch of one by another kernel, which rounds differently. So there is
    always one row more, of zeros.

    Args:
        left: `[B, m, k]`.
        right: `[B, k, n]`, or `[1, k, n]` for a matrix that all rows share.
        **options: those of `tf.matmul`, such as `transpose_a`.

    Returns:
        `[B, m, n]`.
    """
    if right.shape[0] == 1 and not options:
        return matmul_shared(left, right[0])
    one_more = [[0, 1], [0, 0], [0, 0]]
    return tf.matmul(tf.pad(left, one_more), tf.pad(right, one_more), **options)[:-1]


def matmul_shared(left: tf.Tensor, right: tf.Tensor | np.ndarray) -> tf.Tensor:
    """The product with a matrix that all rows share, as one large product: the quickest way.

    Args:
        left: `[B, k]` or `[B, m, k]`.
        right: `[k, n]`; an array of NumPy is a constant of the graph.

    Returns:
        `[B, n]` or `[B, m, n]`.
    """
    left = tf.convert_to_tensor(left)
    together = _ROWS_AT_ONCE // math.gcd(math.prod(left.shape[1:-1]), _ROWS_AT_ONCE)
    if isinstance(right, np.ndarray):
        if np.count_nonzero(right, axis=0).max() <= 1:
            together = 1  # there is nothing to add, so nothing to round differently
        right = tf.constant(right, left.dtype)
    if together == 1:
        return _flat_product(left, right)
    rows = tf.shape(left)[0]
    padding = [[0, -rows % together]] + [[0, 0]] * (left.shape.rank - 1)
    return _flat_product(tf.pad(left, padding), right)[:rows]


def _flat_product(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """The product of all rows with the matrix at once."""
    if left.shape.rank == 2:
        return tf.matmul(left, right)
    product = tf.matmul(tf.reshape(left, [-1, left.shape[-1]]), right)
    return tf.reshape(product, [-1, *left.shape[1:-1], right.shape[-1]])


def pick_columns(left: tf.Tensor, numbers: np.ndarray, factors: np.ndarray) -> tf.Tensor:
    """Some columns of a batch of matrices, each times a number.

    Small matrices are multiplied with one that has an entry in each column, which is as exact as
    `tf.gather`, and three times as quick.

    Args:
        left: `[B, m, k]`, finite.
        numbers: `[c]`, which columns.
        factors: `[c]`.

    Returns:
        `[B, m, c]`.
    """
    size, count = left.shape[2], len(numbers)
    if size > _LARGEST_TO_PICK:
        return tf.gather(left, tf.constant(numbers, tf.int32), axis=2) * tf.constant(
            factors, left.dtype
        )
    chosen = np.zeros((size, count), np.asarray(factors).dtype)
    chosen[numbers, np.arange(count)] = factors
    return matmul_shared(left, chosen)
