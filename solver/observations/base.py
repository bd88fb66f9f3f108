"""The interface of an observation."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from ..portable import PortableModule
from ..rowwise.axes import repeated
from .target_map import TargetMap


class Observation(PortableModule):
    """The function of the eigenvalues that is compared with the targets."""

    def __repr__(self) -> str:
        given = {key: value for key, value in self.describe().items() if value is not None}
        options = ", ".join(f"{key}={reprlib.repr(value)}" for key, value in given.items())
        return f"{type(self).__name__}({options})"

    def of(self, counts: Sequence[int]) -> TargetMap:
        """The map from a spectrum of known size to the values of the targets.

        Args:
            counts: the number of levels of each member of a family; one number for one matrix. The
                solver passes a `LevelCounts`, which also finds levels by name.

        Returns:
            The map, with levels numbered across all members; a `Comparison` where each target is a
            level or a difference of two.

        Raises:
            ValueError: if the observation needs more levels or members.
        """
        raise NotImplementedError(f"{type(self).__name__} must define of(counts).")

    def at_conditions(self, counts: Sequence[int]) -> TargetMap:
        """The comparison for a structure at K conditions.

        Args:
            counts: the number of levels at each condition.

        Returns:
            That of a family of K members; where levels are given without a member, the same levels
            at each condition, and targets condition after condition.
        """
        return self.of(counts)

    def guess_levels(
        self, comparison: TargetMap, counts: Sequence[int], targets: tf.Tensor
    ) -> tf.Tensor:
        """Complete the observed targets to a full spectrum, for starting points.

        Args:
            comparison: the map of these counts.
            counts: the number of levels of each member.
            targets: `[B, m]`, from `as_levels`, NaN where not observed.

        Returns:
            `[B, n]`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define guess_levels.")

    def guesses(
        self,
        comparison: TargetMap,
        counts: Sequence[int],
        targets: tf.Tensor,
        number: tf.Tensor,
        attempts: int,
    ) -> tf.Tensor:
        """A full spectrum for each of several candidate starting points of a row.

        Args:
            comparison: the map of these counts.
            counts: the number of levels of each member.
            targets: `[B, m]`, from `as_levels`, NaN where not observed.
            number: `[B, c]`, int32, the numbers of the c candidates.
            attempts: how many different numbers there are.

        Returns:
            `[B * c, n]`; by default `guess_levels`, the same for each candidate.
        """
        del attempts
        levels = self.guess_levels(comparison, counts, targets)
        return repeated(levels, number.shape[1])

    def as_levels(self, comparison: TargetMap, targets: tf.Tensor) -> tf.Tensor:
        """The targets in the unit of the levels, for starting points.

        Args:
            comparison: the map of these targets.
            targets: `[B, m]`, NaN where not observed.

        Returns:
            `[B, m]`, levels or differences of levels; NaN for targets that are neither.
        """
        del comparison
        return targets

    def describe(self) -> dict[str, Any]:
        """Its arguments as plain data."""
        return {}

    def num_targets(self, counts: Sequence[int]) -> int:
        """The number of targets `m` for members with these numbers of levels."""
        return self.of(counts).num_targets
