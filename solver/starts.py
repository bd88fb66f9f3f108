"""Where a row starts when the user names no starting point: a function of the row alone."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from .elementwise import reciprocal
from .evaluation import evaluate_loss, into_bounds
from .model import Data
from .packing import gather_rows
from .seed import SEED
from .settings import Settings


def choose_start(settings: Settings, data: Data, attempt: tf.Tensor, attempts: int) -> tf.Tensor:
    """The most promising of a few starting points that the parameterization proposes.

    A look at the spectrum of a candidate costs one eigendecomposition, a fit from a poor start
    many; so each attempt looks at several candidates and takes the one of the smallest loss.

    Args:
        settings: the problem, with the number of candidates.
        data: of `R` rows.
        attempt: `[R]`, int32, below `attempts`.
        attempts: how many different starts there are.

    Returns:
        `[R, p]`, within the bounds.
    """
    structure, candidates = settings.parameterization, settings.candidates
    nan = tf.constant(float("nan"), data.targets.dtype)
    number = attempt[:, None] * candidates + tf.range(candidates)[None, :]
    levels = settings.observation.guesses(
        settings.model.comparison,
        structure.level_counts,
        tf.where(data.weights > 0, data.targets, nan),
        number,
        attempts * candidates,
    )
    number = tf.reshape(number, [-1])
    proposals = structure.starting_points(levels, number, attempts * candidates)
    rows = tf.range(tf.shape(attempt)[0])
    data = gather_rows(data, tf.repeat(rows, candidates))
    proposals = _respect(proposals, data, number, attempts * candidates)
    loss = evaluate_loss(settings.model, proposals, data)
    best = tf.argmin(tf.reshape(loss, [-1, candidates]), axis=-1)
    count = structure.num_parameters
    return tf.gather(tf.reshape(proposals, [-1, candidates, count]), best, batch_dims=1)


def _respect(proposals: tf.Tensor, data: Data, number: tf.Tensor, attempts: int) -> tf.Tensor:
    """The proposals, moved to where the parameters are known to be.

    A parameter with a prior starts within about one sigma of its mean, the first time at the mean.
    One that was proposed outside of finite bounds starts anywhere between them.
    """
    if not data.has_priors and not data.bounded:
        return proposals
    generator = np.random.default_rng(SEED)
    shape = (attempts, proposals.shape[1])
    if data.has_priors:
        normal = generator.normal(size=shape)
        normal[0] = 0.0
        near = tf.gather(tf.constant(normal, proposals.dtype), number)
        known = data.prior_weight > 0
        sigma = reciprocal(tf.where(known, data.prior_weight, tf.ones_like(data.prior_weight)))
        proposals = tf.where(known, data.prior_mean + sigma * near, proposals)
    if data.bounded:
        uniform = tf.gather(tf.constant(generator.uniform(size=shape), proposals.dtype), number)
        finite = tf.math.is_finite(data.lower) & tf.math.is_finite(data.upper)
        width = tf.where(finite, data.upper - data.lower, tf.zeros_like(data.lower))
        between = tf.where(finite, data.lower, tf.zeros_like(data.lower)) + uniform * width
        outside = (proposals < data.lower) | (proposals > data.upper)
        proposals = tf.where(outside & finite, between, proposals)
        # One-sided bounds often are signs: the mirror image is as good a start.
        low = tf.where(tf.math.is_finite(data.lower), data.lower, proposals)
        high = tf.where(tf.math.is_finite(data.upper), data.upper, proposals)
        proposals = tf.where(proposals < data.lower, 2.0 * low - proposals, proposals)
        proposals = tf.where(proposals > data.upper, 2.0 * high - proposals, proposals)
        proposals = into_bounds(data.lower, data.upper, proposals)
    return proposals
