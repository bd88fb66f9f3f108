"""Optimal order-preserving assignment of observed values to computed levels.

Levels and observed values are both sorted, and a higher value is never assigned to a lower level.
So the assignment is a dynamic program over the levels, in which

    D[j, k] = min(D[j - 1, k], D[j - 1, k - 1] + (w_k (t_k - lambda_j))^2)

is the least cost of the first k values among the first j levels. With equal weights this is the
optimum over all assignments (exchanging two crossed partners never costs more); with unequal ones
it is the optimum among those that keep the order.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..rowwise.axes import ascending_order, new_axis
from ..rowwise.traced_once import traced_once


@traced_once
def assign_in_order(levels: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Assign each observed target to a level of its own, in ascending order.

    Args:
        levels: `[B, n]`, ascending.
        targets: `[B, m]`, m at most n, in any order; any finite number where the weight is 0.
        weights: `[B, m]`, 0 where not observed.

    Returns:
        `[B, m]`, int32, the number of the level of each target; 0 where not observed.

    Example:
        >>> levels = tf.constant([[0.0, 1.0, 2.0, 3.0]])
        >>> assign_in_order(levels, tf.constant([[0.9, 1.2]]), tf.ones([1, 2])).numpy().tolist()
        [[1, 2]]
    """
    observed = weights > 0
    infinity = tf.constant(np.inf, targets.dtype)
    # Observed values first, ascending; the others get no level.
    order = ascending_order(tf.where(observed, targets, infinity))
    values = tf.gather(targets, order, axis=1, batch_dims=1)
    scales = tf.gather(weights, order, axis=1, batch_dims=1)
    count = tf.math.count_nonzero(observed, axis=-1, dtype=tf.int32)
    distance = new_axis(scales, 0) * (new_axis(values, 0) - new_axis(tf.transpose(levels), 2))
    costs = tf.where(new_axis(scales > 0, 0), distance * distance, infinity)
    taken = _fill_table(costs)
    chosen = _trace_back(taken, count)
    # chosen[j] is the number (from 1) of the value assigned to level j; 0 for none.
    partners = tf.one_hot(tf.transpose(chosen) - 1, targets.shape[1], dtype=tf.int32)
    places = tf.range(levels.shape[1], dtype=tf.int32)
    numbers = tf.reduce_sum(partners * tf.reshape(places, [1, -1, 1]), axis=1)
    back = ascending_order(order)
    return tf.gather(numbers, back, axis=1, batch_dims=1)


def _fill_table(costs: tf.Tensor) -> tf.Tensor:
    """Forward pass: whether the optimum D[j, k] assigns value k to level j.

    Args:
        costs: `[n, B, m]`, infinite for values that were not observed.

    Returns:
        `[n, B, m]`, bool.
    """
    _, rows, values = tf.unstack(tf.shape(costs))
    infinity = tf.constant(np.inf, costs.dtype)
    start = tf.concat([tf.zeros([rows, 1], costs.dtype), tf.fill([rows, values], infinity)], axis=1)

    def one_level(carried: tuple[tf.Tensor, tf.Tensor], cost: tf.Tensor) -> tuple:
        table, _ = carried
        with_this = table[:, :-1] + cost
        without = table[:, 1:]
        take = with_this < without
        best = tf.where(take, with_this, without)
        return tf.concat([table[:, :1], best], axis=1), take

    nothing = tf.zeros([rows, values], tf.bool)
    _, taken = tf.scan(one_level, costs, initializer=(start, nothing))
    return taken


def _trace_back(taken: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Backward pass: the number (from 1) of the value assigned to each level; 0 for none.

    Args:
        taken: `[n, B, m]`, bool, from `_fill_table`.
        count: `[B]`, int32, the number of observed values.

    Returns:
        `[n, B]`, int32.
    """

    def one_level(carried: tuple[tf.Tensor, tf.Tensor], take: tf.Tensor) -> tuple:
        left, _ = carried
        here = tf.gather(take, tf.maximum(left - 1, 0), axis=1, batch_dims=1) & (left > 0)
        return tf.where(here, left - 1, left), tf.where(here, left, 0)

    _, given = tf.scan(one_level, taken, initializer=(count, tf.zeros_like(count)), reverse=True)
    return given
