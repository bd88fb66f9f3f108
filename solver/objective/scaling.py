"""The scales of the problem: of the spectrum, of each parameter, and of rounding errors."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..observations import TargetMap
from ..parameterizations import Parameterization
from ..rowwise.axes import new_axis
from .model import Data, Model

# Upper limit of the spectral scale, relative to the largest target.
_MOST_ABOVE_TARGETS = 10.0


def spectral_scale(model: Model, data: Data, levels: tf.Tensor) -> tf.Tensor:
    """`[R]`, `min(max(|t|, |f(x)|), 10 max |t|)`, in the unit of the levels; `max |f|` if t = 0.

    The limit guards against a start far from the targets, for instance in another unit, whose
    levels would make the tolerance meaningless.

    Args:
        model: matrices, observation and loss.
        data: of `R` rows.
        levels: `[R, n]`, at the first start.
    """
    comparison = model.comparison
    if not comparison.in_level_units:
        return tf.ones_like(levels[:, 0])  # `Point.rms` is relative already
    assignment = comparison.assign(levels, data.targets, data.weights)
    observed = comparison.observe(levels, assignment)
    if comparison.centred:  # centring makes unobserved entries nonzero
        seen = data.weights > 0
        observed = tf.where(seen, comparison.centre(observed, data.weights), 0.0)
        targets = tf.where(seen, comparison.centre(data.targets, data.weights), 0.0)
    else:
        targets = data.targets
    wanted = tf.reduce_max(tf.abs(targets), axis=-1)
    scale = tf.maximum(wanted, tf.reduce_max(tf.abs(observed), axis=-1))
    return tf.where(wanted > 0, tf.minimum(scale, _MOST_ABOVE_TARGETS * wanted), scale)


def relative_to_largest(comparison: TargetMap, data: Data, difference: tf.Tensor) -> tf.Tensor:
    """Residuals relative to the largest observed target in the same unit.

    Args:
        comparison: maps levels to the values of the targets.
        data: of `R` rows.
        difference: `[R, m]`, residuals.

    Returns:
        `[R, m]`; the residual itself where all targets of the unit are 0.
    """
    groups = tf.constant(comparison.scale_groups, tf.int32)
    sizes = tf.where(data.weights > 0, tf.abs(data.targets), 0.0)
    largest = tf.transpose(tf.math.segment_max(tf.transpose(sizes), groups))
    units = tf.gather(tf.where(largest > 0, largest, tf.ones_like(largest)), groups, axis=1)
    return difference / units


def known_effects(model: Model, data: Data) -> tf.Tensor:
    """A-priori bound on the norms of the Jacobian's columns, `[R, p]`; 0 if unknown.

    `max(w) sqrt(m / n) ||dA/dx_j||_F`, from `sum_k (dlambda_k/dx_j)^2 <= ||dA/dx_j||_F^2`. Unknown
    if only a part of the levels is compared: the lowest states of a rotor, for example, see only a
    small part of its matrix.
    """
    structure = model.structure(data)
    share = min(1.0, model.comparison.num_targets / structure.size)
    largest = tf.reduce_max(data.weights, axis=-1, keepdims=True)
    if not _compares_all(model) or not model.comparison.in_level_units:
        return tf.zeros([structure.num_parameters], largest.dtype) * largest
    return structure.scales(largest.dtype, np.sqrt(share)) * largest


def has_effect(
    model: Model, structure: Parameterization, parameters: tf.Tensor, largest: tf.Tensor
) -> tf.Tensor:
    """`[R, p]` bool: whether a parameter's derivatives are above their rounding error.

    Args:
        model: matrices, observation and loss.
        structure: the parameterization of these rows.
        parameters: `[R, p]`.
        largest: `[R, p]`, the largest unweighted derivative of an observed level.

    Returns:
        `[R, p]`, bool.
    """
    epsilon = np.finfo(largest.dtype.as_numpy_dtype).eps
    scales = structure.scales(largest.dtype)
    relative = tf.constant(8.0 * epsilon * structure.size, largest.dtype)
    noise = relative * scales
    one_matrix = len(structure.level_counts) == 1 and not model.parameterization.condition_names
    if not _compares_all(model) and one_matrix:
        # The rounding error is relative to |dA/dx V| on the compared states V, which may be far
        # below |dA/dx|. Compute it only where the bound is not sufficient.
        doubtful = (largest > 0) & (largest <= noise)
        noise = tf.cond(
            tf.reduce_any(doubtful),
            lambda: relative * _on_compared_states(model, structure, parameters),
            lambda: tf.zeros_like(largest) + noise,
        )
    return largest > noise


def above_rounding(structure: Parameterization, slopes: tf.Tensor) -> tf.Tensor:
    """Derivatives of levels, with 0 for those that are below their rounding error.

    Args:
        structure: of the matrix, at the conditions of the rows if it takes any.
        slopes: `[R, k, p]`.

    Returns:
        `[R, k, p]`; the same where the effect of a parameter on the matrix is not known.
    """
    epsilon = np.finfo(slopes.dtype.as_numpy_dtype).eps
    noise = structure.scales(slopes.dtype, 8.0 * epsilon * structure.size)
    seen = tf.abs(slopes) > noise[..., None, :]
    return tf.where(seen | tf.math.is_nan(slopes), slopes, tf.zeros_like(slopes))


def _on_compared_states(
    model: Model, structure: Parameterization, parameters: tf.Tensor
) -> tf.Tensor:
    """`[R, p]`, the norm of `dA/dx_j V`, with the eigenvectors V of the compared levels."""
    matrix, _ = structure.finite_matrix(parameters)
    vectors = tf.linalg.eigh(matrix)[1]
    chosen = tf.gather(vectors, tf.constant(model.comparison.used, tf.int32), axis=2)
    products = tf.matmul(structure.derivatives(parameters), chosen[:, None])
    squares = tf.math.real(products * tf.math.conj(products))
    return tf.sqrt(tf.reduce_sum(squares, axis=[2, 3]))


def _compares_all(model: Model) -> bool:
    return len(model.comparison.used) == model.parameterization.size


def rounding_of_loss(
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
