"""Derivatives that are not provided: NaN instead of a plausible number or 0.

Ordinary operations only, so that it works in every mode of TensorFlow and in exported models.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from .axes import new_axis, row_count

# Its cube overflows in float64; its square times derivatives of any practical size does not.
_LARGE = 1e110


def once_only(
    gradients: Sequence[tf.Tensor], upstream: Sequence[tf.Tensor], tensors: Sequence[tf.Tensor]
) -> list[tf.Tensor]:
    """Mark gradients as not differentiable: their derivatives by `tensors` are NaN.

    Args:
        gradients: `[B, k]` each, linear functions of `upstream`, whose coefficients depend on
            `tensors` in an unknown way.
        upstream: `[B, ...]` each.
        tensors: `[B, k]` each.

    Returns:
        The same values. Their derivatives by `tensors`, forward or reverse, are NaN in the rows on
        which the differentiated result depends and 0 in the others; those by `upstream` are
        unchanged.
    """
    nan = tf.constant(np.nan, tensors[0].dtype)
    # The value is 0 for all tensors, the derivative is not.
    moved = _sum_of_rows([tensor - tf.stop_gradient(tensor) for tensor in tensors])
    # Forward derivatives are the coefficients of `upstream`, which must therefore depend on
    # `tensors` too; with different factors, so that a sum over them does not vanish by chance.
    factor = 1.0 + _sum_of_rows(upstream)
    # multiply_no_nan(x, y) is 0 where y = 0, even if x is NaN. So is its derivative, in which the
    # incoming gradient takes the place of y.
    product = tf.math.multiply_no_nan
    return [
        gradient + product(nan, tf.zeros_like(gradient) + new_axis(moved, 1)) * new_axis(factor, 1)
        for gradient in gradients
    ]


def without_derivative(
    results: Sequence[tf.Tensor], tensors: Sequence[tf.Tensor]
) -> list[tf.Tensor]:
    """The results `[B, ...]`, with NaN as their derivatives by the tensors `[B, k]`."""
    stopped = [tf.stop_gradient(result) for result in results]
    rows = [tf.reshape(result, [row_count(result), -1]) for result in stopped]
    marked = once_only(rows, [tf.zeros_like(tensors[0])], tensors)
    return [
        tf.ensure_shape(tf.reshape(one, tf.shape(result)), result.shape)
        for one, result in zip(marked, stopped, strict=True)
    ]


def twice_only(tensors: Sequence[tf.Tensor], like: tf.Tensor) -> tf.Tensor:
    """Zeros `[B, n]` whose third derivatives by the tensors are infinite or NaN.

    They are `(c dx)^3` with `dx = 0`: the first two derivatives are 0, the third overflows.

    Args:
        tensors: `[B, ...]` each, real.
        like: `[B, n]`, gives shape and dtype. Each element gets its own factor, so that differences
            of elements do not cancel.

    Returns:
        `[B, n]`.
    """
    moved = _sum_of_rows([tensor - tf.stop_gradient(tensor) for tensor in tensors])
    # A NaN coefficient would make the first two derivatives NaN, as 0 * NaN.
    large = _LARGE * tf.cast(moved, tf.float64)
    cube = tf.cast(large * large * large, like.dtype)
    return new_axis(cube, 1) * _factors(tf.shape(like)[1], like.dtype)


def unprovided(upstream: Sequence[tf.Tensor]) -> tf.Tensor:
    """`[B]`: NaN in rows where any of the gradients is not 0, else 0.

    Args:
        upstream: `[B, ...]` each, gradients with respect to outputs that have no derivative.
    """
    nan = tf.constant(np.nan, upstream[0].dtype)
    return tf.math.multiply_no_nan(nan, _sum_of_rows([tf.abs(tensor) for tensor in upstream]))


def _sum_of_rows(tensors: Sequence[tf.Tensor]) -> tf.Tensor:
    """`[B]`, a sum over the finite elements of each row, each with its own factor."""
    parts = []
    for place, tensor in enumerate(tensors):
        row = tf.reshape(tensor, [row_count(tensor), -1])
        factors = _factors(tf.shape(row)[1], row.dtype, place / 7.0)
        parts.append(tf.reduce_sum(tf.where(tf.math.is_finite(row), row * factors, 0.0), axis=1))
    return tf.add_n(parts)


def _factors(count: tf.Tensor, dtype: tf.DType, first: float = 0.0) -> tf.Tensor:
    """`2 + sin(1 + first + k)`: positive numbers, linearly independent over the rationals."""
    return 2.0 + tf.sin(1.0 + first + tf.cast(tf.range(count), dtype))
