"""The exact second derivatives of the loss.

    H = J^T S J + P - sum_k g_k d2 lambda_k / dx2,    S = w^2 (rho' + 2 z rho''),  g = w rho' r

with J the slopes of the observed levels, P the prior weights squared, and g pulled back to the
levels. The second derivative of a level is second-order perturbation theory. It blows up where
levels cross, but the loss is smooth where levels with *equal targets* meet: the divided difference
of the forces g then has a limit, minus the stiffness S. With that limit Newton's method converges
quadratically to degenerate spectra too; the terms are those of method I of Friedland, Nocedal &
Overton (SIAM J. Numer. Anal. 24, 1987) for multiple eigenvalues.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from .model import Data, Model, is_given
from .products import matmul_rows


@dataclasses.dataclass(frozen=True, eq=False)
class Curvature:
    """What the second derivatives of the loss are made of, at points that were just evaluated.

    Attributes:
        model: what is fitted.
        data: of these rows.
        parameters: `[R, p]`.
        values: `[R, n]`, the eigenvalues.
        vectors: as the parameterization gives them.
        assignment: `[R, m]`, or `[1, m]`, the level of each target.
        difference: `[R, m]`, targets minus observed levels, centred, 0 where not observed.
        slopes: `[R, m, p]`, the derivatives of the observed levels, centred.
        free: `[R, p]` or `[R, 1]` bool; a parameter that may not move has zeros for its row and
            column. () where all may.
    """

    model: Model
    data: Data
    parameters: tf.Tensor
    values: tf.Tensor
    vectors: Any
    assignment: tf.Tensor
    difference: tf.Tensor
    slopes: tf.Tensor
    free: Any = ()

    def of_rows(self, rows: tf.Tensor) -> Curvature:
        """The same for the rows with these numbers."""

        def picked(tensor: tf.Tensor) -> tf.Tensor:
            return tensor if tensor.shape[0] == 1 else tf.gather(tensor, rows)

        names = [field.name for field in dataclasses.fields(self) if field.name != "model"]
        fields = {name: getattr(self, name) for name in names}
        return dataclasses.replace(self, **tf.nest.map_structure(picked, fields))

    def hessian(self, limits: bool = True) -> tf.Tensor:
        """Half the second derivatives of the loss, `[R, p, p]`.

        Args:
            limits: whether equal levels with equal targets keep their limit; without it the
                parameters that split such a level count as undetermined.
        """
        model, data, weights = self.model, self.data, self.data.weights
        counted = model.loss.count(weights * self.difference)
        stiffness = weights * weights * counted.stiffness
        by_level = model.comparison.pull_back(weights * counted.force, self.assignment)
        by_parameter = tf.linalg.matrix_transpose(self.slopes)
        hessian = matmul_rows(by_parameter * stiffness[:, None, :], self.slopes)
        meeting = _limits(model, data, self.assignment, stiffness) if limits else None
        hessian -= model.parameterization.level_curvature(
            self.parameters, self.values, self.vectors, by_level, meeting
        )
        if data.has_priors:
            hessian += tf.linalg.diag(data.prior_weight * data.prior_weight)
        if not is_given(self.free):
            return hessian
        # A parameter without effect to first order may have one to second order: a saddle.
        return tf.where(self.free[:, :, None] & self.free[:, None, :], hessian, 0.0)


def _limits(
    model: Model, data: Data, assignment: tf.Tensor, stiffness: tf.Tensor
) -> tf.Tensor | None:
    """The divided difference of forces where two levels meet: `[R, n, n]`, 0 for unlike targets."""
    comparison = model.comparison
    if len(set(comparison.upper.tolist())) < comparison.num_targets:
        return None  # lines that share a level: no level has a target of its own
    size = comparison.num_levels
    place = tf.one_hot(assignment, size, dtype=stiffness.dtype)
    stiff = tf.reduce_sum(place * stiffness[:, :, None], axis=1)
    target = tf.reduce_sum(place * data.targets[:, :, None], axis=1)
    seen = tf.reduce_sum(place * tf.cast(data.weights > 0, place.dtype)[:, :, None], axis=1) > 0
    epsilon = np.finfo(stiffness.dtype.as_numpy_dtype).eps
    largest = tf.reduce_max(tf.abs(data.targets), axis=-1)[:, None, None]
    alike = tf.abs(target[:, :, None] - target[:, None, :]) <= 64.0 * epsilon * largest
    alike &= seen[:, :, None] & seen[:, None, :]
    alike &= ~tf.eye(size, dtype=tf.bool)  # a level does not meet itself
    mean = 0.5 * (stiff[:, :, None] + stiff[:, None, :])
    return tf.where(alike, -mean, 0.0)
