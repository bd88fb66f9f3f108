"""Elementwise functions whose rounding does not depend on the rest of the batch.

A kernel computes most elements in SIMD packets and the remainder one by one. For functions without
a processor instruction the two code paths round differently. In single precision Grappler turns
divisions into such functions: `1 / x` and `x / sqrt(y)` become approximate reciprocals with a
correction. tests/solver/rowwise/test_elementwise.py shows this, and tests the functions here.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from .axes import row_count

# A multiple of all SIMD packet sizes.
_PACKET = 16


def reciprocal(x: tf.Tensor) -> tf.Tensor:
    """`1 / x`, written as a division that Grappler does not rewrite."""
    return -1.0 / -x


def over_root(x: tf.Tensor, root: tf.Tensor) -> tf.Tensor:
    """`x / root` with `root` a `tf.sqrt`, written as a division that Grappler does not rewrite."""
    return -x / -root


def in_packets(function: Callable[[tf.Tensor], tf.Tensor], x: tf.Tensor) -> tf.Tensor:
    """Apply an elementwise function such as `tf.math.log1p` to whole SIMD packets.

    The argument is padded with zeros, so that every element takes the same code path.

    Args:
        function: of tensors `[k]`, finite at 0.
        x: of any shape.

    Returns:
        `function(x)`, of the shape of x.
    """
    flat = tf.reshape(x, [-1])
    count = tf.size(flat)
    padded = function(tf.pad(flat, [[0, -count % _PACKET]]))
    return tf.reshape(padded[:count], tf.shape(x))


def in_row_packets(function: Callable[[tf.Tensor], tf.Tensor], rows: tf.Tensor) -> tf.Tensor:
    """Apply a function of rows to a multiple of `_PACKET` rows: whole packets in every operation.

    Args:
        function: of tensors `[B, k]`, row by row.
        rows: `[B, k]`.

    Returns:
        `function(rows)`, `[B, ...]`.
    """
    count = row_count(rows)
    # Pad with copies of a row: another row might be outside the domain of the function.
    copies = tf.repeat(rows[:1], -count % _PACKET, axis=0)
    # The gradient of a slice has an unknown shape, and tf.linalg.diag among others needs a known
    # one. The gradient of a reshape has it: hence one before and one after the function.
    found = function(tf.reshape(tf.concat([rows, copies], axis=0), [-1, *rows.shape[1:]]))
    return tf.reshape(found, [-1, *found.shape[1:]])[:count]
