"""Where a derivative is not provided: NaN, rather than a plausible number or 0.

Made of ordinary operations, so that it holds in every mode of TensorFlow and in an exported model.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from .axes import new_axis, row_count

# Its cube overflows; its square leaves room for derivatives of any size that occurs.
_LARGE = 1e110


def once_only(
    gradients: Sequence[tf.Tensor], upstream: Sequence[tf.Tensor], tensors: Sequence[tf.Tensor]
) -> list[tf.Tensor]:
    """Gradients that cannot be differentiated once more.

    Args:
        gradients: `[B, k]` each, linear functions of `upstream`; what their factors are is known,
            but not how these change with `tensors`.
        upstream: `[B, ...]` each.
        tensors: `[B, k]` each.

    Returns:
        The same numbers. Their derivatives by `tensors`, forwards or backwards, are NaN in every
        row that something depends on, and 0 in the others; those by `upstream` are as they were.
    """
    nan = tf.constant(np.nan, tensors[0].dtype)
    # Both are 0, whatever the tensors hold; their derivatives are not.
    moved = _sum_of_rows([tensor - tf.stop_gradient(tensor) for tensor in tensors])
    # Forward derivatives are the coefficients of `upstream`, so these must depend on `tensors` too;
    # with different factors, so that the sum over coefficients does not vanish by chance.
    factor = 1.0 + _sum_of_rows(upstream)
    # The product of this name is 0 where its second factor is, even if the first is NaN, and so is
    # its derivative, whose second factor is what the gradient is multiplied with further out.
    product = tf.math.multiply_no_nan
    return [
        gradient + product(nan, tf.zeros_like(gradient) + new_axis(moved, 1)) * new_axis(factor, 1)
        for gradient in gradients
    ]


def without_derivative(
    results: Sequence[tf.Tensor], tensors: Sequence[tf.Tensor]
) -> list[tf.Tensor]:
    """The results `[B, ...]`, with NaN for their derivatives by the tensors `[B, k]`."""
    stopped = [tf.stop_gradient(result) for result in results]
    rows = [tf.reshape(result, [row_count(result), -1]) for result in stopped]
    marked = once_only(rows, [tf.zeros_like(tensors[0])], tensors)
    return [
        tf.ensure_shape(tf.reshape(one, tf.shape(result)), result.shape)
        for one, result in zip(marked, stopped, strict=True)
    ]


def twice_only(tensors: Sequence[tf.Tensor], like: tf.Tensor) -> tf.Tensor:
    """Zeros like `[B, n]`, whose third derivatives by the tensors overflow: they are not finite.

    Args:
        tensors: `[B, ...]` each, real.
        like: `[B, n]`; each of its numbers gets a factor of its own, so that nothing cancels where
            something depends on differences of them.
    """
    moved = _sum_of_rows([tensor - tf.stop_gradient(tensor) for tensor in tensors])
    # NaN would spoil the first two derivatives, in which it is multiplied with 0.
    large = _LARGE * tf.cast(moved, tf.float64)
    cube = tf.cast(large * large * large, like.dtype)
    return new_axis(cube, 1) * _factors(tf.shape(like)[1], like.dtype)


def unprovided(upstream: Sequence[tf.Tensor]) -> tf.Tensor:
    """NaN for each row, `[B]`, where one of the gradients `[B, ...]` is not 0, else 0.

    Args:
        upstream: gradients by what has no derivative that could be passed on.
    """
    nan = tf.constant(np.nan, upstream[0].dtype)
    return tf.math.multiply_no_nan(nan, _sum_of_rows([tf.abs(tensor) for tensor in upstream]))


def _sum_of_rows(tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    """A sum over each row, `[B]`, of what is finite in it, with a factor for each number."""
    parts = []
    for place, tensor in enumerate(tensors):
        row = tf.reshape(tensor, [row_count(tensor), -1])
        factors = _factors(tf.shape(row)[1], row.dtype, place / 7.0)
        parts.append(tf.reduce_sum(tf.where(tf.math.is_finite(row), row * factors, 0.0), axis=1))
    return tf.add_n(parts)


def _factors(count: tf.Tensor, dtype: tf.DType, first: float = 0.0) -> tf.Tensor:
    """Positive numbers, of which no combination with rational coefficients is 0."""
    return 2.0 + tf.sin(1.0 + first + tf.cast(tf.range(count), dtype))
