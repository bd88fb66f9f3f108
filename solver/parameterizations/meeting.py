"""What stands for a divided difference of forces where two levels meet."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from ..rowwise.axes import new_axis


class Meeting(NamedTuple):
    """For each level what it is compared with: levels with equal targets are meant to meet.

    Attributes:
        targets: `[B, n]`, NaN for a level that no target is compared with.
        stiffness: `[B, n]`, minus the derivative of its force by the level.
        rounding: `[B, n]`, the same for all levels of a row: targets no farther apart are equal.
        split: `[B, n]`, the same for all levels of a row, positive: how far levels that forces pull
            apart count as being apart.
    """

    targets: tf.Tensor
    stiffness: tf.Tensor
    rounding: tf.Tensor
    split: tf.Tensor

    def limits(self, forces: tf.Tensor) -> tf.Tensor:
        """The divided differences of the forces where two levels are equal: `[B, n, n]`.

        Minus the mean stiffness of two levels with equal targets. Others are torn apart or pressed
        together by their forces: there the loss has a kink, and the quotient is that of levels
        which are `split` apart in their order.

        Args:
            forces: `[B, n]`.
        """
        targets, stiffness = self.targets, self.stiffness
        distance = tf.abs(new_axis(targets, 2) - new_axis(targets, 1))
        alike = distance <= new_axis(self.rounding, 2)
        mean = 0.5 * (new_axis(stiffness, 2) + new_axis(stiffness, 1))
        number = tf.range(targets.shape[1])  # its signs are as many numbers as a matrix
        order = tf.cast(tf.sign(new_axis(number, 1) - new_axis(number, 0)), forces.dtype)
        apart = order * (new_axis(forces, 2) - new_axis(forces, 1)) / new_axis(self.split, 2)
        # A level does not meet itself.
        return tf.where(alike, -mean * tf.abs(order), apart)

    def part(self, span: slice) -> Meeting:
        """That of some of the levels."""
        return Meeting(*(field[:, span] for field in self))
