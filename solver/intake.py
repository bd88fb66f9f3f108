"""From what a caller passes to checked rows, in the graph: bad data becomes a row's status."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from .rows import Batch
from .settings import Settings


def take_in(
    settings: Settings,
    targets: tf.Tensor,
    initial: tf.Tensor,
    weights: tf.Tensor,
    tolerance: tf.Tensor,
    max_steps: tf.Tensor,
) -> Batch:
    """Fill in defaults and find the rows that cannot be fitted.

    Args:
        settings: the problem, with the defaults.
        targets: `[B, m]`, NaN where not observed.
        initial: `[B, p]`, NaN where the solver is to choose.
        weights: `[B, m]`, NaN for 1, 0 for a level to leave out.
        tolerance: `[B]`, NaN for the default.
        max_steps: `[B]`, int32, 0 for the default.

    Returns:
        The `Batch`.
    """
    dtype = targets.dtype
    # Squares of anything larger are not representable.
    limit = tf.constant(np.sqrt(np.finfo(dtype.as_numpy_dtype).max) * 1e-6, dtype)

    def usable(tensor: tf.Tensor) -> tf.Tensor:
        return tf.reduce_all(tf.math.is_nan(tensor) | (tf.abs(tensor) < limit), axis=-1)

    weights = tf.where(tf.math.is_nan(weights), tf.ones_like(weights), weights)
    observed = ~tf.math.is_nan(targets) & (weights > 0)
    tolerance = tf.where(
        tf.math.is_nan(tolerance), tf.constant(settings.tolerance, dtype), tolerance
    )
    searching = tf.reduce_any(tf.math.is_nan(initial), axis=-1)
    default_steps = tf.where(searching, settings.steps_of_a_search, settings.steps_from_one_start)
    valid = (
        usable(targets)
        & usable(initial)
        & usable(weights)
        & tf.reduce_all(weights >= 0, axis=-1)
        & tf.reduce_any(observed, axis=-1)
        & (tolerance >= 0)
        & (max_steps >= 0)
    )
    return Batch(
        targets=tf.where(observed, targets, tf.zeros_like(targets)),
        weights=tf.where(observed, weights, tf.zeros_like(weights)),
        initial=initial,
        tolerance=tolerance,
        max_steps=tf.where(max_steps > 0, max_steps, default_steps),
        valid=valid,
    )
