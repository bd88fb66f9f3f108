"""Where a row starts when the user names no starting point: a function of the row alone."""

from __future__ import annotations

import tensorflow as tf

from .eigen import guarded_eigh
from .observation import Levels
from .parameterizations import Parameterization


def choose_start(
    parameterization: Parameterization,
    observation: Levels,
    targets: tf.Tensor,
    weights: tf.Tensor,
    attempt: tf.Tensor,
    attempts: int,
    candidates: int,
) -> tf.Tensor:
    """The most promising of a few starting points that the parameterization proposes.

    A look at the spectrum of a candidate costs one eigendecomposition, a fit from a poor start
    many; so each attempt looks at several candidates and takes the one of the smallest loss.

    Args:
        parameterization: proposes and makes the matrices.
        observation: makes the levels that are compared.
        targets: `[R, m]`, any finite number where the weight is 0.
        weights: `[R, m]`, 0 where not observed.
        attempt: `[R]`, int32, below `attempts`.
        attempts: how many different starts there are.
        candidates: how many proposals there are for each.

    Returns:
        `[R, p]`.
    """
    nan = tf.constant(float("nan"), targets.dtype)
    size = parameterization.size
    levels = observation.guess_levels(tf.where(weights > 0, targets, nan), size)
    repeated = tf.repeat(levels, candidates, axis=0)
    number = attempt[:, None] * candidates + tf.range(candidates)[None, :]
    proposals = parameterization.starting_points(
        repeated, tf.reshape(number, [-1]), attempts * candidates
    )
    values, _, finite = guarded_eigh(parameterization.matrix(proposals))
    residual = tf.repeat(weights, candidates, axis=0) * (
        tf.repeat(targets, candidates, axis=0) - observation.observe(values)
    )
    loss = tf.reduce_sum(residual * residual, axis=-1)
    loss = tf.where(finite & tf.math.is_finite(loss), loss, loss.dtype.max)
    best = tf.argmin(tf.reshape(loss, [-1, candidates]), axis=-1)
    count = parameterization.num_parameters
    return tf.gather(tf.reshape(proposals, [-1, candidates, count]), best, batch_dims=1)
