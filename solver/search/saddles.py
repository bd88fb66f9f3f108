"""Escape from saddle points, where the gradient vanishes and the Hessian has a negative eigenvalue.

A starting point with all couplings zero mostly is one: by symmetry the derivatives by the couplings
vanish. So before a row ends as a least-squares minimum with a residual, its Hessian is tested. At a
saddle point the row continues from the lowest of several points along the direction of the most
negative curvature (Nocedal & Wright, Numerical Optimization, 2006, section 3.4).
"""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

from ..linalg.eigh import guarded_eigh
from ..linalg.graded import UNEVEN_CURVATURE, decompose
from ..objective.evaluation import curvature_at, evaluate_loss
from ..objective.model import Data, is_given
from ..objective.scaling import known_effects
from ..pool.rows import Pool
from ..results.status import Status
from ..rowwise.axes import new_axis
from ..rowwise.elementwise import over_root
from ..rowwise.products import matmul_rows
from ..rowwise.tables import on_rows, repeat_rows
from ..rowwise.traced_once import traced_once
from ..settings import Settings

# Step lengths along the direction, in units of sqrt(loss): at about 1 the levels might match.
_DISTANCES = np.outer([1.0, -1.0], [4.0, 1.0, 0.25, 0.0625, 0.004]).ravel()
# Least relative decrease of the loss for which a row continues.
_LEAST_FALL = 1e-6


