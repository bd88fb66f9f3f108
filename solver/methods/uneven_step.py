"""Levenberg-Marquardt steps by singular values, for rows with very unequal weights.

In `J^T J` the data of small weight would be lost to rounding.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..linalg.graded import UNEVEN, damped, decompose
from ..objective.point import Point
from ..rowwise.axes import new_axis
from ..rowwise.tables import on_rows, select_rows
from ..rowwise.traced_once import traced_once
from .descent import Iteration

# Least mu after a failed step, relative to the effect of that step.
_DAMPING_AFTER_FAILURE = 3e-2
# A datum counts as fitted if its share of the loss is below this.
_FITTED_SHARE = 1e-2
# Additional factor of mu after a success, while the datum of largest weight is fitted.
_EXTRA_SHRINKAGE = 0.1
# How many second-order corrections a step gets before it counts as failed.
_MOST_CORRECTIONS = 2


def light_steps(
    iteration: Iteration, damping: tf.Tensor, usual: tuple[tf.Tensor, ...]
) -> tuple[tf.Tensor, ...]:
    """Replace the steps of rows with very unequal weights.

    Args:
        iteration: of a method that keeps a `Damping`.
        damping: `[R]`, mu from the gain ratio of the previous step.
        usual: the step `[R, p]`, in scaled parameters; the decrease of the loss that the model
            predicts, `[R]`; mu, `[R]`; and the least mu if the step fails, `[R]`.

    Returns:
        The same, with other numbers in rows with very unequal weights.
    """
    state, point, units, data = iteration.state, iteration.point, iteration.units, iteration.data
    first, accepted, kept = iteration.first, iteration.accepted, state.kept
    uneven, jacobian = data.weight_ratio < UNEVEN, point.jacobian / new_axis(units, 1)
    wanted = (jacobian, point.residual, data.weight_ratio, damping, first, accepted)
    found = on_rows(uneven, usual, wanted, uneven_step)
    failed = uneven & iteration.active & ~accepted & ~first
    back, step = led_back(state.point, iteration.trial, units, kept.growth, failed)
    return select_rows(back, (step, kept.predicted, kept.damping, kept.least), found)


@traced_once
def uneven_step(
    jacobian: tf.Tensor,
    residual: tf.Tensor,
    weight_ratio: tf.Tensor,
    damping: tf.Tensor,
    initial: tf.Tensor,
    accepted: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """The Levenberg-Marquardt step from the singular values of the Jacobian.

    A mu that hardly damps the data of large weight would stop all progress in those of small
    weight. So mu may fall to `16 eps weight_ratio^2`, and after a failure its minimum is relative
    to the effect of the failed step.

    Args:
        jacobian: `[R, M, p]`, at the accepted point, by scaled parameters.
        residual: `[R, M]`.
        weight_ratio: `[R]`, the ratio of the smallest weight to the largest.
        damping: `[R]`, mu from the gain ratio of the previous step.
        initial: `[R]` bool, whether there was no previous step.
        accepted: `[R]` bool, whether the previous step succeeded.

    Returns:
        The step `[R, p]`, in scaled parameters; the decrease of the loss that the linear model
        predicts, `[R]`; mu, `[R]`; and the least mu if the step fails, `[R]`.
    """
    epsilon = np.finfo(damping.dtype.as_numpy_dtype).eps
    square = weight_ratio * weight_ratio
    damping = tf.where(initial, damping * square, damping)
    # While the datum of largest weight is fitted, bold steps are cheap: `led_back` corrects them.
    heaviest = tf.argmax(tf.reduce_sum(jacobian * jacobian, axis=-1), axis=-1)
    missed = tf.gather(residual, heaviest, batch_dims=1)
    met = missed * missed < _FITTED_SHARE * tf.reduce_sum(residual * residual, axis=-1)
    damping = tf.where(accepted & ~initial & met, _EXTRA_SHRINKAGE * damping, damping)
    damping = tf.maximum(damping, 16.0 * epsilon * square)
    graded = decompose(jacobian, residual)
    step, predicted, effect = damped(graded, damping)
    return step, predicted, damping, _DAMPING_AFTER_FAILURE * effect


def led_back(
    point: Point, trial: Point, units: tf.Tensor, growth: tf.Tensor, failed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Second-order correction of failed steps: the shortest step back to the data of large weight.

    Data of large weight act like constraints. A straight step misses them by their curvature, so
    without a correction only tiny steps would succeed (Nocedal & Wright, Numerical Optimization,
    2006, section 15.6). The correction acts in the directions whose singular values are above the
    geometric mean of the largest and the smallest.

    Args:
        point: the accepted point.
        trial: the end of the failed step.
        units: `[R, p]`, the scale of each parameter.
        growth: `[R]`, nu; it doubles with each failure and so limits the number of corrections.
        failed: `[R]` bool, whether a row has unequal weights and its step failed.

    Returns:
        `[R]` bool, the rows where the linear model predicts a loss below that of the accepted point
        and the correction is shorter than the step; and step plus correction, `[R, p]`, in scaled
        parameters.
    """
    asked = failed & (growth <= 2.0**_MOST_CORRECTIONS) & (trial.loss < trial.loss.dtype.max)
    away = (trial.parameters - point.parameters) * units
    jacobian = trial.jacobian / new_axis(units, 1)
    wanted = (jacobian, trial.residual, away, trial.loss, point.loss)
    return on_rows(asked, (tf.zeros_like(asked), away), wanted, _with_second_step)


@traced_once
def _with_second_step(
    jacobian: tf.Tensor, residual: tf.Tensor, away: tf.Tensor, loss: tf.Tensor, before: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    graded = decompose(jacobian, residual)
    largest = tf.reduce_max(graded.singular, axis=-1)
    known = tf.where(graded.determined, graded.singular, new_axis(largest, 1))
    back, gained, _ = damped(graded, largest * tf.reduce_min(known, axis=-1))
    helps = tf.reduce_sum(back * back, axis=-1) < tf.reduce_sum(away * away, axis=-1)
    return helps & (loss - gained < before), away + back
