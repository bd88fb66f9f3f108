"""Limits of the Hessian's divided differences at equal eigenvalues."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from ..rowwise.axes import new_axis


class Meeting(NamedTuple):
    """Target and stiffness of each level, which determine the limits at equal eigenvalues.

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
        number = tf.range(targets.shape[1])  # not a constant [n, n] in the graph
        order = tf.cast(tf.sign(new_axis(number, 1) - new_axis(number, 0)), forces.dtype)
        apart = order * (new_axis(forces, 2) - new_axis(forces, 1)) / new_axis(self.split, 2)
        # `order` is 0 on the diagonal.
        return tf.where(alike, -mean * tf.abs(order), apart)

    def part(self, span: slice) -> Meeting:
        """The `Meeting` of a slice of the levels."""
        return Meeting(*(field[:, span] for field in self))
