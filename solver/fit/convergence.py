"""When a row is done: the one place that gives out a status.

A minimum is certified in units of its own error: what a Gauss-Newton step could still gain,
`g^T (J^T J)^+ g`, is at most 1e-6 s^2, with s = 1 where weights are 1 / sigma, else with the
residual scale `sqrt(loss / (data - parameters))`. The best fit is then less than a thousandth of a
standard error away, as far as the data determine it.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from ..linalg.graded import UNEVEN, decompose, gain_by_projection, gain_left
from ..objective.evaluation import Point, known_effects
from ..objective.model import Data, count_data
from ..pool.rows import Task, tolerance_of
from ..results.status import RUNNING, Cause, Status
from ..rowwise.axes import new_axis
from ..rowwise.tables import on_rows
from ..settings import Settings

# What may be left to gain at the end, in units of s^2.
_GAIN = 1e-6
# A residual of so many rounding errors of the levels may all be rounding, where a row stalls.
_ROUNDING_LEFT = 8.0
# A row goes on to here, as a share of the loss, as long as steps succeed.
_GAIN_AIM = 1e-14
# The same for a start that is one of several, where derivatives do not tell light data.
_GAIN_OF_A_SURVEY = 1e-2


def certify(settings: Settings, task: Task, state: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """The status of each row from its accepted point; a small step alone certifies nothing.

    Returns:
        `[R]`, int32, the status, RUNNING where the row must go on; and `[R]`, int32, its cause.
    """
    point: Point = state.point
    dtype = point.loss.dtype
    # The rounding error of eigenvalues bounds how small a gradient can be computed.
    epsilon = np.finfo(dtype.as_numpy_dtype).eps
    relative = 16.0 * epsilon * np.sqrt(settings.parameterization.size)
    rounding = relative * tf.maximum(task.scale, point.largest_level)
    bound = new_axis(task.cosine * tf.sqrt(point.loss) + rounding * point.largest_weight, 1)
    if task.data.has_priors:
        # The pull of a prior is known to the rounding error of its parameter.
        pull_error = 8.0 * epsilon * task.data.prior_weight * tf.abs(point.parameters)
        bound += pull_error
    flat = tf.abs(point.gradient) <= point.column_norms * bound
    minimum = tf.reduce_all(flat, axis=-1)
    if settings.method.needs_hessian:
        minimum &= ~state.saddle
    default = tf.math.is_nan(task.tolerance)
    tolerance = tolerance_of(settings, task)
    matched = point.rms <= tolerance * task.scale
    if task.data.has_priors:
        # What is known beforehand must be met as well: else the spectrum alone decides nothing.
        pull = point.residual[:, task.data.targets.shape[1] :]
        matched &= tf.reduce_max(tf.abs(pull), axis=-1) <= tolerance
    over = task.steps >= task.limit
    status = tf.where(over, int(Status.MAX_STEPS), RUNNING)
    status = tf.where(state.stalled, int(Status.STALLED), status)
    asked = minimum | matched | over | state.stalled
    cause = tf.zeros_like(status)

    least_squares = (point.jacobian, point.residual, point.column_norms, point.loss)
    wanted = (task.data, least_squares, rounding, minimum, matched, default, status)
    others = (task.attempt, point.spread, point.parameters, point.rms)
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
        data: of these rows.
        least_squares: Jacobian, residual, column norms and loss of a `Point`.
        rounding: `[R]`, the rounding error of the levels.
        flat: `[R]` bool, whether derivatives vanish, to the rounding error of the heaviest datum.
        matched: `[R]` bool, whether the rms residual is within the tolerance.
        default: `[R]` bool, whether that is the default tolerance.
        status: `[R]`, int32, of a row that is neither.
        others: `[R]` each, the number of the start; the spread of the weights; the
            parameters; and the rms residual.
    """
    jacobian, residual, column_norms, loss = least_squares
    attempt, spread, parameters, rms = others
    survey = attempt < settings.starts
    error = new_axis(rounding, 1) * data.weights
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
        freedom = tf.maximum(count_data(settings.model, data) - float(count), 1.0)
        allowed = _GAIN * loss / freedom
    aim = tf.minimum(_GAIN_AIM * loss, allowed)
    aim = tf.where(survey, _GAIN_OF_A_SURVEY * loss, aim)
    wanted = (jacobian / new_axis(units, 1), residual, error)
    *bounds, clear = gain_by_projection(*wanted)
    ends = bounds[1] <= aim
    # The whole gain decides whether rounding is named.
    ends &= (bounds[0] <= allowed) | (False if settings.absolute_sigma else matched)
    gain, certain = on_rows(
        ~(clear | ends), tuple(bounds), wanted, lambda *found: gain_left(decompose(*found))
    )
    enough = (survey & (spread > UNEVEN)) | (certain <= aim)
    # Where no step succeeds any more, or no step is left, the rule itself decides.
    ended = (status != RUNNING) & ~survey
    minimum = (flat & enough) | (ended & (certain <= allowed))
    # The levels of a matched row have no other scale than their rounding, unless sigma is known.
    met = (gain <= allowed) | ended
    met = (certain <= allowed) & (met if settings.absolute_sigma else tf.ones_like(met))
    # Methods that do not square the error stall where what is left is the rounding of levels.
    matched &= ~default | met | (ended & (rms <= _ROUNDING_LEFT * rounding))
    limited = (gain > allowed) & (minimum | matched)
    if not settings.absolute_sigma:
        limited &= ~matched
    status = tf.where(minimum, int(Status.STATIONARY), status)
    status = tf.where(matched, int(Status.CONVERGED), status)
    return status, tf.where(limited, int(Cause.ROUNDING), int(Cause.NONE))
