"""Convergence tests: the only place that assigns a status to a row.

A minimum is certified in units of its standard error. The decrease of the loss that a Gauss-Newton
step predicts, `g^T (J^T J)^+ g`, must be at most `1e-6 s^2`, with s = 1 if weights are 1 / sigma
and else the residual scale `s = sqrt(loss / (data - parameters))`. The best fit is then less than
1e-3 standard errors away, along the directions that the data determine.
"""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

from ..linalg.graded import UNEVEN, decompose, gain_by_projection, gain_left
from ..objective.model import Data, count_data, is_given
from ..objective.scaling import known_effects, relative_to_largest
from ..pool.rows import Pool, tolerance_of
from ..results.status import RUNNING, Cause, Status
from ..rowwise.axes import new_axis
from ..rowwise.tables import on_rows
from ..settings import Settings

# Largest predicted decrease of the loss at a certified minimum, in units of s^2.
_GAIN = 1e-6
# A stalled row whose rms residual is below this many rounding errors of the levels is matched.
_ROUNDING_LEFT = 8.0
# While steps succeed, a row goes on to this predicted decrease, relative to the loss.
_GAIN_AIM = 1e-14
# The same for one of several starts, used where weights differ too much for the gradient test.
_GAIN_OF_A_SURVEY = 1e-2


def certify(settings: Settings, pool: Pool) -> tuple[tf.Tensor, tf.Tensor]:
    """The status of each row at its accepted point. A small step alone certifies nothing.

    A row is examined when its gradient vanishes, `|J_j^T r| <= cosine |J_j| |r|` for each column
    up to the rounding error of the levels; when its rms residual is within the tolerance; when it
    is out of steps; or when it stalls. `_decide` then applies the test of the module's docstring.

    Args:
        settings: the problem.
        pool: `R` rows.

    Returns:
        `[R]`, int32, the status, RUNNING for a row that goes on; and `[R]`, int32, its cause.
    """
    task, state = pool.task, pool.state
    point = state.point
    dtype = point.loss.dtype
    # The rounding error of eigenvalues limits how small a computed gradient can be.
    epsilon = np.finfo(dtype.as_numpy_dtype).eps
    relative = 16.0 * epsilon * np.sqrt(settings.parameterization.size)
    if is_given(point.sensitivity):
        rounding = relative * point.largest_level
        largest_weight = tf.reduce_max(point.sensitivity * task.data.weights, axis=-1)
    else:
        rounding = relative * tf.maximum(pool.scale, point.largest_level)
        largest_weight = task.data.largest_weight
    bound = new_axis(task.cosine * tf.sqrt(point.loss) + rounding * largest_weight, 1)
    if task.data.has_priors:
        # The residual of a prior has the rounding error of its parameter.
        pull_error = 8.0 * epsilon * task.data.prior_weight * tf.abs(point.parameters)
        bound += pull_error
    flat = tf.abs(point.descent) <= point.column_norms * bound
    minimum = tf.reduce_all(flat, axis=-1)
    if is_given(state.saddle):
        minimum &= ~state.saddle
    default = tf.math.is_nan(task.tolerance)
    tolerance = tolerance_of(settings, task)
    matched = point.rms <= tolerance * pool.scale
    if task.data.has_priors:
        # Matching the spectrum is not enough: the residuals of the priors must vanish too.
        pull = point.residual[:, task.data.targets.shape[1] :]
        matched &= tf.reduce_max(tf.abs(pull), axis=-1) <= tolerance
    over = pool.steps >= task.limit
    status = tf.where(over, int(Status.MAX_STEPS), RUNNING)
    status = tf.where(state.stalled, int(Status.STALLED), status)
    asked = minimum | matched | over | state.stalled
    cause = tf.zeros_like(status)

    least_squares = (point.jacobian, point.residual, point.column_norms, point.loss)
    wanted = (task.data, least_squares, rounding, minimum, matched, default, status)
    others = (task.last, point.parameters, point.rms, point.sensitivity)
    decide = functools.partial(_decide, settings)
    status, cause = on_rows(asked, (status, cause), (*wanted, others), decide)
    empty = point.loss == dtype.max
    return tf.where(state.broken | empty, int(Status.NON_FINITE), status), cause


