"""Covariance and standard errors of fitted parameters.

Computed from the singular value decomposition of the weighted Jacobian with columns scaled to
length 1, so that parameters of very different size do no harm. The standard errors of
well-conditioned rows come from the normal matrix, which is cheaper.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ..linalg.eigh import guarded_eigh
from ..results.covariance import Covariance
from ..rowwise.axes import new_axis
from ..rowwise.elementwise import reciprocal
from ..rowwise.products import matmul_rows, sum_over_second


class Decomposed(NamedTuple):
    """The singular value decomposition of the weighted Jacobian, columns scaled to length 1.

    Attributes:
        units: `[R, p]`, the column norms; 1 for a zero column.
        inverse: `[R, p]`, the inverse singular values; 0 below the rank tolerance.
        right: `[R, p, p]`, the right singular vectors in columns.
        singular: `[R, p]`, the singular values.
        known: `[R, p]` bool, singular values above the rank tolerance.
        hidden: `[R, p]` bool, parameters that the data do not determine.
    """

    units: tf.Tensor
    inverse: tf.Tensor
    right: tf.Tensor
    singular: tf.Tensor
    known: tf.Tensor
    hidden: tf.Tensor


def standard_errors(
    jacobian: tf.Tensor,
    held: tf.Tensor | None,
    loss: tf.Tensor,
    observed: tf.Tensor,
    absolute_sigma: bool,
) -> tf.Tensor:
    """Standard error of each parameter from the linearized fit.

    The square root of the diagonal of `(J^T J)^-1` with the weighted Jacobian; with
    `absolute_sigma` false, the diagonal is multiplied by the variance of unit weight
    `loss / (observed - p)`. These are the two conventions of `scipy.optimize.curve_fit`.

    Args:
        jacobian: `[R, M, p]`, weighted.
        held: `[R, p]` bool, parameters at a bound; None for none.
        loss: `[R]`.
        observed: `[R]`, the number of data.
        absolute_sigma: whether the weights are 1 / sigma in the unit of the levels.

    Returns:
        `[R, p]`, in the unit of the parameters; inf for a parameter that the data do not determine,
        and for every parameter if the variance must be estimated without more data than parameters;
        NaN at a bound.
    """
    infinity = tf.constant(np.inf, loss.dtype)
    if not absolute_sigma and held is None and jacobian.shape[1] <= jacobian.shape[2]:
        return tf.zeros_like(jacobian[:, 0]) + infinity  # no degree of freedom: skip the SVD
    errors, accurate = _from_normal_matrix(jacobian, held)
    doubtful = tf.where(~accurate)
    slow = _from_singular_values(
        tf.gather_nd(jacobian, doubtful), None if held is None else tf.gather_nd(held, doubtful)
    )
    errors = tf.tensor_scatter_nd_update(errors, doubtful, slow)
    if not absolute_sigma:
        unit = new_axis(unit_variance(jacobian, held, loss, observed), 1)
        known = tf.math.is_finite(errors) & tf.math.is_finite(unit)
        errors = tf.where(known, errors * tf.sqrt(unit), infinity)
    return errors if held is None else tf.where(held, tf.constant(np.nan, loss.dtype), errors)


def unit_variance(
    jacobian: tf.Tensor, held: tf.Tensor | None, loss: tf.Tensor, observed: tf.Tensor
) -> tf.Tensor:
    """Variance of unit weight `loss / (data - free parameters)`, `[R]`; inf without freedom."""
    free = tf.cast(jacobian.shape[2], loss.dtype)
    if held is not None:
        free -= tf.reduce_sum(tf.cast(held, loss.dtype), axis=-1)
    freedom = observed - free
    infinity = tf.constant(np.inf, loss.dtype)
    return tf.where(freedom > 0, loss / tf.maximum(freedom, 1.0), infinity)


def covariance(jacobian: tf.Tensor, held: tf.Tensor | None) -> Covariance:
    """The covariance matrix `(J^T J)^+`, for weights that are 1 / sigma.

    Args:
        jacobian: `[R, M, p]`, weighted.
        held: `[R, p]` bool, parameters at a bound; None for none.

    Returns:
        The `Covariance`.
    """
    found = decompose(jacobian, held)
    dtype = jacobian.dtype
    nan, infinity = tf.constant(np.nan, dtype), tf.constant(np.inf, dtype)
    half = found.right * new_axis(found.inverse, 1)
    # In units of the column norms, where every number is of moderate size.
    scaled = matmul_rows(half, half, transpose_b=True)
    lengths = tf.sqrt(tf.linalg.diag_part(scaled))
    safe = tf.where(lengths > 0, lengths, tf.ones_like(lengths))
    correlation = scaled / (new_axis(safe, 2) * new_axis(safe, 1))
    full = scaled / (new_axis(found.units, 2) * new_axis(found.units, 1))
    unknown = new_axis(found.hidden, 2) | new_axis(found.hidden, 1)
    correlation, full = tf.where(unknown, nan, correlation), tf.where(unknown, nan, full)
    variances = tf.where(found.hidden, infinity, tf.linalg.diag_part(full))
    free = tf.fill(tf.shape(found.units), True) if held is None else ~held
    variances = tf.where(free, variances, nan)
    gone = ~(new_axis(free, 2) & new_axis(free, 1))
    correlation, full = tf.where(gone, nan, correlation), tf.where(gone, nan, full)
    rank = tf.math.count_nonzero(found.known, axis=-1, dtype=tf.int32)
    number = tf.math.count_nonzero(free, axis=-1, dtype=tf.int32)
    smallest = tf.reduce_min(tf.where(found.known, found.singular, infinity), axis=-1)
    condition = tf.where(rank < number, infinity, found.singular[:, 0] / smallest)
    return Covariance(
        covariance=tf.linalg.set_diag(full, variances),
        standard_errors=tf.sqrt(variances),
        correlation=correlation,
        rank=rank,
        condition_number=tf.where(number > 0, condition, nan),
    )


def with_variance(found: Covariance, variance: tf.Tensor) -> Covariance:
    """The covariance for weights that are known up to a common factor.

    Args:
        found: the `Covariance` for absolute weights.
        variance: `[R]`, of unit weight; inf where it is not known.

    Returns:
        The `Covariance` multiplied by the variance of unit weight.
    """
    infinity = tf.constant(np.inf, variance.dtype)
    nan = tf.constant(np.nan, variance.dtype)
    known = tf.math.is_finite(variance)
    factor = tf.where(known, variance, tf.ones_like(variance))
    full = tf.where(
        tf.reshape(known, [-1, 1, 1]), found.covariance * tf.reshape(factor, [-1, 1, 1]), nan
    )
    lost = ~(new_axis(known, 1) & tf.math.is_finite(found.standard_errors))
    errors = found.standard_errors * new_axis(tf.sqrt(factor), 1)
    variances = tf.linalg.diag_part(found.covariance) * new_axis(factor, 1)
    at_bound = tf.math.is_nan(found.standard_errors)
    variances, errors = (
        tf.where(at_bound, nan, tf.where(lost, infinity, part)) for part in (variances, errors)
    )
    return found._replace(covariance=tf.linalg.set_diag(full, variances), standard_errors=errors)


def _from_normal_matrix(jacobian: tf.Tensor, held: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
    """Standard errors for absolute weights, `[R, p]`, and `[R]` bool, whether they are accurate.

    Much cheaper than singular values, but the condition number enters squared: rows that would
    keep fewer than 5/8 of the digits are left to the singular values.
    """
    epsilon = float(np.finfo(jacobian.dtype.as_numpy_dtype).eps)
    norms = tf.sqrt(sum_over_second(jacobian * jacobian))
    units = tf.where(norms > 0, norms, tf.ones_like(norms))
    scaled = jacobian / new_axis(units, 1)
    normal = matmul_rows(scaled, scaled, transpose_a=True)
    if held is not None:  # decouple parameters at a bound: unit row and column
        free = tf.cast(~held, jacobian.dtype)
        normal = tf.linalg.diag(1.0 - free) + normal * new_axis(free, 2) * new_axis(free, 1)
    values, vectors, finite = guarded_eigh(normal)
    accurate = finite & (values[:, 0] > epsilon**0.375 * values[:, -1])
    inverse = tf.where(new_axis(accurate, 1), reciprocal(values), tf.zeros_like(values))
    return tf.sqrt(tf.linalg.matvec(vectors * vectors, inverse)) / units, accurate


def _from_singular_values(jacobian: tf.Tensor, held: tf.Tensor | None) -> tf.Tensor:
    """Standard errors for absolute weights, `[R, p]`; inf for undetermined parameters."""
    found = decompose(jacobian, held)
    variance = tf.linalg.matvec(found.right * found.right, found.inverse * found.inverse)
    infinity = tf.constant(np.inf, jacobian.dtype)
    return tf.where(found.hidden, infinity, tf.sqrt(variance) / found.units)


def decompose(jacobian: tf.Tensor, held: tf.Tensor | None) -> Decomposed:
    """Decompose the weighted Jacobian.

    Args:
        jacobian: `[R, M, p]`, weighted.
        held: `[R, p]` bool, parameters at a bound, whose columns count as 0; None for none.

    Returns:
        The `Decomposed`.
    """
    dtype = jacobian.dtype
    epsilon = np.finfo(dtype.as_numpy_dtype).eps
    if held is not None:
        jacobian = tf.where(new_axis(held, 1), tf.zeros_like(jacobian), jacobian)
    levels, count = jacobian.shape[1:]
    if levels < count:  # pad with zero rows, so that there are p singular values
        jacobian = tf.pad(jacobian, [[0, 0], [0, count - levels], [0, 0]])
    by_parameter = tf.linalg.matrix_transpose(jacobian)
    norms = tf.sqrt(tf.reduce_sum(by_parameter * by_parameter, axis=-1))
    units = tf.where(norms > 0, norms, tf.ones_like(norms))
    singular, _, right = tf.linalg.svd(jacobian / new_axis(units, 1))
    floor = singular[:, :1] * epsilon * max(levels, count)
    known = singular > tf.maximum(floor, epsilon)
    inverse = tf.where(known, reciprocal(tf.where(known, singular, tf.ones_like(singular))), 0.0)
    # A component above rounding in the null space means that the parameter is undetermined.
    share = tf.linalg.matvec(right * right, tf.cast(~known, dtype))
    return Decomposed(units, inverse, right, singular, known, share > np.sqrt(epsilon))
