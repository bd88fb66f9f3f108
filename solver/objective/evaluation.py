"""Evaluate the fit at given parameters: levels, residual, Jacobian, gradient."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from ..linalg.subspace_iteration import few_eigenpairs
from ..parameterizations import Parameterization
from ..rowwise.axes import new_axis
from ..rowwise.elementwise import over_root
from ..rowwise.products import sum_over_second
from .bounds import held_by_bounds
from .hessian import Curvature
from .model import Data, Model, prior_pull, without_met_limits
from .point import Point
from .scaling import has_effect, relative_to_largest, rounding_of_loss


def evaluate(
    model: Model,
    parameters: tf.Tensor,
    data: Data,
    with_hessian: bool = False,
    near: tf.Tensor | None = None,
) -> Point:
    """Evaluate every row.

    Args:
        model: matrices, observation and loss.
        parameters: `[R, p]`, within the bounds.
        data: the data of these rows.
        with_hessian: whether to compute the Hessian too.
        near: `[R, n]`, the eigenvalues at a nearby point, NaN in rows without one; None for none at
            all. Where few of many levels are compared, this saves most of the work; a final result
            must be evaluated again without it.

    Returns:
        The `Point`. A row whose matrix is not finite has the loss `dtype.max` and zero descent.
    """
    point, curvature = evaluate_curved(model, parameters, data, near, every_level=with_hessian)
    return point._replace(hessian=curvature.hessian()) if with_hessian else point


def evaluate_curved(
    model: Model,
    parameters: tf.Tensor,
    data: Data,
    near: tf.Tensor | None = None,
    every_level: bool = False,
) -> tuple[Point, Curvature]:
    """Evaluate every row; the arguments are those of `evaluate`.

    Args:
        model: matrices, observation and loss.
        parameters: `[R, p]`, within the bounds.
        data: the data of these rows.
        near: `[R, n]`, the eigenvalues at a nearby point; see `evaluate`.
        every_level: whether to compute all levels, not only those that are compared.

    Returns:
        The `Point` without its Hessian, and the `Curvature`, valid only where all levels are
        computed.
    """
    structure, comparison = model.structure(data), model.comparison
    if model.few is None or every_level:
        values, vectors, finite = structure.eigensystem(parameters)
        slopes = _slopes(model, structure, parameters, vectors)
    else:
        matrix, finite = structure.finite_matrix(parameters)
        levels = lambda x: structure.levels(x)[0]  # noqa: E731
        by_blocks = None if structure.is_one_block else (levels, parameters)
        values, vectors = few_eigenpairs(model.few, matrix, near, by_blocks)
        slopes = _spread_out(model, structure.level_jacobian(parameters, vectors))
    assignment = comparison.assign(values, data.targets, data.weights)
    difference, data = level_difference(model, data, values, assignment)
    weights = data.weights
    observed_slopes = slopes_of_targets(model, data, values, slopes, assignment)
    counted = model.loss.count(weights * difference)
    residual, jacobian = counted.force, new_axis(weights, 2) * observed_slopes
    if not model.loss.is_linear:
        epsilon = np.finfo(weights.dtype.as_numpy_dtype).eps
        root = tf.sqrt(tf.maximum(counted.stiffness, tf.constant(epsilon, weights.dtype)))
        residual, jacobian = over_root(residual, root), jacobian * root[:, :, None]
    loss = tf.reduce_sum(counted.loss, axis=-1)
    largest_level = tf.reduce_max(tf.abs(values), axis=-1)
    sensitivity: Any = ()
    errors, in_levels, relative = weights, observed_slopes, difference
    if not comparison.in_level_units:
        sizes = tf.maximum(tf.abs(data.targets), tf.abs(data.targets - difference))
        sensitivity = comparison.sensitivity(values, slopes, observed_slopes, sizes)
        errors = weights * sensitivity
        in_levels = tf.math.divide_no_nan(observed_slopes, new_axis(sensitivity, 2))
        relative = relative_to_largest(comparison, data, difference)
    rms = tf.sqrt(tf.reduce_sum(relative * relative, axis=-1) / tf.maximum(data.observed, 1.0))
    noise = rounding_of_loss(largest_level, values.shape[1], counted.force, errors)
    if data.has_priors:
        pull = prior_pull(data, parameters)
        residual = tf.concat([residual, pull], axis=-1)
        jacobian = tf.concat([jacobian, tf.linalg.diag(data.prior_weight)], axis=1)
        loss += tf.reduce_sum(pull * pull, axis=-1)
    column_norms = tf.sqrt(sum_over_second(jacobian * jacobian))
    # A sum is finite only if every term is.
    usable = finite & tf.math.is_finite(loss + tf.reduce_sum(column_norms, axis=-1))
    seen = tf.where(new_axis(weights, 2) > 0, tf.abs(in_levels), 0.0)
    moves = has_effect(model, structure, parameters, tf.reduce_max(seen, axis=1))
    if data.has_priors:
        moves |= data.prior_weight > 0
    free = new_axis(usable, 1)
    if data.bounded:
        descent = tf.linalg.matvec(jacobian, residual, transpose_a=True)
        free &= ~held_by_bounds(parameters, descent, data)
    moves &= free
    # Usually no column is cleared, and testing is cheaper than clearing.
    cleared = functools.partial(tf.where, new_axis(moves, 1), jacobian, 0.0)
    jacobian = tf.cond(tf.reduce_all(moves), lambda: jacobian, cleared)
    epsilon = np.finfo(weights.dtype.as_numpy_dtype).eps
    point = Point(
        parameters=parameters,
        eigenvalues=values,
        residual=residual,
        jacobian=jacobian,
        descent=tf.linalg.matvec(jacobian, residual, transpose_a=True),
        column_norms=tf.where(moves, column_norms, 0.0),
        loss=tf.where(usable, loss, loss.dtype.max),
        rms=rms,
        largest_level=largest_level,
        noise=noise + 8.0 * epsilon * residual.shape[1] * loss,
        sensitivity=sensitivity,
    )
    curvature = Curvature(
        model,
        data,
        parameters,
        values,
        vectors,
        assignment,
        difference,
        slopes if comparison.bends else (),
        observed_slopes,
        free,
    )
    return point, curvature


def curvature_at(model: Model, parameters: tf.Tensor, data: Data) -> Curvature:
    """The `Curvature` at given parameters, where every matrix is finite.

    Args:
        model: matrices, observation and loss.
        parameters: `[R, p]`, within the bounds.
        data: the data of these rows.
    """
    structure, comparison = model.structure(data), model.comparison
    values, vectors, _ = structure.eigensystem(parameters)
    assignment = comparison.assign(values, data.targets, data.weights)
    difference, data = level_difference(model, data, values, assignment)
    weights = data.weights
    by_level = _slopes(model, structure, parameters, vectors)
    slopes = slopes_of_targets(model, data, values, by_level, assignment)
    free: Any = ()
    if data.bounded:
        force = weights * model.loss.count(weights * difference).force
        descent = tf.linalg.matvec(slopes, force, transpose_a=True)
        if data.has_priors:
            descent += data.prior_weight * prior_pull(data, parameters)
        free = ~held_by_bounds(parameters, descent, data)
    by_level = by_level if comparison.bends else ()
    return Curvature(
        model, data, parameters, values, vectors, assignment, difference, by_level, slopes, free
    )


def _slopes(
    model: Model, structure: Parameterization, parameters: tf.Tensor, vectors: Any
) -> tf.Tensor:
    """`[R, n, p]`, the derivatives of the levels; 0 for levels that are not compared."""
    used = model.comparison.used
    if not structure.is_one_block or len(used) == structure.size:
        return structure.level_jacobian(parameters, vectors)
    chosen = tf.gather(vectors, tf.constant(used, tf.int32), axis=2)
    return _spread_out(model, structure.level_jacobian(parameters, chosen))


def _spread_out(model: Model, slopes: tf.Tensor) -> tf.Tensor:
    """Scatter the derivatives of the compared levels, `[R, c, p]`, into `[R, n, p]`."""
    size, used = model.parameterization.size, model.comparison.used
    place = np.full(size, len(used))
    place[used] = np.arange(len(used))
    with_zero = tf.pad(slopes, [[0, 0], [0, 1], [0, 0]])
    return tf.gather(with_zero, tf.constant(place, tf.int32), axis=1)


def evaluate_loss(model: Model, parameters: tf.Tensor, data: Data) -> tf.Tensor:
    """The loss without derivatives, `[R]`; `dtype.max` where it is not finite."""
    values, finite = model.structure(data).levels(parameters)
    loss = loss_of_levels(model, data, parameters, values)
    return tf.where(finite & tf.math.is_finite(loss), loss, loss.dtype.max)


def loss_of_levels(model: Model, data: Data, parameters: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """The loss `sum_i rho(w_i (t_i - f_i(x)))` with the priors, `[R]`, from the levels `[R, n]`."""
    assignment = model.comparison.assign(tf.stop_gradient(values), data.targets, data.weights)
    difference, data = level_difference(model, data, values, assignment)
    loss = tf.reduce_sum(model.loss.count(data.weights * difference).loss, axis=-1)
    if data.has_priors:
        pull = prior_pull(data, parameters)
        loss += tf.reduce_sum(pull * pull, axis=-1)
    return loss


def level_difference(
    model: Model, data: Data, values: tf.Tensor, assignment: tf.Tensor
) -> tuple[tf.Tensor, Data]:
    """The unweighted residual `t - f(x)`, `[R, m]`, 0 where not observed; and the data that count.

    A limit that is met has no residual; its weight is 0 in the returned data.
    """
    comparison, weights = model.comparison, data.weights
    observed = comparison.centre(comparison.observe(values, assignment), weights)
    # Centre each separately: the rounding error of targets with a large offset, which may dominate
    # the residual, is then the same at every point.
    difference = comparison.centre(data.targets, weights) - observed
    data = without_met_limits(data, difference)
    return tf.where(data.weights > 0, difference, 0.0), data


def slopes_of_targets(
    model: Model, data: Data, values: tf.Tensor, slopes: tf.Tensor, assignment: tf.Tensor
) -> tf.Tensor:
    """The derivatives of the targets' values, centred, `[R, m, p]`.

    Args:
        model: matrices, observation and loss.
        data: of `R` rows.
        values: `[R, n]`, the levels.
        slopes: `[R, n, p]`, their derivatives.
        assignment: the level of each target.
    """
    comparison = model.comparison
    found = comparison.observe_slopes(values, slopes, assignment)
    if comparison.bends:  # a function may have no derivative where nothing was observed
        found = tf.where(new_axis(data.weights, 2) > 0, found, 0.0)
    return comparison.centre(found, data.weights)
