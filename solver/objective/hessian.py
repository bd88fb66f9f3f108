"""The exact Hessian of the loss.

    H = J^T S J + P - sum_k g_k d2 lambda_k / dx2,    S = w^2 (rho' + 2 z rho''),  g = w rho' r

with J the derivatives of the observed levels, P the squared prior weights, and g pulled back to the
levels. The second derivative of a level is that of second-order perturbation theory. It diverges
where levels cross, but the loss is smooth where levels with *equal targets* coincide: the divided
difference of the forces g then has a limit, minus the stiffness S. With that limit Newton's method
converges quadratically to degenerate spectra too; the terms are those of method I of Friedland,
Nocedal & Overton (SIAM J. Numer. Anal. 24, 1987) for multiple eigenvalues. Equal levels with
different targets are a kink of the loss: it decreases where a parameter splits them, and gets a
large negative curvature there.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from ..parameterizations.weighted_levels import Crossing, WeightedLevels
from ..rowwise.axes import new_axis, row_count
from ..rowwise.products import matmul_rows
from ..rowwise.tables import gather
from .model import Data, Model, is_given

# Splitting assumed for equal levels with different targets, relative to the targets.
_SPLIT = 1e-4


@dataclasses.dataclass(frozen=True, eq=False)
class Curvature:
    """Intermediate results of an evaluation from which the Hessian of the loss is computed.

    Attributes:
        model: matrices, observation and loss.
        data: the data of these rows.
        parameters: `[R, p]`.
        values: `[R, n]`, the eigenvalues.
        vectors: the eigenvectors, in the form of the parameterization.
        assignment: `[R, m]`, or `[1, m]`, the level of each target.
        difference: `[R, m]`, targets minus observed values, centred, 0 where not observed.
        by_level: `[R, n, p]`, the derivatives of the levels; () where the targets are linear in
            them.
        slopes: `[R, m, p]`, the derivatives of the observed values, centred.
        free: `[R, p]` or `[R, 1]` bool; the Hessian has zero rows and columns for parameters that
            are not free. () if all are free.
    """

    model: Model
    data: Data
    parameters: tf.Tensor
    values: tf.Tensor
    vectors: Any
    assignment: tf.Tensor
    difference: tf.Tensor
    by_level: Any
    slopes: tf.Tensor
    free: Any = ()

    def of_rows(self, rows: tf.Tensor) -> Curvature:
        """The `Curvature` of the rows with these indices."""

        def picked(tensor: tf.Tensor) -> tf.Tensor:
            return tensor if tensor.shape[0] == 1 else gather(tensor, rows)

        names = [field.name for field in dataclasses.fields(self) if field.name != "model"]
        fields = {name: getattr(self, name) for name in names}
        return dataclasses.replace(self, **tf.nest.map_structure(picked, fields))

    def hessian(self, limits: bool = True) -> tf.Tensor:
        """Half the Hessian of the loss, `[R, p, p]`.

        Args:
            limits: whether to use the limit of the divided differences at equal levels with equal
                targets; without it the parameters that split such levels count as undetermined.
        """
        force, stiffness = self._forces_and_stiffness()
        hessian = self._gauss_newton_term(stiffness) - self._level_curvature_term(
            force, stiffness, limits
        )
        if self.data.has_priors:
            hessian += tf.linalg.diag(self.data.prior_weight * self.data.prior_weight)
        return self._with_fixed_zeroed(hessian)

    def hessian_in_parts(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Half the Hessian, and its part apart from `J^T J` and the priors, `[R, p, p]` each.

        In the sum, data of large weight would hide the second part. `J^T J` takes only the positive
        stiffness of a robust loss; the negative stiffness belongs to the second part.
        """
        force, stiffness = self._forces_and_stiffness()
        bending = self._gauss_newton_term(tf.minimum(stiffness, 0.0)) - self._level_curvature_term(
            force, stiffness
        )
        hessian = self._gauss_newton_term(tf.maximum(stiffness, 0.0)) + bending
        if self.data.has_priors:
            hessian += tf.linalg.diag(self.data.prior_weight * self.data.prior_weight)
        return self._with_fixed_zeroed(hessian), self._with_fixed_zeroed(bending)

    def _forces_and_stiffness(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The weighted forces g and the stiffness S of the targets, `[R, m]` each."""
        weights = self.data.weights
        counted = self.model.loss.count(weights * self.difference)
        return weights * counted.force, weights * weights * counted.stiffness

    def _gauss_newton_term(self, stiffness: tf.Tensor) -> tf.Tensor:
        """`J^T S J`, `[R, p, p]`."""
        by_parameter = tf.linalg.matrix_transpose(self.slopes)
        return matmul_rows(by_parameter * new_axis(stiffness, 1), self.slopes)

    def _level_curvature_term(
        self, force: tf.Tensor, stiffness: tf.Tensor, limits: bool = True
    ) -> tf.Tensor:
        """`sum_k g_k d2 f_k / dx2` of the observed values f, `[R, p, p]`."""
        comparison = self.model.comparison
        by_level = comparison.pull_back(self.values, force, self.assignment)
        crossing = _crossing(self.model, self.data, self.assignment, stiffness) if limits else ()
        levels = WeightedLevels(self.values, by_level, crossing)
        structure = self.model.structure(self.data)
        found = structure.level_curvature(self.parameters, self.vectors, levels)
        if not comparison.bends:
            return found
        bending = comparison.bending(self.values, self.by_level, force)
        return found if bending is None else found + bending

    def _with_fixed_zeroed(self, hessian: tf.Tensor) -> tf.Tensor:
        """Set the rows and columns of parameters that are not free to 0."""
        if not is_given(self.free):
            return hessian
        # Keep parameters without first-order effect: their second-order effect may be a saddle.
        return tf.where(new_axis(self.free, 2) & new_axis(self.free, 1), hessian, 0.0)


def _crossing(model: Model, data: Data, assignment: tf.Tensor, stiffness: tf.Tensor) -> Crossing:
    """Target and stiffness of each level, for the limits; no targets where lines share a level."""
    comparison = model.comparison
    dtype = stiffness.dtype
    finfo = np.finfo(dtype.as_numpy_dtype)
    largest = tf.reduce_max(tf.abs(data.targets), axis=-1, keepdims=True)
    nothing = tf.zeros([row_count(stiffness), comparison.num_levels], dtype)
    nan = tf.constant(np.nan, dtype)
    single = comparison.upper[comparison.upper >= 0]
    if comparison.has_multiplets or len(set(single.tolist())) < len(single):
        target, stiff = nothing + nan, nothing  # no level has a target of its own
    elif not comparison.assigned:  # without a matrix of targets and levels
        source = np.full(comparison.num_levels, comparison.num_targets)
        source[single] = np.flatnonzero(comparison.upper >= 0)
        places, none = tf.constant(source, tf.int32), [[0, 0], [0, 1]]
        known = tf.where(data.weights > 0, data.targets, nan)
        target = tf.gather(tf.pad(known, none, constant_values=nan), places, axis=1)
        stiff = tf.gather(tf.pad(stiffness, none), places, axis=1)
    else:
        place = tf.one_hot(assignment, comparison.num_levels, dtype=dtype)
        seen = tf.reduce_sum(place * new_axis(tf.cast(data.weights > 0, dtype), 2), axis=1) > 0
        target = tf.where(seen, tf.reduce_sum(place * new_axis(data.targets, 2), axis=1), nan)
        stiff = tf.reduce_sum(place * new_axis(stiffness, 2), axis=1)
    return Crossing(
        targets=target,
        stiffness=stiff,
        rounding=nothing + 64.0 * finfo.eps * largest,
        split=nothing + tf.maximum(_SPLIT * largest, np.sqrt(finfo.tiny)),
    )
