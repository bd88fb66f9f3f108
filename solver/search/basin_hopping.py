"""Starts near the best end so far: basin hopping (Wales & Doye, J. Phys. Chem. A 101, 1997).

A minimum that does not match the spectrum mostly has two levels in each other's place, and the
matching one lies next to it. So once a few starts anywhere have failed, every second one begins at
a random distance from the best end. Measured on the spectra that 64 starts anywhere do not match
(Toeplitz n = 16, additive n = 8), one start in eight near the best end finds the match.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..objective.model import Data
from ..pool.rows import Best
from ..seed import SEED
from ..settings import Settings

# So many starts come first.
_STARTS_ANYWHERE = 6
# How far a hop moves the levels, in units of the standard deviation of the targets.
_LENGTH = 0.4


def is_hop(settings: Settings, attempt: tf.Tensor) -> tf.Tensor:
    """`[R]` bool, whether the start with this number is one near the best end."""
    first = max(_STARTS_ANYWHERE, len(settings.initial))
    # Where few levels are known, a wrong minimum is not often next to the right one.
    period = 2 if settings.model.comparison.tells_all_levels else 4
    return (attempt >= first) & (attempt % period == 1)


def hop(settings: Settings, data: Data, best: Best, attempt: tf.Tensor) -> tf.Tensor:
    """A point near the best end.

    Each parameter moves by a normal random number, in units of its effect on the levels.

    Args:
        settings: the problem.
        data: of `R` rows.
        best: the best ends so far.
        attempt: `[R]`, int32, the number of the start.

    Returns:
        `[R, p]`; the best end itself for a parameter without effect.
    """
    known = settings.parameterization.parameter_scales
    table = np.random.default_rng(SEED).normal(size=(settings.starts, len(known)))
    dtype = best.loss.dtype
    moves = tf.constant(_LENGTH / np.sqrt(len(known)) * table, dtype)
    largest = tf.reduce_max(data.weights, axis=-1, keepdims=True)
    effect = tf.maximum(best.column_norms, tf.constant(known, dtype) * largest)
    unit = tf.math.divide_no_nan(largest * distance_from_mean(data), effect)
    return best.parameters + tf.gather(moves, attempt) * unit


def distance_from_mean(data: Data) -> tf.Tensor:
    """The norm of the observed targets less their mean, `[R, 1]`."""
    observed = tf.cast(data.weights > 0, data.targets.dtype)
    count = tf.reduce_sum(observed, axis=-1, keepdims=True)
    mean = tf.math.divide_no_nan(
        tf.reduce_sum(observed * data.targets, axis=-1, keepdims=True), count
    )
    change = observed * (data.targets - mean)
    return tf.sqrt(tf.reduce_sum(change * change, axis=-1, keepdims=True))
