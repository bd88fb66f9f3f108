"""Unreachable targets: those of a sign that the structure excludes.

In `K u = lambda M u` the stiffness matrix K fixes how many levels are positive, zero and negative,
whatever the masses M (Sylvester's law of inertia). A target on the wrong side of zero pulls its
level towards zero, which is reached only for infinite masses. The least-squares problem then often
has no minimum: parameters diverge until the fit ends by rounding.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..objective.model import Data, Model, count_data
from ..objective.point import Point
from ..results.status import Cause, Status
from ..settings import Settings
from .rows import Pool, tolerance_of


def stop_runaways(settings: Settings, pool: Pool, status: tf.Tensor) -> tf.Tensor:
    """Set NON_FINITE in rows whose parameters diverge towards an unreachable target.

    The test is `|level| <= limit` for a target of the wrong sign, with
    `limit = 4 n epsilon * scale`. In rows with at least as many parameters as data, where nothing
    else holds the parameters (no finite bounds on all of them),
    `limit = max(tolerance, sqrt(epsilon)) * scale`.

    Args:
        settings: the problem.
        pool: `R` rows at their accepted points.
        status: `[R]`, int32, from `certify`.

    Returns:
        `[R]`, int32.
    """
    model, data, point = settings.model, pool.task.data, pool.state.point
    wrong = wrong_signs(model, data, point.eigenvalues)
    if wrong is None:
        return status
    assignment = model.comparison.assign(point.eigenvalues, data.targets, data.weights)
    observed = tf.abs(model.comparison.observe(point.eigenvalues, assignment))
    structure, dtype = settings.parameterization, point.loss.dtype
    epsilon = float(np.finfo(dtype.as_numpy_dtype).eps)
    free = count_data(model, data, point.residual) <= structure.num_parameters
    if data.bounded:
        free &= ~tf.reduce_all(tf.math.is_finite(data.upper - data.lower), axis=-1)
    nearly = tf.maximum(tolerance_of(settings, pool.task), np.sqrt(epsilon))
    limit = pool.scale * tf.where(free, nearly, 4.0 * structure.size * epsilon)
    gone = tf.reduce_any(wrong & (observed <= limit[:, None]), axis=-1)
    started = point.loss < dtype.max
    return tf.where(started & gone, int(Status.NON_FINITE), status)


def cause_of_failure(settings: Settings, data: Data, point: Point, status: tf.Tensor) -> tf.Tensor:
    """The `Cause` of rows without a certified answer: SIGN, NO_MATRIX, LOST, or NONE if unknown.

    Args:
        settings: the problem.
        data: of `R` rows.
        point: where they ended.
        status: `[R]`, how they ended.

    Returns:
        `[R]`, int32.
    """
    never = point.loss == point.loss.dtype.max
    cause = tf.where(never, int(Cause.NO_MATRIX), int(Cause.LOST))
    cause = tf.where(status == Status.NON_FINITE, cause, int(Cause.NONE))
    wrong = wrong_signs(settings.model, data, point.eigenvalues)
    if wrong is None:
        wrong = negative_distances(settings.model, data)
    if wrong is None:
        return cause
    uncertified = (status != Status.CONVERGED) & (status != Status.STATIONARY)
    return tf.where(uncertified & tf.reduce_any(wrong, axis=-1), int(Cause.SIGN), cause)


def wrong_signs(model: Model, data: Data, levels: tf.Tensor) -> tf.Tensor | None:
    """Which targets have a sign that their level cannot have.

    A target 0 has the wrong sign for a level that cannot be 0.

    Args:
        model: what is fitted.
        data: of `R` rows.
        levels: `[R, n]`.

    Returns:
        `[R, m]` bool; None if the structure fixes no signs, or if differences are compared.
    """
    comparison = model.comparison
    signs = np.nan_to_num(model.parameterization.level_signs)
    levels_only = (comparison.upper >= 0).all() and (comparison.lower < 0).all()
    if comparison.centred or not levels_only or not signs[comparison.used].any():
        return None
    assignment = comparison.assign(levels, data.targets, data.weights)
    possible = tf.zeros_like(levels) + tf.constant(signs, levels.dtype)
    side = comparison.observe(possible, assignment)
    # The product of target and side itself may underflow.
    on_the_side = tf.sign(data.targets) * side > 0
    return (data.weights > 0) & (side != 0) & ~on_the_side & _is_value(data)


def negative_distances(model: Model, data: Data) -> tf.Tensor | None:
    """Which targets are negative although they are transitions from a lower to a higher level.

    Args:
        model: what is fitted.
        data: of `R` rows.

    Returns:
        `[R, m]` bool; None if no such transitions are compared.
    """
    comparison = model.comparison
    member = np.repeat(
        np.arange(len(model.parameterization.level_counts)), model.parameterization.level_counts
    )
    upper, lower = comparison.upper, np.maximum(comparison.lower, 0)
    distance = (comparison.lower >= 0) & (upper > lower) & (member[upper] == member[lower])
    if comparison.centred or not distance.any():
        return None
    return (data.weights > 0) & (data.targets < 0) & tf.constant(distance) & _is_value(data)


def _is_value(data: Data) -> tf.Tensor | bool:
    """Which targets are values and not limits, `[R, m]` bool, or True for all."""
    return tf.equal(data.sides, 0) if data.one_sided else True
