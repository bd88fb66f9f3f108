"""Derivatives of functions of rows along given directions, by reverse accumulation alone.

Unlike forward accumulation this works for every TensorFlow operation that has a gradient. The
functions map rows `[R, k]`, each row by itself.

Directions are taken in passes through the derivative's graph. The function itself is computed once
for all passes. One pass of all directions makes the smallest graph; more passes save time where
many rows make large tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from .axes import row_count

_ZERO = tf.UnconnectedGradients.ZERO


def first_along(
    function: Callable[[tf.Tensor], tf.Tensor],
    rows: tf.Tensor,
    directions: tf.Tensor,
    most_passes: int = 1,
) -> tf.Tensor:
    """`f' d` (double backward): the gradient of `sum u f` by the rows is linear in u.

    Its derivative by u in the direction d is `f' d`.

    Args:
        function: from `[R, k]` to `[R, ...]`, real or complex.
        rows: `[R, k]`.
        directions: `[c, R, k]`, the directions d of each row.
        most_passes: the largest number of passes.

    Returns:
        `[c, R, ...]`.
    """
    copies, passes = _passes(directions, most_passes)
    repeated = _repeat(rows, copies)
    with tf.GradientTape(persistent=True) as outer:
        with tf.GradientTape() as inner:
            inner.watch(repeated)
            values = function(repeated)
        seed = tf.zeros_like(values)
        outer.watch(seed)
        slope = inner.gradient(values, repeated, output_gradients=seed, unconnected_gradients=_ZERO)
    return _along(outer, slope, seed, passes, directions)


def second_along(
    function: Callable[..., tf.Tensor],
    rows: tf.Tensor,
    directions: tf.Tensor,
    others: Sequence[tf.Tensor] = (),
    most_passes: int = 1,
) -> tf.Tensor:
    """`f'' d` of a function with one real value for each row.

    Args:
        function: from `[R, k]`, and the others, to `[R]`.
        rows: `[R, k]`.
        directions: `[c, R, k]`, the directions d of each row.
        others: `[R, ...]` each, what else the function depends on, held fixed.
        most_passes: the largest number of passes.

    Returns:
        `[c, R, k]`.
    """
    copies, passes = _passes(directions, most_passes)
    repeated, *held = (_repeat(each, copies) for each in (rows, *others))
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(repeated)
        with tf.GradientTape() as inner:
            inner.watch(repeated)
            values = function(repeated, *held)
        slope = inner.gradient(values, repeated, unconnected_gradients=_ZERO)
    return _along(outer, slope, repeated, passes, directions)


def each_in_turn(rows: tf.Tensor) -> tf.Tensor:
    """The unit vectors as directions `[k, R, k]` of rows `[R, k]`."""
    count = rows.shape[1]
    units = tf.reshape(tf.eye(count, dtype=rows.dtype), [count, 1, count])
    return tf.broadcast_to(units, [count, row_count(rows), count])


def _passes(directions: tf.Tensor, most: int) -> tuple[int, list[tf.Tensor]]:
    """The number of directions in each pass, and `[copies R, k]`, the directions of each pass."""
    count, width = directions.shape[0], directions.shape[2]
    copies = -(-count // most)
    number = -(-count // copies)
    filled = tf.pad(directions, [[0, number * copies - count], [0, 0], [0, 0]])
    return copies, tf.unstack(tf.reshape(filled, [number, -1, width]))


def _repeat(rows: tf.Tensor, copies: int) -> tf.Tensor:
    """`[copies R, ...]`: all rows so many times."""
    return rows if copies == 1 else tf.tile(rows, [copies, *[1] * (rows.shape.rank - 1)])


def _along(
    tape: tf.GradientTape,
    slope: tf.Tensor,
    source: tf.Tensor,
    passes: Sequence[tf.Tensor],
    directions: tf.Tensor,
) -> tf.Tensor:
    """`[c, R, ...]`: the derivatives of `sum slope d` by the source, pass by pass."""
    found = [
        tape.gradient(slope, source, output_gradients=one, unconnected_gradients=_ZERO)
        for one in passes
    ]
    together = tf.concat(found, axis=0)
    rows = tf.unstack(tf.shape(directions))[1]
    shape = tf.concat([[-1, rows], tf.shape(together)[1:]], axis=0)
    every = tf.reshape(together, shape)[: directions.shape[0]]
    return tf.ensure_shape(every, [directions.shape[0], directions.shape[1], *together.shape[1:]])
