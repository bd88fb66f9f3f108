"""Levels with weights, as the second derivatives of a loss need them; also where levels cross."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ..linalg.eigh import divided_differences
from ..rowwise.axes import new_axis


class Crossing(NamedTuple):
    """Target and stiffness of each level, which determine the limits where levels cross.

    Attributes:
        targets: `[B, n]`, NaN for a level without a target.
        stiffness: `[B, n]`, minus the derivative of the level's force by the level.
        rounding: `[B, n]`, constant in each row: targets that differ by at most this are equal.
        split: `[B, n]`, constant in each row, positive: the splitting assumed for equal levels with
            different targets.
    """

    targets: tf.Tensor
    stiffness: tf.Tensor
    rounding: tf.Tensor
    split: tf.Tensor

    def limits(self, forces: tf.Tensor) -> tf.Tensor:
        """The divided differences `(g_k - g_l) / (lambda_k - lambda_l)` at equal levels k and l.

        With equal targets, minus the mean stiffness of both levels. With different targets the loss
        has a kink: the quotient is that of levels split by `split`, in ascending order.

        Args:
            forces: `[B, n]`, g.

        Returns:
            `[B, n, n]`, 0 on the diagonal.
        """
        targets, stiffness = self.targets, self.stiffness
        distance = tf.abs(new_axis(targets, 2) - new_axis(targets, 1))
        alike = distance <= new_axis(self.rounding, 2)
        mean = 0.5 * (new_axis(stiffness, 2) + new_axis(stiffness, 1))
        number = np.arange(targets.shape[1])
        upper, lower = tf.constant(number[:, None], forces.dtype), tf.constant(number, forces.dtype)
        order = tf.sign(upper - lower)  # not a constant [n, n] in the graph
        apart = order * (new_axis(forces, 2) - new_axis(forces, 1)) / new_axis(self.split, 2)
        # `order` is 0 on the diagonal.
        return tf.where(alike, -mean * tf.abs(order), apart)


class WeightedLevels(NamedTuple):
    """Levels lambda_k with the weights g_k of a sum over them.

    Attributes:
        values: `[B, n]`, the eigenvalues, ascending in each matrix.
        weights: `[B, n]`, the g_k: half the force of the loss on each level.
        crossing: the `Crossing` of these levels; () where equal levels are protected by symmetry.
    """

    values: tf.Tensor
    weights: tf.Tensor
    crossing: Any = ()

    def quotients(self) -> tf.Tensor:
        """`(g_k - g_l) / (lambda_k - lambda_l)`, `[B, n, n]`, with their limits at equal levels."""
        limits = self.crossing.limits(self.weights) if self.crossing else None
        return divided_differences(self.values, self.weights, limits)

    def each(self, change: Callable[[tf.Tensor], tf.Tensor]) -> WeightedLevels:
        """The same with each field `[B, n]` changed, for instance reordered."""
        return tf.nest.map_structure(change, self)

    def part(self, span: slice) -> WeightedLevels:
        """A slice of the levels."""
        return self.each(lambda field: field[:, span])