def _decide(
    settings: Settings,
    data: Data,
    least_squares: tuple[tf.Tensor, ...],
    rounding: tf.Tensor,
    flat: tf.Tensor,
    matched: tf.Tensor,
    default: tf.Tensor,
    status: tf.Tensor,
    others: tuple[tf.Tensor, ...],
) -> tuple[tf.Tensor, tf.Tensor]:
    """Status and cause of rows that may have ended.

    Args:
        settings: the problem.
        data: of these `R` rows.
        least_squares: Jacobian `[R, M, p]`, residual `[R, M]`, column norms `[R, p]` and loss
            `[R]` of a `Point`.
        rounding: `[R]`, the rounding error of the levels.
        flat: `[R]` bool, whether the gradient vanishes up to the rounding error of the datum with
            the largest weight.
        matched: `[R]` bool, whether the rms residual is within the tolerance.
        default: `[R]` bool, whether that is the default tolerance.
        status: `[R]`, int32, of a row that is neither flat nor matched.
        others: `[R]` int32, `Task.last`; `[R, p]` the parameters; `[R]` the rms residual; and
            `Point.sensitivity`.

    Returns:
        `[R]` twice, int32.
    """
    jacobian, residual, column_norms, loss = least_squares
    last, parameters, rms, sensitivity = others
    survey, weight_ratio = last == 0, data.weight_ratio
    error = new_axis(rounding, 1) * data.weights
    rms_error = rounding
    if is_given(sensitivity):  # targets in another unit than the levels: `rms` is relative
        observed = tf.maximum(data.observed, 1.0)
        scaled = relative_to_largest(settings.model.comparison, data, error * sensitivity)
        scaled = tf.math.divide_no_nan(scaled, data.weights)
        rms_error = tf.sqrt(tf.reduce_sum(scaled * scaled, axis=-1) / observed)
        error *= sensitivity
    if data.has_priors:
        epsilon = np.finfo(error.dtype.as_numpy_dtype).eps
        pull_error = 8.0 * epsilon * data.prior_weight * tf.abs(parameters)
        error = tf.concat([error, pull_error], axis=-1)
    units = tf.maximum(known_effects(settings.model, data), column_norms)
    units = tf.where(units > 0, units, tf.ones_like(units))
    if settings.absolute_sigma:
        allowed = tf.zeros_like(loss) + _GAIN
    else:
        count = settings.parameterization.num_parameters
        data_count = count_data(settings.model, data, residual)
        freedom = tf.maximum(data_count - float(count), 1.0)
        allowed = _GAIN * loss / freedom
    aim = tf.minimum(_GAIN_AIM * loss, allowed)
    aim = tf.where(survey, _GAIN_OF_A_SURVEY * loss, aim)
    wanted = (jacobian / new_axis(units, 1), residual, error)
    *bounds, clear = gain_by_projection(*wanted)
    ends = bounds[1] <= aim
    # The QR bounds suffice if they also settle whether the cause is ROUNDING.
    ends &= (bounds[0] <= allowed) | (False if settings.absolute_sigma else matched)
    gain, certain = on_rows(
        ~(clear | ends), tuple(bounds), wanted, lambda *found: gain_left(decompose(*found))
    )
    enough = (survey & (weight_ratio > UNEVEN)) | (certain <= aim)
    # A row that stalled or is out of steps is held to the certification limit, not to the aim.
    ended = (status != RUNNING) & ~survey
    minimum = (flat & enough) | (ended & (certain <= allowed))
    # Without absolute sigmas, what is within the rounding error of the levels does not count.
    met = (gain <= allowed) | ended
    met = (certain <= allowed) & (met if settings.absolute_sigma else tf.ones_like(met))
    # Methods that do not form J^T J stall when the residual is all rounding error of the levels.
    matched &= ~default | met | (ended & (rms <= _ROUNDING_LEFT * rms_error))
    limited = (gain > allowed) & (minimum | matched)
    if not settings.absolute_sigma:
        limited &= ~matched
    status = tf.where(minimum, int(Status.STATIONARY), status)
    status = tf.where(matched, int(Status.CONVERGED), status)
    return status, tf.where(limited, int(Cause.ROUNDING), int(Cause.NONE))
