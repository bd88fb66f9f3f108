"""Away from saddles: where the gradient vanishes and the loss yet falls.

A starting point with all couplings zero mostly is one: by symmetry no first derivative tells the
fit to switch a coupling on. So before a row may end as a least-squares minimum with residual left,
the loss must not curve downwards there. If it does, the row goes on from the lowest of some points
along the direction of the most negative curvature (Nocedal & Wright, Numerical Optimization, 2006,
section 3.4).
"""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

from ..linalg.eigh import guarded_eigh
from ..linalg.graded import UNEVEN_CURVATURE, decompose
from ..objective.evaluation import curvature_at, evaluate_loss, known_effects
from ..objective.model import Data
from ..pool.rows import Pool
from ..results.status import Status
from ..rowwise.axes import new_axis
from ..rowwise.elementwise import over_root
from ..rowwise.products import matmul_rows
from ..rowwise.tables import gather_rows, on_rows
from ..settings import Settings

# How far to go, in units of the root of the loss: so far that the levels might match, and nearer.
_DISTANCES = np.outer([1.0, -1.0], [4.0, 1.0, 0.25, 0.0625, 0.004]).ravel()
# A loss lower by less than this share is not worth a new start.
_LEAST_FALL = 1e-6


def lowest_curvature(hessian: tf.Tensor, effect: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The direction in which the loss curves downwards most, if any.

    Args:
        hessian: `[R, p, p]`; rows and columns of parameters that may not move are 0.
        effect: `[R, p]`, the size of the derivative of the levels by each parameter, in units of
            which it is measured. Where it is not known, 0, the curvature tells.

    Returns:
        `[R]` bool, whether the curvature is clearly negative there, and the direction, `[R, p]`.
    """
    epsilon = np.finfo(hessian.dtype.as_numpy_dtype).eps
    units = tf.where(effect > 0, effect, tf.sqrt(tf.abs(tf.linalg.diag_part(hessian))))
    units = tf.where(units > 0, units, tf.ones_like(units))
    values, vectors, finite = guarded_eigh(hessian / (new_axis(units, 2) * new_axis(units, 1)))
    clear = np.cbrt(epsilon) * tf.reduce_max(tf.abs(values), axis=-1)
    return finite & (values[:, 0] < -clear), over_root(vectors[:, :, 0], units)


def lowest_light_curvature(
    jacobian: tf.Tensor, bending: tf.Tensor, effect: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The same where heavy data hide that the loss of the others curves downwards.

    Measured in units of what the data say of each combination of parameters: its singular value.

    Args:
        jacobian: `[R, M, p]`.
        bending: `[R, p, p]`, the second derivatives without `J^T J`.
        effect: `[R, p]`, see `lowest_curvature`.

    Returns:
        As `lowest_curvature`.
    """
    epsilon = np.finfo(bending.dtype.as_numpy_dtype).eps
    units = tf.where(effect > 0, effect, tf.ones_like(effect))
    data, count = jacobian.shape[1:]
    padding = [[0, 0], [0, max(0, count - data)], [0, 0]]
    padded = tf.pad(jacobian / new_axis(units, 1), padding)
    graded = decompose(padded, tf.zeros_like(padded[:, :, 0]))
    scaled = bending / (new_axis(units, 2) * new_axis(units, 1))
    turned = matmul_rows(matmul_rows(graded.right, scaled, transpose_a=True), graded.right)
    size = tf.sqrt(tf.abs(tf.linalg.diag_part(turned)))
    size = tf.where(graded.known, graded.singular, size)
    size = tf.where(size > 0, size, tf.ones_like(size))
    curvature = turned / (new_axis(size, 2) * new_axis(size, 1))
    curvature += tf.linalg.diag(tf.cast(graded.known, size.dtype))
    values, vectors, finite = guarded_eigh(curvature)
    clear = np.cbrt(epsilon) * tf.reduce_max(tf.abs(values), axis=-1)
    direction = tf.linalg.matvec(graded.right, over_root(vectors[:, :, 0], size))
    return finite & (values[:, 0] < -clear), direction / units


def leave_saddles(settings: Settings, pool: Pool) -> tuple[Pool, tf.Tensor]:
    """Which rows that have ended have ended on a saddle, and where they go on.

    Rows that are still to be refined are not asked, nor those of which the method knows that the
    loss curves upwards; nor large matrices of which few levels are compared, for whose second
    derivatives the others would be needed.

    Args:
        settings: the problem.
        pool: some rows, done or not.

    Returns:
        The rows, and `[R]` bool: which of them begin again, from a point with a lower loss. One
        that is out of steps does not, and has the status MAX_STEPS.
    """
    task, state, status = pool
    point = state.point
    nowhere = (tf.zeros_like(status, tf.bool), task.initial)
    if settings.model.few is not None:
        return pool, nowhere[0]
    # Steps that are all rounding stall beside a saddle.
    asked = (status == Status.STATIONARY) | (status == Status.STALLED)
    asked &= task.attempt == settings.starts
    if hasattr(state, "curves_up"):
        asked &= ~state.curves_up

    def search(
        data: Data,
        parameters: tf.Tensor,
        jacobian: tf.Tensor,
        norms: tf.Tensor,
        loss: tf.Tensor,
        noise: tf.Tensor,
        spread: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        curvature = curvature_at(settings.model, parameters, data)
        effect = tf.maximum(known_effects(settings.model, data), norms)
        hessian, bending = curvature.hessian_in_parts()
        saddle, direction = lowest_curvature(hessian, effect)
        saddle, direction = on_rows(
            spread < UNEVEN_CURVATURE,
            (saddle, direction),
            (jacobian, bending, effect),
            lowest_light_curvature,
        )
        lowest = functools.partial(_lowest_along, settings)
        wanted = (data, parameters, loss, noise, direction)
        return on_rows(saddle, (tf.zeros_like(saddle), parameters), wanted, lowest)

    wanted = (point.jacobian, point.column_norms, point.loss, point.noise, point.spread)
    wanted = (task.data, point.parameters, *wanted)
    falls, initial = on_rows(asked, nowhere, wanted, search)
    again = falls & (task.steps < task.max_steps)
    task = task._replace(initial=initial, steps=task.steps + tf.cast(again, tf.int32))
    status = tf.where(falls, int(Status.MAX_STEPS), status)
    return Pool(task, state, status), again


def _lowest_along(
    settings: Settings,
    data: Data,
    parameters: tf.Tensor,
    loss: tf.Tensor,
    noise: tf.Tensor,
    direction: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """The lowest of some points on both sides.

    Returns:
        `[R]` bool, whether the loss is clearly lower there, and its parameters, `[R, p]`.
    """
    count = len(_DISTANCES)
    step = new_axis(tf.sqrt(loss), 1) * direction
    points = new_axis(parameters, 1) + tf.constant(_DISTANCES[:, None], loss.dtype) * new_axis(
        step, 1
    )
    points = tf.reshape(points, [-1, parameters.shape[1]])
    data = gather_rows(data, tf.repeat(tf.range(tf.size(loss)), count))
    if data.bounded:
        points = tf.maximum(tf.minimum(points, data.upper), data.lower)
    losses = tf.reshape(evaluate_loss(settings.model, points, data), [-1, count])
    best = tf.argmin(losses, axis=-1)
    points = tf.reshape(points, [-1, count, parameters.shape[1]])
    least = tf.reduce_min(losses, axis=-1)
    fell = least < (1.0 - _LEAST_FALL) * loss - noise
    return fell, tf.gather(points, best, batch_dims=1)
