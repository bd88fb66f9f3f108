"""Validation in the graph: invalid data becomes the status and cause of its row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ..checks import largest_number
from ..objective.model import Data, with_weight_summary
from ..pool.rows import Batch
from ..results.status import Cause
from ..rowwise.axes import new_axis
from ..settings import Settings
from .conditions import are_without_condition, have_faulty_conditions


def validate(
    settings: Settings,
    data: Data,
    initial: tf.Tensor,
    tolerance: tf.Tensor,
    max_steps: tf.Tensor,
) -> Batch:
    """Fill in defaults and find the rows that cannot be fitted.

    Args:
        settings: the problem, with the defaults.
        data: targets as arranged, NaN where not observed; weights, 0 to leave a target out; bounds
            and priors with their defaults filled in.
        initial: `[B, p]`, NaN where the solver is to choose.
        tolerance: `[B]`, NaN for the default.
        max_steps: `[B]`, int32, 0 for the default.

    Returns:
        The `Batch`.
    """
    targets, weights = data.targets, data.weights
    dtype = targets.dtype
    measures = tf.constant(settings.model.comparison.measures)
    observed = ~tf.math.is_nan(targets) & (weights > 0) & measures
    targets = tf.where(observed, targets, tf.zeros_like(targets))
    if settings.own_tolerance:
        chosen = tf.constant(settings.tolerance, dtype)
        tolerance = tf.where(tf.math.is_nan(tolerance), chosen, tolerance)
    searching = tf.reduce_any(tf.math.is_nan(initial), axis=-1)
    default_steps = tf.where(searching, settings.steps_of_a_search, settings.steps_from_one_start)
    cause = _cause(
        [
            ([Cause.STEP_LIMIT], new_axis(max_steps < 0, 1)),
            *_faults(targets, weights, observed, initial, tolerance),
            *_faults_of_bounds_and_priors(data),
            *_faults_of_sides(data),
            *_faults_of_conditions(settings, data, observed),
        ]
    )
    valid = cause == 0
    if data.one_sided:
        data = data._replace(sides=tf.where(new_axis(valid, 1), data.sides, 0.0))
    if data.has_priors:
        # Priors of invalid rows must not enter derivatives.
        usable = new_axis(valid, 1)
        data = data._replace(
            prior_mean=tf.where(usable, data.prior_mean, tf.zeros_like(data.prior_mean)),
            prior_weight=tf.where(usable, data.prior_weight, tf.zeros_like(data.prior_weight)),
        )
    # Neither may their targets and weights.
    observed &= new_axis(valid, 1)
    data = data._replace(
        targets=tf.where(observed, targets, tf.zeros_like(targets)),
        weights=tf.where(observed, weights, tf.zeros_like(weights)),
    )
    return Batch(
        data=with_weight_summary(data),
        initial=initial,
        tolerance=tolerance,
        max_steps=tf.where(max_steps > 0, max_steps, default_steps),
        cause=cause,
        offset=tf.zeros_like(max_steps),
        single=tf.zeros_like(max_steps),
    )


def _cause(faults: list[tuple[Sequence[Cause], tf.Tensor]]) -> tf.Tensor:
    """The largest code among the faults of each row, `[B]` int32; 0 where there are none.

    Args:
        faults: bool tensors `[B, k]`, each with the code of each of its k columns.
    """
    codes = [int(code) for some, _ in faults for code in some]
    found = tf.concat([found for _, found in faults], axis=1)
    return tf.reduce_max(tf.where(found, tf.constant(codes, tf.int32), 0), axis=1)


def _faults(
    targets: tf.Tensor,
    weights: tf.Tensor,
    observed: tf.Tensor,
    initial: tf.Tensor,
    tolerance: tf.Tensor,
) -> list[tuple[Sequence[Cause], tf.Tensor]]:
    """Faults of targets, weights, starting points and tolerances, for `_cause`.

    Args:
        targets: `[B, m]`, 0 where not observed.
        weights: `[B, m]`.
        observed: `[B, m]`, bool.
        initial: `[B, p]`, NaN where the solver is to choose.
        tolerance: `[B]`.
    """
    dtype = targets.dtype
    # Squares of larger numbers may overflow; those of smaller ones lose precision to underflow.
    finfo = np.finfo(dtype.as_numpy_dtype)
    most, least = largest_number(dtype), np.sqrt(finfo.tiny) / finfo.eps
    any_sign = tf.concat([targets, initial], axis=1)
    no_sign = tf.concat([weights, new_axis(tolerance, 1)], axis=1)
    counting = tf.where(observed, weights, tf.zeros_like(weights))
    largest = tf.reduce_max(tf.abs(tf.stack([targets, counting], axis=1)), axis=-1)
    levels = targets.shape[1]
    by_any_sign = [Cause.TARGET] * levels + [Cause.START] * initial.shape[1]
    by_no_sign = [Cause.WEIGHT] * levels + [Cause.TOLERANCE]
    return [
        (by_any_sign, tf.abs(any_sign) >= most),
        (by_no_sign, (no_sign < 0) | (no_sign >= most)),
        ([Cause.TARGET, Cause.WEIGHT], (largest > 0) & (largest <= least)),
        # Targets may all be 0. If all weights of observed levels are 0, no level is observed.
        ([Cause.NONE, Cause.NO_LEVEL], tf.equal(largest, 0)),
    ]


def _faults_of_bounds_and_priors(data: Data) -> list[tuple[Sequence[Cause], tf.Tensor]]:
    """Faults of bounds and priors, for `_cause`."""
    most = largest_number(data.targets.dtype)
    faults = []
    if data.bounded:
        # The negation makes a NaN bound a fault.
        possible = (data.lower <= data.upper) & (data.lower < most) & (data.upper > -most)
        faults.append(([Cause.BOUNDS] * possible.shape[1], ~possible))
    if data.has_priors:
        # NaN is the weight of an invalid sigma.
        usable = (data.prior_weight >= 0) & (data.prior_weight < most)
        wrong = (tf.abs(data.prior_mean) >= most) | ~usable
        faults.append(([Cause.PRIOR] * wrong.shape[1], wrong))
    return faults


def _faults_of_sides(data: Data) -> list[tuple[Sequence[Cause], tf.Tensor]]:
    """Faults of the sides of limits, for `_cause`."""
    if not data.one_sided:
        return []
    wrong = (data.sides != 0) & (tf.abs(data.sides) != 1)
    return [([Cause.SIDE], tf.reduce_any(wrong, axis=1, keepdims=True))]


def _faults_of_conditions(
    settings: Settings, data: Data, observed: tf.Tensor
) -> list[tuple[Sequence[Cause], tf.Tensor]]:
    """Faults of conditions, and targets `[B, m]` observed at none, for `_cause`."""
    faulty = have_faulty_conditions(data.conditions)
    if faulty is None:
        return []
    nowhere = observed & are_without_condition(settings, data.conditions)
    found = faulty | tf.reduce_any(nowhere, axis=1)
    return [([Cause.CONDITION], new_axis(found, 1))]