@traced_once
def lowest_curvature(hessian: tf.Tensor, effect: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The lowest eigenvector of the scaled Hessian `H_ij / (u_i u_j)`.

    Args:
        hessian: `[R, p, p]`; rows and columns of parameters held at a bound are 0.
        effect: `[R, p]`, the units `u_j`: the norm of the derivative of the weighted levels by each
            parameter. Where it is 0, for unknown, `u_j = sqrt(|H_jj|)`.

    Returns:
        `[R]` bool, whether the lowest eigenvalue is negative beyond `cbrt(epsilon)` times the
        largest magnitude; and `[R, p]`, the direction in units of the parameters.
    """
    epsilon = np.finfo(hessian.dtype.as_numpy_dtype).eps
    units = tf.where(effect > 0, effect, tf.sqrt(tf.abs(tf.linalg.diag_part(hessian))))
    units = tf.where(units > 0, units, tf.ones_like(units))
    values, vectors, finite = guarded_eigh(hessian / (new_axis(units, 2) * new_axis(units, 1)))
    clear = np.cbrt(epsilon) * tf.reduce_max(tf.abs(values), axis=-1)
    return finite & (tf.reduce_min(values, axis=-1) < -clear), over_root(vectors[:, :, 0], units)


@traced_once
def lowest_light_curvature(
    jacobian: tf.Tensor, bending: tf.Tensor, effect: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """`lowest_curvature` for weights so unequal that `J^T J` hides the curvature of light data.

    With `J = U S V^T` and `B = H - J^T J` it decomposes `I + S^-1 V^T B V S^-1`: each direction
    that the data determine is measured in units of its singular value.

    Args:
        jacobian: `[R, M, p]`.
        bending: `[R, p, p]`, B, the second derivatives without `J^T J`.
        effect: `[R, p]`, see `lowest_curvature`.

    Returns:
        As `lowest_curvature`.
    """
    epsilon = np.finfo(bending.dtype.as_numpy_dtype).eps
    units = tf.where(effect > 0, effect, tf.ones_like(effect))
    data, count = jacobian.shape[1:]
    padding = [[0, 0], [0, max(0, count - data)], [0, 0]]
    padded = tf.pad(jacobian / new_axis(units, 1), padding)
    graded = decompose(padded)
    scaled = bending / (new_axis(units, 2) * new_axis(units, 1))
    turned = matmul_rows(matmul_rows(graded.right, scaled, transpose_a=True), graded.right)
    size = tf.sqrt(tf.abs(tf.linalg.diag_part(turned)))
    size = tf.where(graded.determined, graded.singular, size)
    size = tf.where(size > 0, size, tf.ones_like(size))
    curvature = turned / (new_axis(size, 2) * new_axis(size, 1))
    curvature += tf.linalg.diag(tf.cast(graded.determined, size.dtype))
    values, vectors, finite = guarded_eigh(curvature)
    clear = np.cbrt(epsilon) * tf.reduce_max(tf.abs(values), axis=-1)
    direction = tf.linalg.matvec(graded.right, over_root(vectors[:, :, 0], size))
    return finite & (tf.reduce_min(values, axis=-1) < -clear), direction / units


def leave_saddles(settings: Settings, pool: Pool) -> tuple[Pool, tf.Tensor]:
    """Find the rows that ended at a saddle point, and the points from which they continue.

    Not tested are rows before their refinement; rows whose Hessian the method knows to be positive;
    and large matrices of which only a few levels are computed, for the Hessian needs all of them.

    Args:
        settings: the problem.
        pool: `R` rows, done or not.

    Returns:
        The rows, and `[R]` bool: which of them begin again, from a point with a lower loss. One
        that is out of steps does not, and gets the status MAX_STEPS.
    """
    task, state, status = pool.task, pool.state, pool.status
    point = state.point
    nowhere = (tf.zeros_like(status, tf.bool), task.initial)
    if settings.model.few is not None:
        return pool, nowhere[0]
    # Beside a saddle point a row may also stall, when its steps are all rounding error.
    asked = (status == Status.STATIONARY) | (status == Status.STALLED)
    asked &= task.refining
    if is_given(state.curves_up):
        asked &= ~state.curves_up

    def search(
        data: Data,
        parameters: tf.Tensor,
        jacobian: tf.Tensor,
        norms: tf.Tensor,
        loss: tf.Tensor,
        noise: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        curvature = curvature_at(settings.model, parameters, data)
        effect = tf.maximum(known_effects(settings.model, data), norms)
        hessian, bending = curvature.hessian_in_parts()
        saddle, direction = lowest_curvature(hessian, effect)
        saddle, direction = on_rows(
            data.weight_ratio < UNEVEN_CURVATURE,
            (saddle, direction),
            (jacobian, bending, effect),
            lowest_light_curvature,
        )
        lowest = functools.partial(_lowest_along, settings)
        wanted = (data, parameters, loss, noise, direction)
        return on_rows(saddle, (tf.zeros_like(saddle), parameters), wanted, lowest)

    wanted = (point.jacobian, point.column_norms, point.loss, point.noise)
    wanted = (task.data, point.parameters, *wanted)
    falls, initial = on_rows(asked, nowhere, wanted, search)
    again = falls & (pool.steps < task.max_steps)
    left = pool._replace(
        task=task._replace(initial=initial),
        status=tf.where(falls, int(Status.MAX_STEPS), status),
        steps=pool.steps + tf.cast(again, tf.int32),
    )
    return left, again


def _lowest_along(
    settings: Settings,
    data: Data,
    parameters: tf.Tensor,
    loss: tf.Tensor,
    noise: tf.Tensor,
    direction: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """The lowest of the points `x + d sqrt(loss) direction`, for d in `_DISTANCES`.

    Returns:
        `[R]` bool, whether the loss there is lower beyond its rounding error; and the point,
        `[R, p]`.
    """
    count = len(_DISTANCES)
    step = new_axis(tf.sqrt(loss), 1) * direction
    points = new_axis(parameters, 1) + tf.constant(_DISTANCES[:, None], loss.dtype) * new_axis(
        step, 1
    )
    points = tf.reshape(points, [-1, parameters.shape[1]])
    data = repeat_rows(data, count)
    if data.bounded:
        points = tf.maximum(tf.minimum(points, data.upper), data.lower)
    losses = tf.reshape(evaluate_loss(settings.model, points, data), [-1, count])
    best = tf.argmin(losses, axis=-1)
    points = tf.reshape(points, [-1, count, parameters.shape[1]])
    least = tf.reduce_min(losses, axis=-1)
    fell = least < (1.0 - _LEAST_FALL) * loss - noise
    return fell, tf.gather(points, best, batch_dims=1)
