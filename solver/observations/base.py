"""What every observation offers: from the sizes of the matrices to a comparison with targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from ..portable import PortableModule
from .comparison import Comparison


class Observation(PortableModule):
    """Which function of the eigenvalues is compared with the measured values."""

    def of(self, counts: Sequence[int]) -> Comparison:
        """The comparison for a spectrum of known size.

        Args:
            counts: how many levels each member of a family has; one number for one matrix.

        Returns:
            The `Comparison`, with level numbers running through all members.

        Raises:
            ValueError: if there are not so many levels or members.
        """
        raise NotImplementedError(f"{type(self).__name__} must define of(counts).")

    def guess_levels(
        self, comparison: Comparison, counts: Sequence[int], targets: tf.Tensor
    ) -> tf.Tensor:
        """A whole spectrum for the observed part of one, to start from.

        Args:
            comparison: of these counts.
            counts: how many levels each member has.
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
        """A guess of the whole spectrum for each of several proposals of a row.

        Args:
            comparison: of these counts.
            counts: how many levels each member has.
            targets: `[B, m]`, NaN where not observed.
            number: `[B, c]`, int32, the numbers of the c proposals.
            attempts: how many different numbers there are.

        Returns:
            `[B * c, n]`; here `guess_levels`, the same for each.
        """
        del attempts
        levels = self.guess_levels(comparison, counts, targets)
        return tf.repeat(levels, number.shape[1], axis=0)

    def describe(self) -> dict[str, Any]:
        """Its arguments as plain data."""
        return {}

    def num_targets(self, counts: Sequence[int]) -> int:
        """How many targets `m` such a spectrum has."""
        return self.of(counts).num_targets
