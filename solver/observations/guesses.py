"""A whole spectrum for the observed part of one, to start from."""

from __future__ import annotations

import tensorflow as tf


def fill_gaps(targets: tf.Tensor) -> tf.Tensor:
    """Replace each NaN on a straight line through the observed levels beside it."""
    size = targets.shape[-1]
    seen = ~tf.math.is_nan(targets)
    values = tf.where(seen, targets, tf.zeros_like(targets))
    place = tf.range(size)[None, :] + tf.zeros_like(targets, tf.int32)
    # observed[:, j] is the place of the observed level number j.
    observed = tf.argsort(tf.where(seen, place, place + size), axis=-1)
    number = tf.cumsum(tf.cast(seen, tf.int32), axis=-1)  # observed levels up to each place
    count = number[:, -1:]
    inside = (number > 0) & (number < count)
    left = tf.gather(observed, tf.where(inside, number - 1, 0), axis=1, batch_dims=1)
    right = tf.where(inside, number, tf.broadcast_to(count - 1, tf.shape(number)))
    right = tf.gather(observed, tf.maximum(right, 0), axis=1, batch_dims=1)
    low = tf.gather(values, left, axis=1, batch_dims=1)
    high = tf.gather(values, right, axis=1, batch_dims=1)
    width = tf.cast(tf.maximum(right - left, 1), targets.dtype)
    share = tf.cast(place - left, targets.dtype) / width
    return tf.where(seen, targets, low + share * (high - low))
