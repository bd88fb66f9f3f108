"""The derivative of the answer by the data, from the implicit function theorem.

At a solution the gradient `J^T W^2 (t - f(x))` vanishes. Differentiated along the solution,

    H dx = J^T W^2 dt + 2 J^T W R dw,    H = J^T W^2 J - sum_k w_k^2 r_k d2f_k/dx2,

so the derivative of the parameters by targets and weights needs one linear system in each row, and
nothing of the way that the fit took. `H` is the exact Hessian: its second term matters as soon as
residuals are left. The second derivative of a level is second-order perturbation theory.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from .eigen import divided_differences, guarded_eigh, hermitian_transpose
from .evaluation import select
from .observation import Levels
from .parameterizations import Parameterization
from .result import FitResult


def level_curvature(
    parameterization: Parameterization,
    parameters: tf.Tensor,
    eigenvalues: tf.Tensor,
    eigenvectors: tf.Tensor,
    weights: tf.Tensor,
) -> tf.Tensor:
    """`sum_k g_k d2 lambda_k / dx_i dx_j`, finite at degenerate levels.

    Args:
        parameterization: makes the matrix.
        parameters: `[B, p]`.
        eigenvalues: `[B, n]`, at these parameters.
        eigenvectors: `[B, n, n]`, in columns.
        weights: `[B, n]`, the numbers g.

    Returns:
        `[B, p, p]`.
    """
    adjoint = hermitian_transpose(eigenvectors)
    coupling = adjoint[:, None] @ parameterization.derivatives(parameters) @ eigenvectors[:, None]
    quotients = divided_differences(eigenvalues, weights)[:, None]
    flat = [-1, parameterization.num_parameters, parameterization.size**2]
    left = tf.reshape(coupling * tf.cast(quotients, coupling.dtype), flat)
    right = tf.reshape(coupling, flat)
    second = tf.math.real(tf.matmul(left, right, adjoint_b=True))
    density = (eigenvectors * tf.cast(weights, eigenvectors.dtype)[:, None, :]) @ adjoint
    bending = parameterization.curvature(parameters, density)
    return second if bending is None else second + bending


def solve_symmetric(matrix: tf.Tensor, units: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """The minimum-norm solution of `H z = b`, with norms measured in the given units.

    Args:
        matrix: `[B, p, p]`, symmetric.
        units: `[B, p]`, positive; the unknown `z_j` is measured in `1 / units_j`.
        right: `[B, p]`.

    Returns:
        `[B, p]`; nothing along directions that the matrix does not determine.
    """
    values, vectors, _ = guarded_eigh(matrix / (units[:, :, None] * units[:, None, :]))
    epsilon = np.finfo(matrix.dtype.as_numpy_dtype).eps
    floor = tf.reduce_max(tf.abs(values), axis=-1, keepdims=True) * (
        epsilon * 16.0 * matrix.shape[-1]
    )
    known = tf.abs(values) > floor
    inverse = tf.where(known, 1.0 / tf.where(known, values, tf.ones_like(values)), 0.0)
    share = tf.linalg.matvec(vectors, right / units, transpose_a=True)
    return tf.linalg.matvec(vectors, inverse * share) / units


def keep_rows(usable: tf.Tensor, tensor: tf.Tensor) -> tf.Tensor:
    """The tensor `[B, ...]` with 0 in rows that are not usable."""
    return select(usable, tensor, tf.zeros_like(tensor))


def pull_back_answer(
    parameterization: Parameterization,
    observation: Levels,
    result: FitResult,
    weights: tf.Tensor,
    upstream: FitResult,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Gradients by targets and weights for gradients by the fields of the answer.

    Gradients by `gradient_norm` and `standard_errors` are not passed on.

    Args:
        parameterization: makes the matrix.
        observation: makes the levels that are compared.
        result: the answer.
        weights: `[B, m]`, 0 where not observed.
        upstream: for each field its gradient.

    Returns:
        `[B, m]` twice; 0 where not observed, and in rows without a usable answer. For rows that
        ended STALLED or at MAX_STEPS they are those of a stationary point there, which is not
        quite what the row is.
    """
    usable = result.status > 0
    upstream = upstream._replace(
        parameters=keep_rows(usable, upstream.parameters),
        eigenvalues=keep_rows(usable, upstream.eigenvalues),
        residuals=keep_rows(usable, upstream.residuals),
        loss=keep_rows(usable, upstream.loss),
    )
    parameters = tf.where(usable[:, None], result.parameters, tf.zeros_like(result.parameters))
    values, vectors, finite = guarded_eigh(parameterization.matrix(parameters))
    usable &= finite
    # Where the row is not usable its parameters are 0, where not every structure has derivatives.
    slopes = keep_rows(usable, parameterization.level_jacobian(parameters, vectors))
    jacobian = observation.observe(slopes)
    observed = (weights > 0) & usable[:, None]
    residual = tf.where(observed, result.residuals, tf.zeros_like(weights))
    squared = tf.where(observed, weights * weights, tf.zeros_like(weights))
    by_parameter = tf.linalg.matrix_transpose(jacobian)

    hessian = tf.matmul(by_parameter * squared[:, None, :], jacobian) - level_curvature(
        parameterization,
        parameters,
        values,
        vectors,
        observation.pull_back(squared * residual, parameterization.size),
    )
    hessian = keep_rows(usable, hessian)
    # Everything that depends on x, collected into one gradient by x.
    by_residual = tf.where(observed, upstream.residuals, tf.zeros_like(weights))
    by_residual += 2.0 * upstream.loss[:, None] * squared * residual
    by_x = (
        upstream.parameters
        + tf.linalg.matvec(slopes, upstream.eigenvalues, transpose_a=True)
        - tf.linalg.matvec(by_parameter, by_residual)
    )
    weighted = by_parameter * weights[:, None, :]
    units = tf.sqrt(tf.reduce_sum(weighted * weighted, axis=-1))
    units = tf.where(units > 0, units, tf.ones_like(units))
    multipliers = solve_symmetric(hessian, units, by_x)
    along = tf.linalg.matvec(jacobian, multipliers)
    by_targets = squared * along + by_residual
    by_weights = 2.0 * weights * residual * (along + upstream.loss[:, None] * residual)
    return by_targets, tf.where(observed, by_weights, tf.zeros_like(by_weights))
