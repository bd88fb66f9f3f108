"""Gradients of the fitted parameters by the data, from the implicit function theorem.

At a solution the gradient of the loss vanishes: with `r = w (t - f(x))`, `psi = rho'(z) r` and
priors of mean mu and weight q,

    sum_k w_k psi_k df_k/dx + q^2 (mu - x) = 0.

Its total derivative is (`s = dpsi/dr`)

    H dx = J^T (w^2 s dt + (psi + s r) dw) + q^2 dmu + 2 q (mu - x) dq,

with the exact Hessian H. So the derivative needs one linear system per row and does not depend on
the iterations of the fit. A parameter at a bound h follows it, dx = dh, and the other parameters
respond to that change.

Second derivatives would need third derivatives of the levels, which are not implemented; they are
NaN.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..linalg.linear import solve_symmetric
from ..results.fit_result import FitResult
from ..results.status import Status
from ..rowwise.axes import new_axis
from ..rowwise.once_only import unprovided
from ..rowwise.tables import select_rows
from .evaluation import slopes_of_targets
from .hessian import Curvature
from .implicit_conditions import pull_back_conditions
from .model import Data, Model, is_given, without_met_limits
from .scaling import known_effects


def keep_rows(usable: tf.Tensor, tensor: tf.Tensor) -> tf.Tensor:
    """The tensor `[B, ...]`, with zeros in rows that are not usable."""
    return select_rows(usable, tensor, tf.zeros_like(tensor))


def is_certified(status: tf.Tensor) -> tf.Tensor:
    """`[B]` bool: whether the fit ended at a certified minimum, where the gradients exist."""
    return (status == Status.CONVERGED) | (status == Status.STATIONARY)


def pull_back_answer(model: Model, result: FitResult, data: Data, upstream: FitResult) -> Data:
    """Vector-Jacobian product: from gradients by the result to gradients by the data.

    `gradient_norm` and `standard_errors` are not differentiable: a nonzero upstream gradient of
    either makes all gradients of the row NaN.

    Args:
        model: matrices, observation and loss.
        result: the result of the fit.
        data: the validated data, with weight 0 where not observed.
        upstream: the gradient by each field of the result.

    Returns:
        Gradients by targets, weights, bounds, priors, and conditions `[B, K W]`; 0 where not
        observed, and in rows that did not end at a certified minimum.
    """
    structure, comparison = model.structure(data), model.comparison
    usable = is_certified(result.status)
    upstream = upstream._replace(
        parameters=keep_rows(usable, upstream.parameters),
        eigenvalues=keep_rows(usable, upstream.eigenvalues),
        residuals=keep_rows(usable, upstream.residuals),
        loss=keep_rows(usable, upstream.loss),
    )
    if is_given(data.conditions):  # there are no levels at conditions that a row does not have
        nothing = tf.zeros_like(upstream.eigenvalues)
        absent = tf.math.is_nan(structure.without_absent(nothing))
        by_levels = tf.where(absent, nothing, upstream.eigenvalues)
        upstream = upstream._replace(eigenvalues=by_levels)
    parameters = tf.where(new_axis(usable, 1), result.parameters, tf.zeros_like(result.parameters))
    values, vectors, finite = structure.eigensystem(parameters)
    usable &= finite
    # Unusable rows have parameters 0, where a structure's derivatives may not be finite.
    slopes = keep_rows(usable, structure.level_jacobian(parameters, vectors))
    assignment = comparison.assign(values, data.targets, data.weights)
    data = without_met_limits(data, result.residuals)
    weights = data.weights
    jacobian = slopes_of_targets(model, data, values, slopes, assignment)
    observed = (weights > 0) & new_axis(usable, 1)
    difference = tf.where(observed, result.residuals, tf.zeros_like(weights))
    counted = model.loss.count(weights * difference)
    stiffness = tf.where(observed, counted.stiffness, tf.zeros_like(weights))
    by_parameter = tf.linalg.matrix_transpose(jacobian)

    curvature = Curvature(
        model, data, parameters, values, vectors, assignment, difference, slopes, jacobian
    )
    hessian = keep_rows(usable, curvature.hessian(limits=False))
    force = weights * counted.force
    # The total gradient by x.
    by_residual = tf.where(observed, upstream.residuals, tf.zeros_like(weights))
    total = comparison.offset_sums(by_residual)
    if comparison.centred:  # every residual moves with the common offset
        by_residual -= comparison.offset_shares(weights) * total
    by_residual += 2.0 * new_axis(upstream.loss, 1) * force
    by_x = (
        upstream.parameters
        + tf.linalg.matvec(slopes, upstream.eigenvalues, transpose_a=True)
        - tf.linalg.matvec(by_parameter, by_residual)
    )
    pull = squared = tf.zeros_like(parameters)
    if data.has_priors:
        pull = keep_rows(usable, data.prior_mean - parameters)
        squared = data.prior_weight * data.prior_weight
        by_x -= 2.0 * upstream.loss[:, None] * squared * pull
    whole, by_every_x = hessian, by_x
    if data.bounded:
        free = (parameters > data.lower) & (parameters < data.upper)
        by_x = tf.where(free, by_x, tf.zeros_like(by_x))
        hessian = tf.where(free[:, :, None] & free[:, None, :], hessian, tf.zeros_like(hessian))
    weighted = by_parameter * new_axis(weights, 1)
    squares = tf.reduce_sum(weighted * weighted, axis=-1)
    units = _units(model, data, squares + squared if data.has_priors else squares, hessian)
    multipliers = solve_symmetric(hessian, units, by_x)
    along = tf.linalg.matvec(jacobian, multipliers)
    by_targets = weights * weights * stiffness * along + by_residual
    twisted = (counted.force + stiffness * weights * difference) * along
    by_weights = twisted + 2.0 * new_axis(upstream.loss, 1) * counted.force * difference
    if comparison.centred:
        squares = comparison.offset_sums(weights * weights)
        by_weights -= 2.0 * counted.force * total / tf.where(squares > 0, squares, 1.0)
    gradients = Data(targets=by_targets, weights=by_weights)
    if data.has_priors:
        with_loss = multipliers + upstream.loss[:, None] * pull
        gradients = gradients._replace(
            prior_mean=squared * (multipliers + 2.0 * upstream.loss[:, None] * pull),
            prior_weight=2.0 * data.prior_weight * pull * with_loss,
        )
    if data.bounded:
        low, high = parameters <= data.lower, parameters >= data.upper
        by_bound = by_every_x - tf.linalg.matvec(whole, multipliers)
        # If both bounds of a parameter are equal, each gets half of the gradient.
        by_bound *= tf.where(low & high, tf.constant(0.5, by_bound.dtype), 1.0)
        gradients = gradients._replace(
            lower=tf.where(low, by_bound, 0.0), upper=tf.where(high, by_bound, 0.0)
        )
    if is_given(data.conditions):
        gradients = gradients._replace(
            conditions=pull_back_conditions(
                model, data, parameters, multipliers, upstream.eigenvalues, -by_residual
            )
        )
    lost = new_axis(unprovided((upstream.standard_errors, new_axis(upstream.gradient_norm, 1))), 1)
    gradients = tf.nest.map_structure(
        lambda gradient: keep_rows(usable, gradient + lost), gradients
    )
    return gradients._replace(
        targets=tf.where(observed, gradients.targets, 0.0),
        weights=tf.where(observed, gradients.weights, 0.0),
    )


def _units(model: Model, data: Data, squares: tf.Tensor, hessian: tf.Tensor) -> tf.Tensor:
    """The scale of each parameter, `[B, p]`, in which the Hessian's diagonal is at most 1.

    Args:
        model: matrices, observation and loss.
        data: the validated data.
        squares: `[B, p]`, the diagonal of `J^T J` and the priors. It nearly vanishes for a coupling
            that ends at 0 to within rounding, which is still determined by its curvature.
        hessian: `[B, p, p]`.

    Returns:
        `[B, p]`, positive; 1 for a parameter without effect.
    """
    curvature = tf.abs(tf.linalg.diag_part(hessian))
    effect = known_effects(model, data)
    epsilon = np.finfo(squares.dtype.as_numpy_dtype).eps
    noise = 8.0 * epsilon * model.parameterization.size
    # Without any effect, both are rounding noise.
    counts = (squares > (noise * effect) ** 2) | (curvature > noise * effect**2)
    return tf.where(counts, tf.sqrt(tf.maximum(squares, curvature)), tf.ones_like(squares))
