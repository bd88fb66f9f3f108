"""What stands for a divided difference of forces where two levels meet."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Meeting(NamedTuple):
    """For each level what it is compared with: levels with equal targets are meant to meet.

    Attributes:
        targets: `[B, n]`, NaN for a level that no target is compared with.
        stiffness: `[B, n]`, minus the derivative of its force by the level.
        rounding: `[B, n]`, the same for all levels of a row: targets no farther apart are equal.
    """

    targets: tf.Tensor
    stiffness: tf.Tensor
    rounding: tf.Tensor

    def limits(self) -> tf.Tensor:
        """The divided differences of the forces where two levels are equal: `[B, n, n]`.

        Minus the mean stiffness of two levels with equal targets, 0 for others, and for a level
        with itself.
        """
        targets, stiffness = self.targets, self.stiffness
        distance = tf.abs(targets[:, :, None] - targets[:, None, :])
        alike = distance <= self.rounding[:, :, None]
        alike &= ~tf.eye(targets.shape[1], dtype=tf.bool)  # a level does not meet itself
        mean = 0.5 * (stiffness[:, :, None] + stiffness[:, None, :])
        return tf.where(alike, -mean, 0.0)

    def part(self, span: slice) -> Meeting:
        """That of some of the levels."""
        return Meeting(*(field[:, span] for field in self))
