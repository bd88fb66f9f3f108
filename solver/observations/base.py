"""The interface of an observation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from ..portable import PortableModule
from .comparison import Comparison


class Observation(PortableModule):
    """The function of the eigenvalues that is compared with the targets."""

    def of(self, counts: Sequence[int]) -> Comparison:
        """The comparison for a spectrum of known size.

        Args:
            counts: the number of levels of each member of a family; one number for one matrix.

        Returns:
            The `Comparison`, with levels numbered across all members.

        Raises:
            ValueError: if the observation needs more levels or members.
        """
        raise NotImplementedError(f"{type(self).__name__} must define of(counts).")

    def at_conditions(self, counts: Sequence[int]) -> Comparison:
        """The comparison for a structure at K conditions.

        Args:
            counts: the number of levels at each condition.

        Returns:
            That of a family of K members; where levels are given without a member, the same levels
            at each condition, and targets condition after condition.
        """
        return self.of(counts)

    def guess_levels(
        self, comparison: Comparison, counts: Sequence[int], targets: tf.Tensor
    ) -> tf.Tensor:
        """Complete the observed targets to a full spectrum, for starting points.

        Args:
            comparison: the `Comparison` of these counts.
            counts: the number of levels of each member.
            targets: `[B, m]`, NaN where not observed, with at least one observed.

        Returns:
            `[B, n]`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define guess_levels.")

    def guesses(
        self,
        comparison: Comparison,
        counts: Sequence[int],
        targets: tf.Tensor,
        number: tf.Tensor,
        attempts: int,
    ) -> tf.Tensor:
        """A full spectrum for each of several candidate starting points of a row.

        Args:
            comparison: the `Comparison` of these counts.
            counts: the number of levels of each member.
            targets: `[B, m]`, NaN where not observed.
            number: `[B, c]`, int32, the numbers of the c candidates.
            attempts: how many different numbers there are.

        Returns:
            `[B * c, n]`; by default `guess_levels`, the same for each candidate.
        """
        del attempts
        levels = self.guess_levels(comparison, counts, targets)
        return tf.repeat(levels, number.shape[1], axis=0)

    def describe(self) -> dict[str, Any]:
        """Its arguments as plain data."""
        return {}

    def num_targets(self, counts: Sequence[int]) -> int:
        """The number of targets `m` for members with these numbers of levels."""
        return self.of(counts).num_targets
