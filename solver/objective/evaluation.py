"""Evaluate the fit at given parameters: levels, residual, Jacobian, gradient."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ..linalg.subspace_iteration import few_eigenpairs
from ..rowwise.axes import new_axis
from ..rowwise.elementwise import over_root
from ..rowwise.products import sum_over_second
from .hessian import Curvature
from .model import Data, Model, is_given


class Point(NamedTuple):
    """The fit at one set of parameters, for `R` rows.

    Residual and Jacobian are weighted, and 0 for levels that were not observed. `M` is the number
    of targets `m`, plus `p` with priors, which count as data about the parameters. With a robust
    loss, residual and Jacobian are scaled so that `J^T r` is the exact gradient and `J^T J` the
    Gauss-Newton curvature, as in SciPy. A parameter held by its bound has a column of zeros.

    Attributes:
        parameters: `[R, p]`.
        eigenvalues: `[R, n]`, ascending (in each member of a family).
        residual: `[R, M]`, `w (t - f(x))`.
        jacobian: `[R, M, p]`, `w df/dx`.
        gradient: `[R, p]`, `J^T residual`: minus half the gradient of the loss.
        column_norms: `[R, p]`, the norms of the Jacobian's columns.
        loss: `[R]`; `dtype.max` where the matrix is not finite.
        rms: `[R]`, root mean square of the unweighted residual over the observed levels.
        noise: `[R]`, estimated rounding error of the loss.
        largest_weight: `[R]`, the largest weight of a level.
        spread: `[R]`, the ratio of the smallest weight of an observed level to the largest.
        largest_level: `[R]`, the largest magnitude of the eigenvalues.
        lower: `[R, p]`, the lower bounds; () without bounds.
        upper: `[R, p]`, the upper bounds; () without bounds.
        hessian: `[R, p, p]`, half the Hessian of the loss; () if not computed.
    """

    parameters: tf.Tensor
    eigenvalues: tf.Tensor
    residual: tf.Tensor
    jacobian: tf.Tensor
    gradient: tf.Tensor
    column_norms: tf.Tensor
    loss: tf.Tensor
    rms: tf.Tensor
    noise: tf.Tensor
    largest_weight: tf.Tensor
    spread: tf.Tensor
    largest_level: tf.Tensor
    lower: Any = ()
    upper: Any = ()
    hessian: Any = ()

    @property
    def bounded(self) -> bool:
        """Whether there are bounds."""
        return is_given(self.lower)


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
        The `Point`. A row whose matrix is not finite has the loss `dtype.max` and zero gradient.
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
    structure, comparison = model.parameterization, model.comparison
    if model.few is None or every_level:
        values, vectors, finite = structure.eigensystem(parameters)
        slopes = _slopes(model, parameters, vectors)
    else:
        matrix, finite = structure.finite_matrix(parameters)
        levels = lambda x: structure.levels(x)[0]  # noqa: E731
        by_blocks = None if structure.is_one_block else (levels, parameters)
        values, vectors = few_eigenpairs(model.few, matrix, near, by_blocks)
        slopes = _spread_out(model, structure.level_jacobian(parameters, vectors))
    assignment = comparison.assign(values, data.targets, data.weights)
    weights = data.weights
    difference = level_difference(model, data, values, assignment)
    observed_slopes = comparison.centre(comparison.observe(slopes, assignment), weights)
    counted = model.loss.count(weights * difference)
    residual, jacobian = counted.force, new_axis(weights, 2) * observed_slopes
    if not model.loss.is_linear:
        epsilon = np.finfo(weights.dtype.as_numpy_dtype).eps
        root = tf.sqrt(tf.maximum(counted.stiffness, tf.constant(epsilon, weights.dtype)))
        residual, jacobian = over_root(residual, root), jacobian * root[:, :, None]
    loss = tf.reduce_sum(counted.loss, axis=-1)
    rms = tf.sqrt(tf.reduce_sum(difference * difference, axis=-1) / tf.maximum(data.observed, 1.0))
    largest_level = tf.reduce_max(tf.abs(values), axis=-1)
    noise = _rounding_of_levels(largest_level, values.shape[1], counted.force, weights)
    if data.has_priors:
        pull = data.prior_weight * (data.prior_mean - parameters)
        residual = tf.concat([residual, pull], axis=-1)
        jacobian = tf.concat([jacobian, tf.linalg.diag(data.prior_weight)], axis=1)
        loss += tf.reduce_sum(pull * pull, axis=-1)
    column_norms = tf.sqrt(sum_over_second(jacobian * jacobian))
    # A sum is finite only if every term is.
    usable = finite & tf.math.is_finite(loss + tf.reduce_sum(column_norms, axis=-1))
    seen = tf.where(new_axis(weights, 2) > 0, tf.abs(observed_slopes), 0.0)
    moves = _has_effect(model, parameters, tf.reduce_max(seen, axis=1))
    if data.has_priors:
        moves |= data.prior_weight > 0
    free = new_axis(usable, 1)
    if data.bounded:
        gradient = tf.linalg.matvec(jacobian, residual, transpose_a=True)
        free &= ~held_by_bounds(parameters, gradient, data)
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
        gradient=tf.linalg.matvec(jacobian, residual, transpose_a=True),
        column_norms=tf.where(moves, column_norms, 0.0),
        loss=tf.where(usable, loss, loss.dtype.max),
        rms=rms,
        largest_weight=data.largest_weight,
        spread=data.spread,
        largest_level=largest_level,
        noise=noise + 8.0 * epsilon * residual.shape[1] * loss,
        lower=data.lower,
        upper=data.upper,
    )
    curvature = Curvature(
        model, data, parameters, values, vectors, assignment, difference, observed_slopes, free
    )
    return point, curvature


def curvature_at(model: Model, parameters: tf.Tensor, data: Data) -> Curvature:
    """The `Curvature` at given parameters, where every matrix is finite.

    Args:
        model: matrices, observation and loss.
        parameters: `[R, p]`, within the bounds.
        data: the data of these rows.
    """
    structure, comparison, weights = model.parameterization, model.comparison, data.weights
    values, vectors, _ = structure.eigensystem(parameters)
    assignment = comparison.assign(values, data.targets, weights)
    difference = level_difference(model, data, values, assignment)
    slopes = comparison.observe(_slopes(model, parameters, vectors), assignment)
    slopes = comparison.centre(slopes, weights)
    free: Any = ()
    if data.bounded:
        force = weights * model.loss.count(weights * difference).force
        gradient = tf.linalg.matvec(slopes, force, transpose_a=True)
        if data.has_priors:
            gradient += data.prior_weight**2 * (data.prior_mean - parameters)
        free = ~held_by_bounds(parameters, gradient, data)
    return Curvature(model, data, parameters, values, vectors, assignment, difference, slopes, free)


def _slopes(model: Model, parameters: tf.Tensor, vectors: Any) -> tf.Tensor:
    """`[R, n, p]`, the derivatives of the levels; 0 for levels that are not compared."""
    structure, used = model.parameterization, model.comparison.used
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
    values, finite = model.parameterization.levels(parameters)
    assignment = model.comparison.assign(values, data.targets, data.weights)
    difference = level_difference(model, data, values, assignment)
    loss = tf.reduce_sum(model.loss.count(data.weights * difference).loss, axis=-1)
    if data.has_priors:
        pull = data.prior_weight * (data.prior_mean - parameters)
        loss += tf.reduce_sum(pull * pull, axis=-1)
    return tf.where(finite & tf.math.is_finite(loss), loss, loss.dtype.max)


def level_difference(
    model: Model, data: Data, values: tf.Tensor, assignment: tf.Tensor
) -> tf.Tensor:
    """`[R, m]`, the unweighted residual `t - f(x)`; 0 where no level was observed."""
    comparison, weights = model.comparison, data.weights
    observed = comparison.centre(comparison.observe(values, assignment), weights)
    # Centre each separately: the rounding error of targets with a large offset, which may dominate
    # the residual, is then the same at every point.
    difference = comparison.centre(data.targets, weights) - observed
    return tf.where(weights > 0, difference, 0.0)


def _rounding_of_levels(
    largest: tf.Tensor, size: int, force: tf.Tensor, weights: tf.Tensor
) -> tf.Tensor:
    """The error of the loss from the rounding of the eigenvalues, `[R]`.

    `sum_k e_k (2 |force_k| + e_k)` with `e = 2 epsilon size largest w`, as eigenvalues are accurate
    to about `epsilon size largest`.

    Args:
        largest: `[R]`, the largest magnitude of a level.
        size: how many levels there are.
        force: `[R, m]`, half the derivative of the loss by each weighted residual.
        weights: `[R, m]`.
    """
    epsilon = np.finfo(largest.dtype.as_numpy_dtype).eps
    error = new_axis(2.0 * epsilon * size * largest, 1) * weights
    return tf.reduce_sum(error * (2.0 * tf.abs(force) + error), axis=-1)


def held_by_bounds(parameters: tf.Tensor, gradient: tf.Tensor, data: Data) -> tf.Tensor:
    """`[R, p]` bool: parameters at a bound whose descent direction `gradient` points out of it."""
    below = (parameters <= data.lower) & (gradient < 0)
    above = (parameters >= data.upper) & (gradient > 0)
    return below | above


def at_bounds(point: Point) -> tf.Tensor | None:
    """`[R, p]` bool, which parameters are at a bound; None without bounds."""
    if not point.bounded:
        return None
    return (point.parameters <= point.lower) | (point.parameters >= point.upper)


def within_bounds(point: Point, parameters: tf.Tensor) -> tf.Tensor:
    """Clip the next parameters `[R, p]` of a step to the bounds of the point.

    A parameter whose own descent direction points out of a bound may reach the bound. Any other is
    stopped at 0.9 of the way: bounds often lie on a symmetry plane of the loss (a coupling >= 0),
    where the gradient vanishes and the parameter would stay.
    """
    if not point.bounded:
        return parameters
    lowest = tf.where(point.gradient < 0, point.lower, _nine_tenths(point.parameters, point.lower))
    highest = tf.where(point.gradient > 0, point.upper, _nine_tenths(point.parameters, point.upper))
    return tf.maximum(tf.minimum(parameters, highest), lowest)


def _nine_tenths(start: tf.Tensor, bound: tf.Tensor) -> tf.Tensor:
    """The point at 0.9 of the way from the start to the bound; an infinite bound unchanged."""
    finite = tf.math.is_finite(bound)
    there = tf.where(finite, bound, start)
    return tf.where(finite, start + 0.9 * (there - start), bound)


def into_bounds(lower: tf.Tensor, upper: tf.Tensor, parameters: tf.Tensor) -> tf.Tensor:
    """Move a start `[R, p]` inside the bounds.

    A parameter outside is put inside by a hundredth of its distance from the bound, at most to the
    middle, so that it does not start on the bound.
    """
    one_sided = ~(tf.math.is_finite(lower) & tf.math.is_finite(upper))
    low = tf.where(tf.math.is_finite(lower), lower, tf.zeros_like(lower))
    high = tf.where(tf.math.is_finite(upper), upper, tf.zeros_like(upper))
    middle = 0.5 * (low + high)
    from_below = low + 0.01 * (low - parameters)
    from_above = high - 0.01 * (parameters - high)
    from_below = tf.where(one_sided, from_below, tf.minimum(from_below, middle))
    from_above = tf.where(one_sided, from_above, tf.maximum(from_above, middle))
    parameters = tf.where(parameters < lower, from_below, parameters)
    return tf.where(parameters > upper, from_above, parameters)


def known_effects(model: Model, data: Data) -> tf.Tensor:
    """A-priori bound on the norms of the Jacobian's columns, `[R, p]`; 0 if unknown.

    `max(w) sqrt(m / n) ||dA/dx_j||_F`, from `sum_k (dlambda_k/dx_j)^2 <= ||dA/dx_j||_F^2`. Unknown
    if only a part of the levels is compared: the lowest states of a rotor, for example, see only a
    small part of its matrix.
    """
    structure = model.parameterization
    share = min(1.0, model.comparison.num_targets / structure.size)
    scales = np.sqrt(share) * structure.parameter_scales
    if not _compares_all(model):
        scales = np.zeros_like(scales)
    largest = tf.reduce_max(data.weights, axis=-1, keepdims=True)
    return tf.constant(scales, largest.dtype) * largest


def _compares_all(model: Model) -> bool:
    return len(model.comparison.used) == model.parameterization.size


def _has_effect(model: Model, parameters: tf.Tensor, largest: tf.Tensor) -> tf.Tensor:
    """`[R, p]` bool: whether a parameter's derivatives are above their rounding error.

    Args:
        model: matrices, observation and loss.
        parameters: `[R, p]`.
        largest: `[R, p]`, the largest unweighted derivative of an observed level.

    Returns:
        `[R, p]`, bool.
    """
    structure = model.parameterization
    epsilon = np.finfo(largest.dtype.as_numpy_dtype).eps
    scales = tf.constant(structure.parameter_scales, largest.dtype)
    relative = tf.constant(8.0 * epsilon * structure.size, largest.dtype)
    noise = relative * scales
    if not _compares_all(model) and len(structure.level_counts) == 1:
        # The rounding error is relative to |dA/dx V| on the compared states V, which may be far
        # below |dA/dx|. Compute it only where the bound is not sufficient.
        doubtful = (largest > 0) & (largest <= noise)
        noise = tf.cond(
            tf.reduce_any(doubtful),
            lambda: relative * _on_compared_states(model, parameters),
            lambda: tf.zeros_like(largest) + noise,
        )
    return largest > noise


def _on_compared_states(model: Model, parameters: tf.Tensor) -> tf.Tensor:
    """`[R, p]`, the norm of `dA/dx_j V`, with the eigenvectors V of the compared levels."""
    structure = model.parameterization
    matrix, _ = structure.finite_matrix(parameters)
    vectors = tf.linalg.eigh(matrix)[1]
    chosen = tf.gather(vectors, tf.constant(model.comparison.used, tf.int32), axis=2)
    products = tf.matmul(structure.derivatives(parameters), chosen[:, None])
    squares = tf.math.real(products * tf.math.conj(products))
    return tf.sqrt(tf.reduce_sum(squares, axis=[2, 3]))
