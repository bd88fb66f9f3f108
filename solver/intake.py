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
    weights = tf.where(tf.math.is_nan(weights), tf.ones_like(weights), weights)
    measures = tf.constant(settings.model.comparison.measures)
    observed = ~tf.math.is_nan(targets) & (weights > 0) & measures
    targets = tf.where(observed, targets, tf.zeros_like(targets))
    tolerance = tf.where(
        tf.math.is_nan(tolerance), tf.constant(settings.tolerance, dtype), tolerance
    )
    searching = tf.reduce_any(tf.math.is_nan(initial), axis=-1)
    default_steps = tf.where(searching, settings.steps_of_a_search, settings.steps_from_one_start)
    faults = _faults(targets, weights, observed, initial, tolerance)
    faults += [(max_steps < 0)[:, None], *_faults_of_knowledge(data)]
    valid = ~tf.reduce_any(tf.concat(faults, axis=1), axis=1)
    if data.has_priors:
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


def _faults(
    targets: tf.Tensor,
    weights: tf.Tensor,
    observed: tf.Tensor,
    initial: tf.Tensor,
    tolerance: tf.Tensor,
) -> list[tf.Tensor]:
    """What makes it impossible to fit a row: bool, `[B, *]` each, in few operations.

    Args:
        targets: `[B, m]`, 0 where not observed.
        weights: `[B, m]`.
        observed: `[B, m]`, bool.
        initial: `[B, p]`, NaN where the solver is to choose.
        tolerance: `[B]`.
    """
    dtype = targets.dtype
    # Squares of anything larger are not representable, nor, to full precision, of anything smaller.
    finfo = np.finfo(dtype.as_numpy_dtype)
    most, least = largest_square_root(dtype), np.sqrt(finfo.tiny) / finfo.eps
    any_sign = tf.concat([targets, initial], axis=1)
    no_sign = tf.concat([weights, tolerance[:, None]], axis=1)
    counting = tf.where(observed, weights, tf.zeros_like(weights))
    largest = tf.reduce_max(tf.abs(tf.stack([targets, counting], axis=1)), axis=-1)
    # Targets may all be 0. The weights of observed levels may not: then there is no such level.
    too_small = (largest <= least) & ((largest > 0) | tf.constant([False, True]))
    return [tf.abs(any_sign) >= most, no_sign < 0, no_sign >= most, too_small]


def _faults_of_knowledge(data: Data) -> list[tf.Tensor]:
    """The same of bounds and priors."""
    most = largest_square_root(data.targets.dtype)
    faults = []
    if data.bounded:
        # Written so that a bound that is NaN is a fault.
        possible = (data.lower <= data.upper) & (data.lower < most) & (data.upper > -most)
        faults.append(~possible)
    if data.has_priors:
        # A weight that is NaN comes from a sigma that is none.
        usable = (data.prior_weight >= 0) & (data.prior_weight < most)
        faults += [tf.abs(data.prior_mean) >= most, ~usable]
    return faults
