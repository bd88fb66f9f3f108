"""What methods with a line search share: ways downhill, and steps that go far enough."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..objective.evaluation import Point
from ..rowwise.axes import new_axis
from ..rowwise.tables import select_rows
from .levenberg_marquardt import compare

# Armijo's constant: the least share of the decrease along the tangent (Nocedal & Wright, eq. 3.4).
_ARMIJO = 1e-4


def downhill(point: Point, direction: tf.Tensor, units: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """A direction that lowers the loss without leaving the bounds at once.

    A parameter at a bound, that the direction would take out, stays. If the loss does not fall
    along what is left, the direction is that of the gradient in the given units, which always
    does.

    Args:
        point: the accepted point.
        direction: `[R, p]`.
        units: `[R, p]`, positive.

    Returns:
        The direction `[R, p]`, and `[R]` bool, whether it is the proposed one.
    """
    epsilon = np.finfo(direction.dtype.as_numpy_dtype).eps
    if point.bounded:
        below = (point.parameters <= point.lower) & (direction < 0)
        above = (point.parameters >= point.upper) & (direction > 0)
        moves = ~below & ~above & (point.column_norms > 0)
        direction = tf.where(moves, direction, 0.0)
    gradient = point.gradient / units
    slope = tf.reduce_sum(point.gradient * direction, axis=-1)
    steepest = tf.reduce_sum(gradient * gradient, axis=-1)
    length = tf.reduce_sum((direction * units) ** 2, axis=-1)
    kept = (slope > epsilon * tf.sqrt(steepest) * tf.sqrt(length)) & tf.math.is_finite(length)
    return select_rows(kept, direction, cauchy_step(point, units)), kept


def cauchy_step(point: Point, units: tf.Tensor) -> tf.Tensor:
    """Along the gradient in the given units `[R, p]`, to the minimum of the linear model."""
    gradient = point.gradient / units
    along = tf.linalg.matvec(point.jacobian / new_axis(units, 1), gradient)
    steepest = tf.reduce_sum(gradient * gradient, axis=-1)
    bend = tf.reduce_sum(along * along, axis=-1)
    share = tf.where(bend > 0, steepest / tf.where(bend > 0, bend, tf.ones_like(bend)), 0.0)
    return new_axis(share, 1) * gradient / units


def falls_enough(point: Point, trial: Point, scales: tf.Tensor) -> tf.Tensor:
    """`[R]` bool, Armijo's condition; where rounding hides the gain, a smaller gradient will do.

    The first evaluation, when the point holds nothing yet, is always good enough if it is finite.
    """
    better, even = compare(point, trial, scales)
    slope = tf.reduce_sum(point.gradient * (trial.parameters - point.parameters), axis=-1)
    first = point.loss == point.loss.dtype.max
    enough = trial.loss <= point.loss - 2.0 * _ARMIJO * slope
    return better & (first | even | enough)
