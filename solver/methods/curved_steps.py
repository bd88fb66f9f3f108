"""Newton steps for those rows of a least-squares method whose residual stays.

Where a residual is left, J^T J is not the curvature of the loss, and Gauss-Newton steps converge
linearly or, where the levels curve the other way, hardly at all. So a row whose loss no longer
falls by much takes a step with the exact second derivatives instead (the hybrid of Fletcher and Xu,
IMA J. Numer. Anal. 7 (1987) 371, with Newton's step for that of BFGS).
"""

from __future__ import annotations

import tensorflow as tf

from ..objective.evaluation import Point
from ..objective.hessian import Curvature
from ..rowwise.axes import new_axis
from ..rowwise.elementwise import reciprocal
from .modified_step import modified_step

# A loss that falls by less than this share tells that there is a residual that stays.
_LEAST_FALL = 0.2
# The rounding error of a loss that is more than rounding is a smaller share of it.
_ROUNDING = 1e-3


def residual_stays(point: Point, trial: Point, accepted: tf.Tensor) -> tf.Tensor:
    """`[R]` bool, whether an accepted step has lowered the loss by little (Fletcher & Xu, 2.5).

    Not where the loss is hardly more than what the rounding of the levels makes of none.
    """
    little = trial.loss > (1.0 - _LEAST_FALL) * point.loss
    return accepted & little & (trial.noise < _ROUNDING * trial.loss)


def curved_steps(
    curvature: Curvature,
    units: tf.Tensor,
    gradient: tf.Tensor,
    damping: tf.Tensor,
    loss: tf.Tensor,
    norms: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Newton's steps, in scaled parameters.

    Args:
        curvature: at the points of the rows.
        units: `[S, p]`, the scale of each parameter.
        gradient: `[S, p]`, minus half of that of the loss, by scaled parameters.
        damping: `[S]`.
        loss: `[S]`.
        norms: `[S, p]`, of the columns of the Jacobian. A parameter without effect, or held by its
            bound, has the norm 0 and stays.

    Returns:
        `[S, p]`; `[S]`, the decrease of the loss that the quadratic model predicts; `[S]`, the
        curvature along the step, by which it is to be damped if it fails; and `[S]` bool, whether
        the loss curves upwards in every direction, as far as that is clear.
    """
    inverse = tf.where(norms > 0, reciprocal(units), 0.0)
    hessian = curvature.hessian() * new_axis(inverse, 2) * new_axis(inverse, 1)
    step, saddle = modified_step(hessian, gradient, damping, tf.sqrt(loss))
    bend = tf.linalg.matvec(hessian, step)
    # A parameter without effect to first order may have one to second order.
    curves_up = ~saddle & tf.reduce_all(norms > 0, axis=-1)
    predicted = tf.reduce_sum((2.0 * gradient - bend) * step, axis=-1)
    length = tf.reduce_sum(step * step, axis=-1)
    along = tf.math.divide_no_nan(tf.abs(tf.reduce_sum(bend * step, axis=-1)), length)
    return step, predicted, along, curves_up
