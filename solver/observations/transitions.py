"""Observation of transitions: differences between numbered levels, also of different matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..linalg.linear import solve_symmetric
from ..rowwise.axes import new_axis
from .base import Observation
from .comparison import Comparison
from .guesses import in_each_member


class Transitions(Observation):
    """Targets are transition energies `E[upper] - E[lower]`.

    In one matrix a level is given by its number, from 0 for the lowest. In a `Family` it is a pair
    (member, number), and the two levels may belong to different members, as for rotational lines of
    a molecule with one matrix for each J.

    With a `Sweep`, level numbers alone are lines at every condition, and the targets are those of
    the first condition, then those of the second, and so on; a pair is (condition, number).

    Example:
        >>> lines = Transitions([(1, 0), (2, 1)])
        >>> lines.of([3]).observe(tf.constant([[1.0, 3.0, 7.0]])).numpy().tolist()
        [[2.0, 4.0]]
        >>> between = Transitions([((1, 0), (0, 0))])
        >>> between.of([1, 3]).observe(tf.constant([[1.0, 3.0, 7.0, 9.0]])).numpy().tolist()
        [[2.0]]
    """

    def __init__(self, pairs: Sequence[Any], name: str | None = None) -> None:
        """Set the lines.

        Args:
            pairs: one (upper, lower) for each target; each a level number, or (member, number),
                which a family of several members requires.
            name: name of the module.

        Raises:
            ValueError: for another form, a line from a level to itself, or a pair whose first level
                is the lower one of the same matrix.
        """
        super().__init__(name=name)
        if (
            isinstance(pairs, str)
            or not isinstance(pairs, (Sequence, np.ndarray))
            or not len(pairs)
        ):
            raise ValueError(
                "Transitions: pairs must be (upper, lower) for each line, such as [(1, 0), (2, 0)] "
                f"or [((1, 0), (0, 0))], got {pairs!r}."
            )
        self.pairs = tuple(_check_pair(place, pair) for place, pair in enumerate(pairs))
        self._bare = [pair for pair in pairs if any(np.ndim(level) == 0 for level in pair)]

    def describe(self) -> dict[str, Any]:
        """Its arguments as plain data: for each line (member, number) of both levels."""
        return {"pairs": [[list(level) for level in pair] for pair in self.pairs]}

    def of(self, counts: Sequence[int]) -> Comparison:
        """The comparison for members with these numbers of levels; see `Observation.of`."""
        if len(counts) > 1 and self._bare:
            raise ValueError(
                f"Transitions: in a family of {len(counts)} members each level of pairs must be "
                f"(member, number), got {self._bare[0]!r}."
            )
        upper = np.array([_number(counts, pair[0]) for pair in self.pairs])
        lower = np.array([_number(counts, pair[1]) for pair in self.pairs])
        return Comparison(num_levels=sum(counts), upper=upper, lower=lower, measures=upper != lower)

    def at_conditions(self, counts: Sequence[int]) -> Comparison:
        """See `Observation.at_conditions`."""
        if not self._bare:
            return self.of(counts)
        if len(self._bare) < len(self.pairs):
            raise ValueError(
                "Transitions: pairs of a sweep must all be level numbers, for lines at every "
                "condition, or all be ((condition, number), (condition, number)); got "
                f"{self._bare[0]!r} among the latter."
            )
        one, limit = self.of(counts[:1]), len(counts)
        first = np.repeat(np.arange(limit) * counts[0], one.num_targets)
        return Comparison(
            num_levels=sum(counts),
            upper=first + np.tile(one.upper, limit),
            lower=first + np.tile(one.lower, limit),
            measures=np.tile(one.measures, limit),
        )

    def guess_levels(
        self, comparison: Comparison, counts: Sequence[int], targets: tf.Tensor
    ) -> tf.Tensor:
        """The least-norm levels with these differences, sorted within each member."""
        if self._bare and len(counts) > 1:  # the same lines at each condition
            each = tf.reshape(targets, [-1, len(self.pairs)])
            found = self.guess_levels(self.of(counts[:1]), counts[:1], each)
            return tf.reshape(found, [-1, sum(counts)])
        observed = ~tf.math.is_nan(targets)
        known = tf.where(observed, targets, tf.zeros_like(targets))
        unit = np.eye(comparison.num_levels)
        incidence = tf.constant(unit[comparison.upper] - unit[comparison.lower], targets.dtype)
        kept = new_axis(tf.cast(observed, targets.dtype), 2) * incidence
        normal = tf.matmul(kept, kept, transpose_a=True)
        right = tf.linalg.matvec(kept, known, transpose_a=True)
        levels = solve_symmetric(normal, tf.ones_like(right), right)
        return in_each_member(lambda member: tf.sort(member, axis=1), levels, counts)


def _check_pair(place: int, pair: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    try:
        upper, lower = (_check_level(level) for level in pair)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Transitions: pairs[{place}] must be (upper, lower), each a level number from 0 or "
            f"(member, number), got {pair!r}."
        ) from error
    if upper == lower:
        raise ValueError(f"Transitions: pairs[{place}] joins a level with itself: {pair!r}.")
    if upper[0] == lower[0] and upper[1] < lower[1]:
        numbers = [int(one) if np.ndim(one) == 0 else tuple(map(int, one)) for one in pair]
        raise ValueError(
            f"Transitions: pairs[{place}] must be (upper, lower), got {tuple(numbers)}, whose "
            f"first level is below the second in the same matrix; write {tuple(numbers[::-1])}."
        )
    return upper, lower


def _check_level(level: Any) -> tuple[int, int]:
    member, number = (0, level) if np.ndim(level) == 0 else level
    for value in (member, number):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
            raise ValueError(f"not a number from 0: {value!r}")
    return int(member), int(number)


def _number(counts: Sequence[int], level: tuple[int, int]) -> int:
    """The number of a level among the levels of all members."""
    member, number = level
    if member >= len(counts) or number >= counts[member]:
        sizes = ", ".join(str(count) for count in counts)
        raise ValueError(
            f"Transitions: there is no level {number} in member {member}; the members have "
            f"{sizes} levels (both counted from 0)."
        )
    return sum(counts[:member]) + number
