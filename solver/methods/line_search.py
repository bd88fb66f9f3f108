"""Shared parts of methods with a line search: descent directions and Armijo's condition."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..objective.model import Data
from ..objective.point import Point
from ..rowwise.axes import new_axis
from ..rowwise.tables import select_rows

# c1 of Armijo's sufficient-decrease condition (Nocedal & Wright, eq. 3.4).
_ARMIJO = 1e-4


def downhill(
    data: Data, point: Point, direction: tf.Tensor, units: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """A feasible descent direction: the proposed one, or the Cauchy step if it does not descend.

    Components that point out of the bounds are set to 0 first.

    Args:
        data: with the bounds.
        point: the accepted point.
        direction: `[R, p]`, the proposed direction.
        units: `[R, p]`, the scale of each parameter, positive.

    Returns:
        The direction `[R, p]`, and `[R]` bool, whether it is the proposed one.
    """
    epsilon = np.finfo(direction.dtype.as_numpy_dtype).eps
    if data.bounded:
        below = (point.parameters <= data.lower) & (direction < 0)
        above = (point.parameters >= data.upper) & (direction > 0)
        moves = ~below & ~above & (point.column_norms > 0)
        direction = tf.where(moves, direction, 0.0)
    descent = point.descent / units
    slope = tf.reduce_sum(point.descent * direction, axis=-1)
    steepest = tf.reduce_sum(descent * descent, axis=-1)
    length = tf.reduce_sum((direction * units) ** 2, axis=-1)
    kept = (slope > epsilon * tf.sqrt(steepest) * tf.sqrt(length)) & tf.math.is_finite(length)
    return select_rows(kept, direction, cauchy_step(point, units)), kept


def cauchy_step(point: Point, units: tf.Tensor) -> tf.Tensor:
    """The minimum of the linear model along the gradient in scaled parameters, `[R, p]`."""
    descent = point.descent / units
    along = tf.linalg.matvec(point.jacobian / new_axis(units, 1), descent)
    steepest = tf.reduce_sum(descent * descent, axis=-1)
    bend = tf.reduce_sum(along * along, axis=-1)
    share = tf.where(bend > 0, steepest / tf.where(bend > 0, bend, tf.ones_like(bend)), 0.0)
    return new_axis(share, 1) * descent / units


def armijo(point: Point, trial: Point) -> tf.Tensor:
    """Armijo's condition, `[R]` bool: the loss falls by a share of what the slope promises."""
    slope = tf.reduce_sum(point.descent * (trial.parameters - point.parameters), axis=-1)
    return trial.loss <= point.loss - 2.0 * _ARMIJO * slope
