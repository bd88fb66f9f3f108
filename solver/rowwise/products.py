"""Products and sums for batches, each row rounded the same whatever else is in its batch.

TensorFlow chooses a kernel, and a kernel the order of its sums, by the size of the whole batch or
by the place of a number in it. What is here keeps to the sizes where a row does not see the others;
tests/solver/rowwise/test_products.py holds it to that.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from .axes import row_count

# The kernel of one large product takes four of its rows at a time, and rounds the rows that remain
# in another way. That of single precision is chosen by the size of the product on some processors
# (those with AVX-512), so there is no such product in single precision.
_ROWS_AT_ONCE = 8
_ROWS_BEHIND = np.array([[0, 1], [0, 0], [0, 0]], np.int32)
# Longer sums are split among the threads where that seems quicker, which depends on the batch.
_LONGEST_SUM = 64
# So few numbers are added up one after the other in every place of a batch.
_FEW_TO_ADD = 16
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
    one_more = [[0, 1], [0, 0], [0, 0]]
    if right.shape[0] != 1:
        right = tf.pad(right, one_more)
    return tf.matmul(tf.pad(left, one_more), right, **options)[:-1]


def matmul_shared(left: tf.Tensor, right: tf.Tensor | np.ndarray) -> tf.Tensor:
    """The product with a matrix that all rows share, as one large product: the quickest way.

    Args:
        left: `[B, m, k]`; m and k are known.
        right: `[k, n]`.

    Returns:
        `[B, m, n]`.
    """
    _, height, length = left.shape
    width = right.shape[1]
    factor: tf.Tensor = tf.cast(right, left.dtype)
    if length > _LONGEST_SUM or left.dtype == tf.float32:
        return matmul_rows(left, factor[None])
    if width == 1:  # a vector would be multiplied by yet another kernel
        factor = tf.pad(factor, [[0, 0], [0, 1]])
    together = _ROWS_AT_ONCE // math.gcd(height, _ROWS_AT_ONCE)
    rows = row_count(left)
    if together > 1:
        left = tf.pad(left, _ROWS_BEHIND * (-rows % together))
        left.set_shape([None, height, length])
    product = _flat_product(left, factor)
    product = product[:rows] if together > 1 else product
    return product[:, :, :1] if width == 1 else product


def sum_of_rows(weights: tf.Tensor, matrices: tf.Tensor) -> tf.Tensor:
    """`sum_i w_i M_i` over the rows M_i of many small matrices.

    For matrices with short rows that is up to twice as quick as `tf.linalg.matvec` with the same
    matrices transposed, for whole rows are added up at once.

    Args:
        weights: `[B, m, k]`.
        matrices: `[B, m, k, n]`.

    Returns:
        `[B, m, n]`.
    """
    return tf.matmul(weights[:, :, None, :], matrices)[:, :, 0, :]


def pick_columns(left: tf.Tensor, numbers: np.ndarray, factors: np.ndarray) -> tf.Tensor:
    """Some columns of a batch of matrices, each times a number.

    Small matrices are multiplied with one that has one entry in each column. There is nothing to
    add, so this is as exact as `tf.gather`, and two to three times as quick.

    Args:
        left: `[B, m, k]`, finite.
        numbers: `[c]`, which columns.
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

    `tf.reduce_sum` adds up the last numbers of a batch in another order than the others, where
    there are more than fifteen to add.
    """
    if tensor.shape[1] < _FEW_TO_ADD:
        return tf.reduce_sum(tensor, axis=1)
    ones = tf.ones([1, tensor.shape[1]], tensor.dtype)
    return tf.linalg.matvec(tensor, ones, transpose_a=True)


def _flat_product(left: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """The product of all rows with the matrix at once."""
    product = tf.matmul(tf.reshape(left, [-1, left.shape[2]]), right)
    return tf.reshape(product, [-1, left.shape[1], right.shape[1]])
