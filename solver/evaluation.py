"""One evaluation of the fit at given parameters: spectrum, residual, Jacobian, gradient."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from .eigen import guarded_eigh
from .observation import Levels
from .parameterizations import Parameterization


class Point(NamedTuple):
    """The fit at one set of parameters, for `R` rows.

    Residual and Jacobian are weighted; where no level was observed both are 0.

    Attributes:
        parameters: `[R, p]`.
        eigenvalues: `[R, n]`, ascending.
        residual: `[R, m]`, `w (t - f(x))`.
        jacobian: `[R, m, p]`, `w df/dx`.
        gradient: `[R, p]`, `J^T residual`: minus half the gradient of the loss.
        column_norms: `[R, p]`, the norms of the columns of the Jacobian.
        loss: `[R]`, sum of squares of the residual; inf where the matrix is not finite.
        rms: `[R]`, root of the mean square of the unweighted residual over the observed levels.
    """

    parameters: tf.Tensor
    eigenvalues: tf.Tensor
    residual: tf.Tensor
    jacobian: tf.Tensor
    gradient: tf.Tensor
    column_norms: tf.Tensor
    loss: tf.Tensor
    rms: tf.Tensor


def evaluate(
    parameterization: Parameterization,
    observation: Levels,
    parameters: tf.Tensor,
    targets: tf.Tensor,
    weights: tf.Tensor,
) -> Point:
    """Evaluate every row.

    Args:
        parameterization: makes the matrix.
        observation: makes the levels that are compared.
        parameters: `[R, p]`.
        targets: `[R, m]`, finite; any number where the weight is 0.
        weights: `[R, m]`, 0 where not observed.

    Returns:
        The `Point`. A row whose matrix is not finite has infinite loss and zero gradient.
    """
    values, vectors, finite = guarded_eigh(parameterization.matrix(parameters))
    slopes = parameterization.level_jacobian(parameters, vectors)
    difference = tf.where(weights > 0, targets - observation.observe(values), 0.0)
    residual = weights * difference
    jacobian = weights[:, :, None] * observation.observe(slopes)
    loss = tf.reduce_sum(residual * residual, axis=-1)
    usable = finite & tf.math.is_finite(loss) & _all_finite(jacobian)
    jacobian = tf.where(usable[:, None, None], jacobian, 0.0)
    observed = tf.reduce_sum(tf.cast(weights > 0, targets.dtype), axis=-1)
    by_parameter = tf.linalg.matrix_transpose(jacobian)
    column_norms = tf.sqrt(tf.reduce_sum(by_parameter * by_parameter, axis=-1))
    # A parameter without any effect has nothing but rounding noise for its column.
    relative = 8.0 * np.finfo(targets.dtype.as_numpy_dtype).eps * parameterization.size
    noise = tf.constant(relative * parameterization.parameter_scales, targets.dtype)
    effective = column_norms > noise * tf.reduce_max(weights, axis=-1, keepdims=True)
    by_parameter = tf.where(effective[:, :, None], by_parameter, 0.0)
    jacobian = tf.linalg.matrix_transpose(by_parameter)
    return Point(
        parameters=parameters,
        eigenvalues=values,
        residual=residual,
        jacobian=jacobian,
        gradient=tf.linalg.matvec(by_parameter, residual),
        column_norms=tf.where(effective, column_norms, 0.0),
        loss=tf.where(usable, loss, loss.dtype.max),
        rms=tf.sqrt(tf.reduce_sum(difference * difference, axis=-1) / tf.maximum(observed, 1.0)),
    )


def _all_finite(jacobian: tf.Tensor) -> tf.Tensor:
    return tf.reduce_all(tf.math.is_finite(jacobian), axis=[1, 2])


def choose(mask: tf.Tensor, yes: Point, no: Point) -> Point:
    """Row by row, `yes` where the mask `[R]` is true and `no` elsewhere."""
    return tf.nest.map_structure(lambda a, b: select(mask, a, b), yes, no)


def select(mask: tf.Tensor, yes: tf.Tensor, no: tf.Tensor) -> tf.Tensor:
    """`tf.where` with a mask `[R]` for tensors `[R, ...]` of any rank."""
    return tf.where(tf.reshape(mask, [-1] + [1] * (yes.shape.rank - 1)), yes, no)
