"""Functions of single numbers, rounded the same whatever else is in the batch.

A kernel computes most of a batch in packets, and what remains of it number by number, by another
formula where the function is not one that processors have. In single precision Grappler makes such
functions of divisions: `1 / x` and `x / sqrt(y)` become approximate reciprocals with a correction.
tests/solver/rowwise/test_elementwise.py shows it, and holds these functions to the opposite.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from .axes import row_count

# A multiple of the size of all packets.
_PACKET = 16


def reciprocal(x: tf.Tensor) -> tf.Tensor:
    """`1 / x`, as a division, which Grappler leaves alone."""
    return -1.0 / -x


def over_root(x: tf.Tensor, root: tf.Tensor) -> tf.Tensor:
    """`x / root` for a root that was just taken, as a division."""
    return -x / -root


def in_packets(function: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor) -> tf.Tensor:
    """A function of single numbers such as `tf.math.log1p`, with nothing left beside the packets.

    Args:
        function: of tensors `[k]`, finite at 0.
        x: of any shape.

    Returns:
        Of the shape of x.
    """
    flat = tf.reshape(x, [-1])
    count = tf.size(flat)
    padded = function(tf.pad(flat, [[0, -count % _PACKET]]))
    return tf.reshape(padded[:count], tf.shape(x))


def in_row_packets(function: Callable[[tf.Tensor], tf.Tensor], rows: tf.Tensor) -> tf.Tensor:
    """A function of rows, with as many of them as fill the packets of any of its operations.

    Args:
        function: of tensors `[B, k]`, which treats each row alone.
        rows: `[B, k]`.

    Returns:
        Of the rows.
    """
    count = row_count(rows)
    # Copies of a row: any other might be one that the function does not allow.
    copies = tf.repeat(rows[:1], -count % _PACKET, axis=0)
    # Derivatives of slices have no known shape, which those of tf.linalg.diag and others need.
    # Those of a reshape have: so there is one before the function and one behind it.
    found = function(tf.reshape(tf.concat([rows, copies], axis=0), [-1, *rows.shape[1:]]))
    return tf.reshape(found, [-1, *found.shape[1:]])[:count]
