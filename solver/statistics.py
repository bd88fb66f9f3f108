"""How sure the answer is: covariance and standard errors of fitted parameters."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def standard_errors(
    jacobian: tf.Tensor,
    column_norms: tf.Tensor,
    loss: tf.Tensor,
    observed: tf.Tensor,
    absolute_sigma: bool,
) -> tf.Tensor:
    """One standard deviation of each parameter from the linearized fit.

    The diagonal of `(J^T J)^-1` with the weighted Jacobian, times the variance of unit weight
    `loss / (observed - p)` unless the weights are taken as absolute: the two conventions of
    `scipy.optimize.curve_fit`. It is computed from the singular values of the Jacobian with its
    columns scaled to length 1, so parameters of very different size do no harm.

    Args:
        jacobian: `[R, m, p]`, weighted.
        column_norms: `[R, p]`.
        loss: `[R]`.
        observed: `[R]`, the number of levels with a weight above 0.
        absolute_sigma: whether the weights are 1 / sigma in the unit of the levels.

    Returns:
        `[R, p]`; inf for a parameter that the data do not determine, and for every parameter if
        the variance must be estimated but there are no more levels than parameters.
    """
    dtype = jacobian.dtype
    epsilon = np.finfo(dtype.as_numpy_dtype).eps
    levels, count = jacobian.shape[1:]
    if levels < count:  # a determined direction needs a level of its own: pad with zero rows
        jacobian = tf.pad(jacobian, [[0, 0], [0, count - levels], [0, 0]])
    units = tf.where(column_norms > 0, column_norms, tf.ones_like(column_norms))
    singular, _, right = tf.linalg.svd(jacobian / units[:, None, :])
    floor = singular[:, :1] * epsilon * max(levels, count)
    known = singular > tf.maximum(floor, epsilon)
    inverse = tf.where(known, 1.0 / tf.where(known, singular, tf.ones_like(singular)), 0.0)
    squares = right * right
    variance = tf.linalg.matvec(squares, inverse * inverse)
    hidden = tf.linalg.matvec(squares, tf.cast(~known, dtype))
    infinity = tf.constant(np.inf, dtype)
    # A share above rounding in an unknown direction means that the parameter is undetermined.
    errors = tf.where(hidden > np.sqrt(epsilon), infinity, tf.sqrt(variance) / units)
    if absolute_sigma:
        return errors
    freedom = (observed - count)[:, None]
    unit_variance = loss[:, None] / tf.maximum(freedom, 1.0)
    return tf.where(freedom > 0, errors * tf.sqrt(unit_variance), infinity)
