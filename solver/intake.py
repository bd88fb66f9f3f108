"""From what a caller passes to checked rows, in the graph: bad data becomes a row's status."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from .model import Data
from .request import largest_square_root
from .rows import Batch
from .settings import Settings


def take_in(
    settings: Settings,
    data: Data,
    initial: tf.Tensor,
    tolerance: tf.Tensor,
    max_steps: tf.Tensor,
) -> Batch:
    """Fill in defaults and find the rows that cannot be fitted.

    Args:
        settings: the problem, with the defaults.
        data: targets NaN where not observed, weights NaN for 1 and 0 for a level to leave out;
            bounds and priors without NaN.
        initial: `[B, p]`, NaN where the solver is to choose.
        tolerance: `[B]`, NaN for the default.
        max_steps: `[B]`, int32, 0 for the default.

    Returns:
        The `Batch`.
    """
    targets, weights = data.targets, data.weights
    dtype = targets.dtype
    # Squares of anything larger are not representable, nor, to full precision, of anything smaller.
    finfo = np.finfo(dtype.as_numpy_dtype)
    most = tf.constant(largest_square_root(dtype), dtype)
    least = tf.constant(np.sqrt(finfo.tiny) / finfo.eps, dtype)

    def not_too_large(tensor: tf.Tensor) -> tf.Tensor:
        return tf.reduce_all(tf.math.is_nan(tensor) | (tf.abs(tensor) < most), axis=-1)

    def not_too_small(tensor: tf.Tensor) -> tf.Tensor:
        largest = tf.reduce_max(tf.abs(tensor), axis=-1)
        return (largest == 0) | (largest > least)

    weights = tf.where(tf.math.is_nan(weights), tf.ones_like(weights), weights)
    measures = tf.constant(settings.model.comparison.measures)
    observed = ~tf.math.is_nan(targets) & (weights > 0) & measures
    targets = tf.where(observed, targets, tf.zeros_like(targets))
    tolerance = tf.where(
        tf.math.is_nan(tolerance), tf.constant(settings.tolerance, dtype), tolerance
    )
    searching = tf.reduce_any(tf.math.is_nan(initial), axis=-1)
    default_steps = tf.where(searching, settings.steps_of_a_search, settings.steps_from_one_start)
    valid = (
        not_too_large(targets)
        & not_too_small(targets)
        & not_too_large(initial)
        & not_too_large(weights)
        & not_too_small(weights)
        & tf.reduce_all(weights >= 0, axis=-1)
        & tf.reduce_any(observed, axis=-1)
        & (tolerance >= 0)
        & (tolerance < most)
        & (max_steps >= 0)
    )
    if data.bounded:
        possible = (data.lower <= data.upper) & (data.lower < most) & (data.upper > -most)
        valid &= tf.reduce_all(possible, axis=-1)
    if data.has_priors:
        valid &= not_too_large(data.prior_mean) & not_too_large(data.prior_weight)
        valid &= tf.reduce_all(data.prior_weight >= 0, axis=-1)  # and not NaN
        # An impossible prior must not get into the derivatives.
        usable = valid[:, None]
        data = data._replace(
            prior_mean=tf.where(usable, data.prior_mean, tf.zeros_like(data.prior_mean)),
            prior_weight=tf.where(usable, data.prior_weight, tf.zeros_like(data.prior_weight)),
        )
    # Nothing of a row that cannot be fitted may get into derivatives.
    observed &= valid[:, None]
    return Batch(
        data=data._replace(
            targets=tf.where(observed, targets, tf.zeros_like(targets)),
            weights=tf.where(observed, weights, tf.zeros_like(weights)),
        ),
        initial=initial,
        tolerance=tolerance,
        max_steps=tf.where(max_steps > 0, max_steps, default_steps),
        valid=valid,
        offset=tf.zeros_like(max_steps),
        single=tf.zeros_like(max_steps),
    )
