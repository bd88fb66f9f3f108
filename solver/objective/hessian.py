"""The exact second derivatives of the loss.

    H = J^T S J + P - sum_k g_k d2 lambda_k / dx2,    S = w^2 (rho' + 2 z rho''),  g = w rho' r

with J the slopes of the observed levels, P the prior weights squared, and g pulled back to the
levels. The second derivative of a level is second-order perturbation theory. It blows up where
levels cross, but the loss is smooth where levels with *equal targets* meet: the divided difference
of the forces g then has a limit, minus the stiffness S. With that limit Newton's method converges
quadratically to degenerate spectra too; the terms are those of method I of Friedland, Nocedal &
Overton (SIAM J. Numer. Anal. 24, 1987) for multiple eigenvalues. Equal levels with different
targets are a kink of the loss, which falls where a parameter splits them: there it curves downwards
much.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from ..parameterizations.meeting import Meeting
from ..rowwise.axes import new_axis, row_count
from ..rowwise.products import matmul_rows
from .model import Data, Model, is_given

# How far equal levels with different targets count as being apart, relative to the targets.
_SPLIT = 1e-4


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
        force, stiffness = self._pulls()
        hessian = self._squared(stiffness) - self._curved(force, stiffness, limits)
        if self.data.has_priors:
            hessian += tf.linalg.diag(self.data.prior_weight * self.data.prior_weight)
        return self._held(hessian)

    def hessian_in_parts(self) -> tuple[tf.Tensor, tf.Tensor]:
        """`hessian`, and what of it is not `J^T J` or a prior, in which heavy data hide the rest.

        Of a robust loss, J has no negative stiffness; its excess belongs to the second part.
        """
        force, stiffness = self._pulls()
        bending = self._squared(tf.minimum(stiffness, 0.0)) - self._curved(force, stiffness)
        hessian = self._squared(tf.maximum(stiffness, 0.0)) + bending
        if self.data.has_priors:
            hessian += tf.linalg.diag(self.data.prior_weight * self.data.prior_weight)
        return self._held(hessian), self._held(bending)

    def _pulls(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The weighted forces g and the stiffness S of the targets, `[R, m]` each."""
        weights = self.data.weights
        counted = self.model.loss.count(weights * self.difference)
        return weights * counted.force, weights * weights * counted.stiffness

    def _squared(self, stiffness: tf.Tensor) -> tf.Tensor:
        """`J^T S J`, `[R, p, p]`."""
        by_parameter = tf.linalg.matrix_transpose(self.slopes)
        return matmul_rows(by_parameter * new_axis(stiffness, 1), self.slopes)

    def _curved(self, force: tf.Tensor, stiffness: tf.Tensor, limits: bool = True) -> tf.Tensor:
        """`sum_k g_k d2 lambda_k / dx2`, `[R, p, p]`."""
        by_level = self.model.comparison.pull_back(force, self.assignment)
        meeting = _meeting(self.model, self.data, self.assignment, stiffness) if limits else None
        return self.model.parameterization.level_curvature(
            self.parameters, self.values, self.vectors, by_level, meeting
        )

    def _held(self, hessian: tf.Tensor) -> tf.Tensor:
        """With zeros for parameters that may not move."""
        if not is_given(self.free):
            return hessian
        # A parameter without effect to first order may have one to second order: a saddle.
        return tf.where(new_axis(self.free, 2) & new_axis(self.free, 1), hessian, 0.0)


def _meeting(model: Model, data: Data, assignment: tf.Tensor, stiffness: tf.Tensor) -> Meeting:
    """What each level is compared with; nothing where lines share a level."""
    comparison = model.comparison
    dtype = stiffness.dtype
    finfo = np.finfo(dtype.as_numpy_dtype)
    largest = tf.reduce_max(tf.abs(data.targets), axis=-1, keepdims=True)
    nothing = tf.zeros([row_count(stiffness), comparison.num_levels], dtype)
    nan = tf.constant(np.nan, dtype)
    if len(set(comparison.upper.tolist())) < comparison.num_targets:
        target, stiff = nothing + nan, nothing  # no level has a target of its own
    else:
        place = tf.one_hot(assignment, comparison.num_levels, dtype=dtype)
        seen = tf.reduce_sum(place * new_axis(tf.cast(data.weights > 0, dtype), 2), axis=1) > 0
        target = tf.where(seen, tf.reduce_sum(place * new_axis(data.targets, 2), axis=1), nan)
        stiff = tf.reduce_sum(place * new_axis(stiffness, 2), axis=1)
    return Meeting(
        targets=target,
        stiffness=stiff,
        rounding=nothing + 64.0 * finfo.eps * largest,
        split=nothing + tf.maximum(_SPLIT * largest, np.sqrt(finfo.tiny)),
    )
