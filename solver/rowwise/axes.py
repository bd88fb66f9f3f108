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


def row_count(tensor: tf.Tensor) -> tf.Tensor:
    """The number of rows of a tensor `[R, ...]`, int32 scalar."""
    shape = tf.shape(tensor)
    return shape[0] if tensor.shape.rank is None else tf.unstack(shape)[0]
