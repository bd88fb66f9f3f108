"""Matrix products and sums for batches whose rounding does not depend on the other rows.

TensorFlow chooses the kernel, and the kernel the order of summation, by the size of the batch or by
the position of an element in it. These functions use only sizes for which the result of a row is
independent of both; tests/solver/rowwise/test_products.py checks that.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from .axes import row_count

# The kernel of one large product processes four of its rows at a time, and rounds the remaining
# rows differently. In single precision the kernel depends on the size of the product on processors
# with AVX-512, so single precision does not use large products.
_ROWS_AT_ONCE = 8
_PAD_ROWS = np.array([[0, 1], [0, 0], [0, 0]], np.int32)
# Longer sums may be split among threads, depending on the batch.
_LONGEST_SUM = 64
# Sums of fewer elements are sequential everywhere in a batch.
_FEW_TO_ADD = 16
# Columns of larger matrices are gathered, in a time that does not grow with the size.
_LARGEST_TO_PICK = 100


def matmul_rows(left: tf.Tensor, right: tf.Tensor, **options: bool) -> tf.Tensor:
    """`tf.matmul` of a batch, one product for each row.

    For a batch of one TensorFlow uses another kernel, which rounds differently, so a row of zeros
    is added.

    Args:
        left: `[B, m, k]`.
        right: `[B, k, n]`, or `[1, k, n]` for a matrix shared by all rows.
        **options: of `tf.matmul`, such as `transpose_a`.

    Returns:
        `[B, m, n]`.
    """
    one_more = [[0, 1], [0, 0], [0, 0]]
    if right.shape[0] != 1:
        right = tf.pad(right, one_more)
    return tf.matmul(tf.pad(left, one_more), right, **options)[:-1]


def matmul_shared(left: tf.Tensor, right: tf.Tensor | np.ndarray) -> tf.Tensor:
    """The product with a matrix shared by all rows, as one large product, which is fastest.

    Args:
        left: `[B, m, k]`, m and k static.
        right: `[k, n]`.

    Returns:
        `[B, m, n]`.
    """
    _, height, length = left.shape
    width = right.shape[1]
    factor: tf.Tensor = tf.cast(right, left.dtype)
    if length > _LONGEST_SUM or left.dtype == tf.float32:
        return matmul_rows(left, factor[None])
    if width == 1:  # matrix times vector has yet another kernel
        factor = tf.pad(factor, [[0, 0], [0, 1]])
    together = _ROWS_AT_ONCE // math.gcd(height, _ROWS_AT_ONCE)
    rows = row_count(left)
    if together > 1:
        left = tf.pad(left, (rows * -_PAD_ROWS) % together)
        left.set_shape([None, height, length])
    product = _flat_product(left, factor)
    if together > 1:  # `product[:rows]` in fewer operations
        product = tf.strided_slice(product, [0], tf.stack([rows]), [1])
    return product[:, :, :1] if width == 1 else product


def sum_of_rows(weights: tf.Tensor, matrices: tf.Tensor) -> tf.Tensor:
    """`sum_k w_mk M_mkn`, sums of the rows of many small matrices.

    For short rows up to twice as fast as `tf.linalg.matvec` with the transposed matrices, because
    whole rows are added at once.

    Args:
        weights: `[B, m, k]`.
        matrices: `[B, m, k, n]`.

    Returns:
        `[B, m, n]`.
    """
    return tf.matmul(weights[:, :, None, :], matrices)[:, :, 0, :]


def pick_columns(left: tf.Tensor, numbers: np.ndarray, factors: np.ndarray) -> tf.Tensor:
    """Selected columns of a batch of matrices, each times a factor.

    Small matrices are multiplied by a selection matrix, with one nonzero entry in each column: as
    exact as `tf.gather`, for nothing is summed, and two to three times as fast.

    Args:
        left: `[B, m, k]`, finite.
        numbers: `[c]`, the column numbers.
        factors: `[c]`.

    Returns:
        `[B, m, c]`.
    """
    size, count = left.shape[2], len(numbers)
    if size > _LARGEST_TO_PICK:
        picked = tf.gather(left, tf.constant(numbers, tf.int32), axis=2)
        return picked * tf.constant(factors, left.dtype)
    chosen = np.zeros((size, count), np.asarray(factors).dtype)
    chosen[numbers, np.arange(count)] = factors
    return _flat_product(left, tf.constant(chosen, left.dtype))


def sum_over_second(tensor: tf.Tensor) -> tf.Tensor:
    """The sum over the second axis of `[B, m, k]`, as `[B, k]`.

    For more than 15 terms `tf.reduce_sum` sums the last elements of a batch in another order.
    """
    if tensor.shape[1] < _FEW_TO_ADD:
        return tf.reduce_sum(tensor, axis=1)
    ones = tf.ones([1, tensor.shape[1]], tensor.dtype)
    return tf.linalg.matvec(tensor, ones, transpose_a=True)


def _flat_product(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """The product `[B * m, k] [k, n]`, as `[B, m, n]`."""
    product = tf.matmul(tf.reshape(left, [-1, left.shape[2]]), right)
    return tf.reshape(product, [-1, left.shape[1], right.shape[1]])
