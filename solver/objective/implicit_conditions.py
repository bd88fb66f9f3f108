"""Gradients of the fitted parameters by the conditions, from the implicit function theorem.

At a solution `dL/dx = 0`. With `H = (d2L/dx2) / 2` and the multipliers `mu = H^-1 u` for the
gradient u of a result by x, the result changes with the conditions c by

    -mu^T (d2L/dx dc) / 2 + (the change at fixed x).

The mixed second derivative comes by automatic differentiation of `spectrum`, which is twice
differentiable.
"""

from __future__ import annotations

import tensorflow as tf

from .evaluation import loss_of_levels
from .model import Data, Model


def pull_back_conditions(
    model: Model,
    data: Data,
    parameters: tf.Tensor,
    multipliers: tf.Tensor,
    by_levels: tf.Tensor,
    by_observed: tf.Tensor,
) -> tf.Tensor:
    """The gradient of a result by the conditions of each row.

    Args:
        model: matrices, observation and loss.
        data: of `R` rows.
        parameters: `[R, p]`, the solutions.
        multipliers: `[R, p]`, mu.
        by_levels: `[R, n]`, the gradient of the result by the levels; 0 at absent conditions.
        by_observed: `[R, m]`, its gradient by the values that are compared with the targets.

    Returns:
        `[R, K W]`, by the prepared conditions; 0 for absent ones.
    """
    conditions, comparison = data.conditions, model.comparison
    _, limit, width = conditions.shape
    with tf.GradientTape() as outer:
        outer.watch(conditions)
        with tf.GradientTape() as inner:
            inner.watch(parameters)
            values = model.structure(data).spectrum(parameters)
            loss = loss_of_levels(model, data, parameters, values)
        slope = inner.gradient(loss, parameters)
        assignment = comparison.assign(tf.stop_gradient(values), data.targets, data.weights)
        observed = comparison.centre(comparison.observe(values, assignment), data.weights)
        total = -0.5 * tf.reduce_sum(multipliers * slope, axis=-1)
        total += tf.reduce_sum(by_levels * values, axis=-1)
        total += tf.reduce_sum(by_observed * observed, axis=-1)
    zero = tf.UnconnectedGradients.ZERO
    found = outer.gradient(total, conditions, unconnected_gradients=zero)
    return tf.reshape(found, [-1, limit * width])
