"""Derivatives of functions of rows along given directions, by reverse accumulation alone.

Unlike forward accumulation this works for every TensorFlow operation that has a gradient. The
functions map rows `[R, k]`, each row by itself.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

_ZERO = tf.UnconnectedGradients.ZERO


def first_along(
    function: Callable[[tf.Tensor], tf.Tensor], rows: tf.Tensor, directions: tf.Tensor
) -> tf.Tensor:
    """`f' d` (double backward): the gradient of `sum u f` by the rows is linear in u.

    Its derivative by u in the direction d is `f' d`.

    Args:
        function: from `[R, k]` to `[R, ...]`, real or complex.
        rows: `[R, k]`.
        directions: `[R, k]`, d.

    Returns:
        `[R, ...]`.
    """
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            inner.watch(rows)
            values = function(rows)
        seed = tf.zeros_like(values)
        outer.watch(seed)
        slope = inner.gradient(values, rows, output_gradients=seed, unconnected_gradients=_ZERO)
        along = tf.reduce_sum(slope * directions)
    return outer.gradient(along, seed, unconnected_gradients=_ZERO)


def second_along(
    function: Callable[[tf.Tensor], tf.Tensor], rows: tf.Tensor, directions: tf.Tensor
) -> tf.Tensor:
    """`f'' d` of a function with one real value for each row.

    Args:
        function: from `[R, k]` to `[R]`.
        rows: `[R, k]`.
        directions: `[R, k]`, d.

    Returns:
        `[R, k]`.
    """
    with tf.GradientTape() as outer:
        outer.watch(rows)
        with tf.GradientTape() as inner:
            inner.watch(rows)
            values = function(rows)
        slope = inner.gradient(values, rows, unconnected_gradients=_ZERO)
        along = tf.reduce_sum(slope * directions, axis=-1)
    return outer.gradient(along, rows, unconnected_gradients=_ZERO)


def each_in_turn(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The rows `[R, k]` repeated for each column j, and the unit vectors e_j: `[k R, k]` both.

    The order of the rows within each repetition is kept.
    """
    count = rows.shape[1]
    chosen = tf.repeat(tf.eye(count, dtype=rows.dtype), tf.shape(rows)[0], axis=0)
    return tf.tile(rows, [count, 1]), chosen
