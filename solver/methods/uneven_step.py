"""Damped steps of rows with some very light data, which `J^T J` would lose."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..linalg.graded import damped, decompose
from ..objective.evaluation import Point
from ..rowwise.axes import new_axis
from ..rowwise.tables import on_rows

# A step that fails is damped at least so much the next time, relative to its own effect.
_DAMPING_AFTER_FAILURE = 3e-2
# A datum is met where it makes less than this share of the loss.
_MET = 1e-2
# Where the heaviest is, mu falls by this as well after a success.
_BOLDER = 0.1
# How often a step is led back before it has failed.
_TIMES_BACK = 2


def uneven_step(
    jacobian: tf.Tensor,
    residual: tf.Tensor,
    spread: tf.Tensor,
    damping: tf.Tensor,
    initial: tf.Tensor,
    accepted: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """A step of Levenberg and Marquardt by the singular values of the Jacobian.

    What damps the heavy data hardly, freezes the light ones. So the damping may fall as far as the
    light data need it, and after a failure it is relative to the effect of the step that failed.

    Args:
        jacobian: `[R, M, p]`, at the accepted point, by scaled parameters.
        residual: `[R, M]`.
        spread: `[R]`, the smallest weight as a share of the largest.
        damping: `[R]`, mu as it follows from the gain of the step before.
        initial: `[R]` bool, whether there was none.
        accepted: `[R]` bool, whether it succeeded.

    Returns:
        The step `[R, p]`, in scaled parameters; `[R]`, the decrease of the loss that the linear
        model predicts; `[R]`, mu; and `[R]`, what mu is to be at least if the step fails.
    """
    epsilon = np.finfo(damping.dtype.as_numpy_dtype).eps
    square = spread * spread
    damping = tf.where(initial, damping * square, damping)
    # In the valley of a heavy datum that is met, a step that leaves it costs little: `led_back`.
    heaviest = tf.argmax(tf.reduce_sum(jacobian * jacobian, axis=-1), axis=-1)
    missed = tf.gather(residual, heaviest, batch_dims=1)
    met = missed * missed < _MET * tf.reduce_sum(residual * residual, axis=-1)
    damping = tf.where(accepted & ~initial & met, _BOLDER * damping, damping)
    damping = tf.maximum(damping, 16.0 * epsilon * square)
    graded = decompose(jacobian, residual)
    step, predicted, effect = damped(graded, damping)
    return step, predicted, damping, _DAMPING_AFTER_FAILURE * effect


def led_back(
    point: Point, trial: Point, units: tf.Tensor, growth: tf.Tensor, failed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Steps that failed, and from their ends the shortest ones that meet the heavy data again.

    Heavy data are nearly constraints. A straight step along them misses them by their curvature,
    which would allow but tiny steps: this is the second-order correction of Nocedal & Wright,
    Numerical Optimization, 2006, section 15.6. Heavy are directions whose singular values are above
    the geometric mean of the largest and the smallest.

    Args:
        point: the accepted point.
        trial: where the step led to.
        units: `[R, p]`, those of scaled parameters.
        growth: `[R]`, nu, which doubles with each failure: a step is led back but a few times.
        failed: `[R]` bool, whether a row has light data and its step failed.

    Returns:
        `[R]` bool, the rows in which that lowers the loss, as far as the linear model tells, to
        less than that of the accepted point, with a second step shorter than the first; and both
        steps together, `[R, p]`, in scaled parameters.
    """
    asked = failed & (growth <= 2.0**_TIMES_BACK) & (trial.loss < trial.loss.dtype.max)
    away = (trial.parameters - point.parameters) * units
    jacobian = trial.jacobian / new_axis(units, 1)
    wanted = (jacobian, trial.residual, away, trial.loss, point.loss)
    return on_rows(asked, (tf.zeros_like(asked), away), wanted, _with_second_step)


def _with_second_step(
    jacobian: tf.Tensor, residual: tf.Tensor, away: tf.Tensor, loss: tf.Tensor, before: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    graded = decompose(jacobian, residual)
    largest = tf.reduce_max(graded.singular, axis=-1)
    known = tf.where(graded.known, graded.singular, new_axis(largest, 1))
    back, gained, _ = damped(graded, largest * tf.reduce_min(known, axis=-1))
    helps = tf.reduce_sum(back * back, axis=-1) < tf.reduce_sum(away * away, axis=-1)
    return helps & (loss - gained < before), away + back
