"""When a row is done: the one place that gives out a status."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from .evaluation import Point
from .rows import Task
from .settings import Settings
from .status import RUNNING, Status


def certify(settings: Settings, task: Task, state: Any) -> tf.Tensor:
    """The status of each row from its accepted point; a small step alone certifies nothing.

    Returns:
        `[R]`, int32, RUNNING where the row must go on.
    """
    point: Point = state.point
    dtype = point.loss.dtype
    # The rounding error of eigenvalues bounds how small a gradient can be computed.
    epsilon = np.finfo(dtype.as_numpy_dtype).eps
    largest = tf.maximum(task.scale, point.largest_level) * point.largest_weight
    rounding = 16.0 * epsilon * np.sqrt(settings.parameterization.size) * largest
    bound = (task.cosine * tf.sqrt(point.loss) + rounding)[:, None]
    if task.data.has_priors:
        # The pull of a prior is known to the rounding error of its parameter.
        bound += 8.0 * epsilon * task.data.prior_weight * tf.abs(point.parameters)
    flat = tf.abs(point.gradient) <= point.column_norms * bound
    status = tf.where(task.steps >= task.limit, int(Status.MAX_STEPS), RUNNING)
    status = tf.where(state.stalled, int(Status.STALLED), status)
    minimum = tf.reduce_all(flat, axis=-1)
    if settings.method.needs_hessian:
        minimum &= ~state.saddle
    status = tf.where(minimum, int(Status.STATIONARY), status)
    matched = point.rms <= task.tolerance * task.scale
    if task.data.has_priors:
        # What is known beforehand must be met as well: else the spectrum alone decides nothing.
        pull = point.residual[:, task.data.targets.shape[1] :]
        matched &= tf.reduce_max(tf.abs(pull), axis=-1) <= task.tolerance
    status = tf.where(matched, int(Status.CONVERGED), status)
    empty = point.loss == dtype.max
    return tf.where(state.broken | empty, int(Status.NON_FINITE), status)
