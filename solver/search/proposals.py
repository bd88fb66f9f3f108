"""Proposals of starting points, from the targets or at random; each row independent of others."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..objective.bounds import into_bounds
from ..objective.evaluation import evaluate_loss
from ..objective.model import Data, is_given
from ..observations import TargetMap
from ..observations.guesses import in_each_member, unknown_scale
from ..rowwise.axes import new_axis, repeated, row_count
from ..rowwise.elementwise import reciprocal
from ..rowwise.tables import repeat_rows
from ..seed import SEED
from ..settings import Settings

# Number of random numbers stored in the graph, after which random starts repeat.
_MOST_NUMBERS = 20_000
# The spread of a random start is that of the targets times a factor in [1 / _RANGE, _RANGE].
_RANGE = 3.0
# With partly observed levels, one start in this many is made from the targets, the others at
# random.
_SHARE_WITH_FEW = 8
# The same where level numbers are assigned.
_SHARE_WITH_ASSIGNMENT = 4


def choose_start(settings: Settings, data: Data, attempt: tf.Tensor, attempts: int) -> tf.Tensor:
    """The starting point of an attempt: made from the targets, or random.

    From the targets: the parameterization proposes several points whose levels resemble the
    targets, and the one with the least loss is taken. That costs one eigendecomposition for each,
    a fit from a poor start many more. With all levels observed the proposals are near the answer;
    with transitions only they are confined to few regions.

    Random: the first point drawn, not the best of several, which would be as confined.

    The two alternate where all levels are observed. Where level numbers are assigned one start in
    four is made from the targets, elsewhere one in eight. Measured, the share of starts that lead
    to the answer: for Toeplitz spectra (n = 16) one in nine from the targets, one in fourteen at
    random; for five lines of a 6 x 6 matrix with a large constant part none from the targets in
    half of the rows, one in four at random in all rows. (The same lines without a constant part:
    97.5 % of 400 rows were solved with random points chosen by their loss and every second start a
    hop, 99.5 % of 800 are now.)

    Args:
        settings: the problem, with the number of candidates.
        data: of `R` rows.
        attempt: `[R]`, int32, below `attempts`.
        attempts: the number of different starts.

    Returns:
        `[R, p]`, within the bounds.
    """
    structure, candidates = settings.model.structure(data), settings.candidates
    comparison = settings.model.comparison
    number = new_axis(attempt, 1) * candidates + tf.constant([list(range(candidates))])
    origin = _levels_of_constant(settings, data)
    every = repeat_rows(data, candidates)
    proposals = _from_levels(settings, data, every, origin, number, attempts * candidates)
    number = tf.reshape(number, [-1])
    proposals = _into_bounds_and_priors(proposals, every, number, attempts * candidates)
    loss = evaluate_loss(settings.model, proposals, every)
    best = tf.argmin(tf.reshape(loss, [-1, candidates]), axis=-1)
    count = structure.num_parameters
    chosen = tf.gather(tf.reshape(proposals, [-1, candidates, count]), best, batch_dims=1)
    at_random = _at_random(settings, data, origin, attempt)
    if at_random is None:
        return chosen
    at_random = _into_bounds_and_priors(at_random, data, attempt, attempts * candidates)
    if comparison.assigned:
        random = attempt % _SHARE_WITH_ASSIGNMENT != 0
    elif comparison.covers_all_levels:
        # The kinds alternate among the even and among the odd numbers: every second may be a hop.
        random = (attempt + attempt // 2) % 2 == 1
    else:
        random = attempt % _SHARE_WITH_FEW != 0
    return tf.where(new_axis(random, 1), at_random, chosen)


def _levels_of_constant(settings: Settings, data: Data) -> tf.Tensor | None:
    """The levels of the constant part A(0), None without one.

    `[1, n]`, or `[R, n]` at the conditions of each row.
    """
    structure = settings.model.structure(data)
    if not structure.has_constant:
        return None
    rows = row_count(data.targets) if is_given(data.conditions) else 1
    return structure.levels_of_constant(data.targets.dtype, rows)


def _from_levels(
    settings: Settings,
    data: Data,
    every: Data,
    origin: tf.Tensor | None,
    number: tf.Tensor,
    attempts: int,
) -> tf.Tensor:
    """The starting points that the parameterization proposes for guessed levels, `[R * c, p]`.

    Levels that the observation leaves open are guessed as close to those of the constant part as
    the targets allow.

    Args:
        settings: the problem.
        data: of `R` rows.
        every: the data of each candidate, `R * c` rows.
        origin: the levels of the constant part, from `_levels_of_constant`.
        number: `[R, c]`, int32, the numbers of the candidates.
        attempts: the number of different candidates.
    """
    structure, comparison = settings.model.structure(every), settings.model.comparison
    targets = _as_levels(settings, data)
    if not comparison.in_level_units or comparison.assigned:
        origin = None
    if origin is not None:
        targets -= comparison.observe(origin)
    levels = settings.observation.guesses(
        comparison, structure.level_counts, targets, number, attempts
    )
    if origin is not None:
        ascending = lambda member: tf.sort(member, axis=1)  # noqa: E731
        if is_given(data.conditions):
            origin = repeated(origin, number.shape[1])
        levels = in_each_member(ascending, levels + origin, structure.level_counts)
    return structure.starting_points(levels, tf.reshape(number, [-1]), attempts)


def _at_random(
    settings: Settings, data: Data, origin: tf.Tensor | None, number: tf.Tensor
) -> tf.Tensor | None:
    """Random points whose levels have about the spread of the targets, `[R, p]`.

    With a constant part, one in three has the spread of the targets, one that of the targets less
    the levels of the constant part, and one the geometric mean of the two. None if the effect of
    the parameters is unknown.
    """
    structure, comparison = settings.model.structure(data), settings.model.comparison
    levels = _as_levels(settings, data)
    spread = _spread(comparison, levels)
    if not comparison.in_level_units:
        unknown = tf.reduce_all(tf.math.is_nan(levels), axis=-1)
        spread = tf.where(unknown, unknown_scale(number, spread.dtype), spread)
    choices = [spread]
    if origin is not None and comparison.in_level_units and not comparison.assigned:
        beyond = _spread(comparison, levels - comparison.observe(origin))
        beyond = tf.where(beyond > 1e-3 * spread, beyond, spread)
        choices = [spread, tf.sqrt(beyond) * tf.sqrt(spread), beyond]
    count = structure.num_parameters
    generator = np.random.default_rng(SEED)
    different = int(np.clip(_MOST_NUMBERS // count, 1, settings.starts))
    normal = generator.normal(size=(different, count))
    factors = _RANGE ** generator.uniform(-1.0, 1.0, size=len(normal))
    place = number % len(normal)
    chosen = tf.gather(tf.stack(choices, axis=1), number % len(choices), axis=1, batch_dims=1)
    dtype = data.targets.dtype
    sizes = chosen * tf.gather(tf.constant(factors, dtype), place)
    return structure.random_points(sizes, tf.gather(tf.constant(normal, dtype), place))


def _as_levels(settings: Settings, data: Data) -> tf.Tensor:
    """The observed targets in the unit of the levels, `[R, m]`; NaN where there are none."""
    targets = tf.where(data.weights > 0, data.targets, tf.constant(np.nan, data.targets.dtype))
    return settings.observation.as_levels(settings.model.comparison, targets)


def _spread(comparison: TargetMap, levels: tf.Tensor) -> tf.Tensor:
    """Root mean square of targets `[R, m]`, NaN for none, for levels about their mean: `[R]`."""
    seen = ~tf.math.is_nan(levels)
    observed = tf.cast(seen, levels.dtype)
    count = tf.maximum(tf.reduce_sum(observed, axis=-1, keepdims=True), 1.0)
    change = tf.where(seen, levels, 0.0)
    if (comparison.lower < 0).all():
        about_mean = observed * (change - tf.reduce_sum(change, axis=-1, keepdims=True) / count)
        several = tf.reduce_any(about_mean != 0, axis=-1, keepdims=True)
        change = tf.where(several, about_mean, change)
    return tf.sqrt(tf.reduce_sum(change * change, axis=-1) / tf.squeeze(count, 1))


def _into_bounds_and_priors(
    proposals: tf.Tensor, data: Data, number: tf.Tensor, attempts: int
) -> tf.Tensor:
    """Move proposals `[R, p]` into the bounds and priors.

    A parameter with a prior starts at `mean + sigma N(0, 1)`, the first time at the mean. A
    proposal outside of two finite bounds is replaced by a uniform random number between them; one
    beyond a single bound is reflected at it.
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
        # A one-sided bound often fixes a sign: the reflected proposal is as good a start.
        low = tf.where(tf.math.is_finite(data.lower), data.lower, proposals)
        high = tf.where(tf.math.is_finite(data.upper), data.upper, proposals)
        proposals = tf.where(proposals < data.lower, 2.0 * low - proposals, proposals)
        proposals = tf.where(proposals > data.upper, 2.0 * high - proposals, proposals)
        proposals = into_bounds(data.lower, data.upper, proposals)
    return proposals
