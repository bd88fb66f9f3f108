"""Several observations of one set of parameters, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from ..rowwise.axes import new_axis, repeated
from .base import Observation
from .guesses import evenly_spaced
from .joint_map import JointMap
from .target_map import TargetMap


class Joint(Observation):
    """Several observations of the same levels: levels and lines, or levels and a heat capacity.

    The targets, weights and residuals of the first observation come first. Each observation keeps
    its own rules: order of levels, zero of the scale, assignment. Give weights (1 / sigma) where
    the observations have different units.

    Example:
        >>> both = Joint([Levels(lowest=2), Transitions([(2, 1)])])
        >>> both.of([3]).observe(tf.constant([[1.0, 3.0, 7.0]])).numpy().tolist()
        [[1.0, 3.0, 4.0]]
    """

    def __init__(self, observations: Sequence[Observation], name: str | None = None) -> None:
        """Set the observations.

        Args:
            observations: at least one, in the order of their targets.
            name: name of the module.

        Raises:
            ValueError: for anything else than a sequence of observations.
        """
        super().__init__(name=name)
        found = list(observations) if isinstance(observations, (list, tuple)) else []
        if not found or not all(isinstance(each, Observation) for each in found):
            raise ValueError(
                "Joint: observations must be a list of observations such as "
                f"[Levels(), Transitions([(1, 0)])], got {observations!r}."
            )
        self.observations = tuple(found)

    def describe(self) -> dict[str, Any]:
        """The observations as plain data."""
        parts = [{"kind": type(each).__name__, **each.describe()} for each in self.observations]
        return {"observations": parts}

    def of(self, counts: Sequence[int]) -> TargetMap:
        """The map for members with these numbers of levels; see `Observation.of`."""
        return JointMap(tuple(each.of(counts) for each in self.observations))

    def at_conditions(self, counts: Sequence[int]) -> TargetMap:
        """See `Observation.at_conditions`."""
        return JointMap(tuple(each.at_conditions(counts) for each in self.observations))

    def as_levels(self, comparison: TargetMap, targets: tf.Tensor) -> tf.Tensor:
        """Those of each observation; see `Observation.as_levels`."""
        each = zip(self.observations, *_split(comparison, targets), strict=True)
        return tf.concat([one.as_levels(part, own) for one, part, own in each], axis=1)

    def guesses(
        self,
        comparison: TargetMap,
        counts: Sequence[int],
        targets: tf.Tensor,
        number: tf.Tensor,
        attempts: int,
    ) -> tf.Tensor:
        """Those of the first observation that has targets in the row; see `Observation.guesses`."""
        levels = evenly_spaced(counts, number, targets.dtype)
        each = list(zip(self.observations, *_split(comparison, targets), strict=True))
        for one, part, own in reversed(each):
            seen = tf.reduce_any(~tf.math.is_nan(own), axis=1)
            seen = new_axis(repeated(seen, number.shape[1]), 1)
            levels = tf.where(seen, one.guesses(part, counts, own, number, attempts), levels)
        return levels


def _split(
    comparison: TargetMap, targets: tf.Tensor
) -> tuple[tuple[TargetMap, ...], list[tf.Tensor]]:
    """The map and the targets of each observation."""
    assert isinstance(comparison, JointMap)
    return comparison.parts, comparison.split(targets)
