"""Complete a partly observed spectrum, for starting points."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from ..rowwise.axes import ascending_order, new_axis
from ..rowwise.traced_once import traced_once


def in_each_member(
    function: Callable[[tf.Tensor], tf.Tensor], levels: tf.Tensor, counts: Sequence[int]
) -> tf.Tensor:
    """Apply a function to the levels of each member of a family.

    Members with equally many levels are rows of one batch, so that the graph does not grow with
    their number.

    Args:
        function: maps levels `[R, k]` to `[R, k]`, each row independently.
        levels: `[B, n]`, member after member.
        counts: the number of levels of each member.

    Returns:
        `[B, n]`.
    """
    ends = np.cumsum(counts)
    found, places = [], []
    for size in sorted(set(counts)):
        inside = [np.arange(end - size, end) for end in ends[np.equal(counts, size)]]
        place = np.concatenate(inside)
        together = tf.gather(levels, tf.constant(place, tf.int32), axis=1)
        each = function(tf.reshape(together, [-1, size]))
        found.append(tf.reshape(each, [-1, len(place)]))
        places.append(place)
    order = np.argsort(np.concatenate(places))
    return tf.gather(tf.concat(found, axis=1), tf.constant(order, tf.int32), axis=1)


@traced_once
def fill_gaps(targets: tf.Tensor) -> tf.Tensor:
    """Fill each NaN by linear interpolation between its observed neighbours.

    Ends are extrapolated with the mean spacing of the observed values.

    Args:
        targets: `[B, n]`, NaN where not observed.

    Returns:
        `[B, n]`.
    """
    size = targets.shape[-1]
    seen = ~tf.math.is_nan(targets)
    values = tf.where(seen, targets, tf.zeros_like(targets))
    place = tf.constant(np.arange(size), tf.int32) + tf.zeros_like(targets, tf.int32)
    # observed[:, j] is the position of the j-th observed level.
    observed = ascending_order(tf.where(seen, place, place + size))
    number = tf.cumsum(tf.cast(seen, tf.int32), axis=-1)  # observed levels up to each position
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


def evenly_spaced(counts: Sequence[int], number: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Levels spread evenly about 0, for targets that say nothing about single levels.

    Args:
        counts: the number of levels of each member.
        number: `[B, c]`, int32, the numbers of the candidates of a row.
        dtype: of the levels.

    Returns:
        `[B * c, n]`, from -s to s in each member, with another s for each number in turn.
    """
    ladder = np.concatenate([np.linspace(-1.0, 1.0, count) for count in counts])
    return new_axis(unknown_scale(tf.reshape(number, [-1]), dtype), 1) * tf.constant(ladder, dtype)


def unknown_scale(number: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """A scale of the levels for each start, where the targets say nothing: 1, .1, 10, .01, 100.

    Args:
        number: `[B]`, int32, the numbers of the starts.
        dtype: of the levels.

    Returns:
        `[B]`.
    """
    return tf.gather(tf.constant([1.0, 0.1, 10.0, 0.01, 100.0], dtype), number % 5)
