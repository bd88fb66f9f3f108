"""Axes and row counts of tensors in single operations, so that graphs are built fast."""

from __future__ import annotations

import tensorflow as tf


def new_axis(tensor: tf.Tensor, place: int) -> tf.Tensor:
    """Insert an axis of size 1 at this place, like `tf.expand_dims`.

    It is one operation, without a copy; `tensor[:, None]` takes four.

    Example:
        >>> new_axis(tf.ones([4, 3]), 1).shape
        TensorShape([4, 1, 3])
    """
    return tf.stack([tensor], axis=place)


def ascending_order(values: tf.Tensor) -> tf.Tensor:
    """`tf.argsort` along the last axis of known size, stable, in three operations instead of nine.

    Example:
        >>> ascending_order(tf.constant([[3, 1, 1]])).numpy().tolist()
        [[1, 2, 0]]
    """
    return tf.math.top_k(-values, values.shape[-1]).indices


def repeated(tensor: tf.Tensor, times: int) -> tf.Tensor:
    """Each row of `[R, ...]` several times in a row, like `tf.repeat`: `[R * times, ...]`.

    It is five operations; `tf.repeat` takes up to thirty. All sizes but R must be known.

    Example:
        >>> repeated(tf.constant([1, 2]), 3).numpy().tolist()
        [1, 1, 1, 2, 2, 2]
    """
    each = tensor.shape[1:]
    copies = tf.tile(new_axis(tensor, 1), [1, times] + [1] * len(each))
    return tf.reshape(copies, [-1, *each])


def row_count(tensor: tf.Tensor) -> tf.Tensor:
    """The number of rows of a tensor `[R, ...]`, int32 scalar."""
    shape = tf.shape(tensor)
    return shape[0] if tensor.shape.rank is None else tf.unstack(shape)[0]
