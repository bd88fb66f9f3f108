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
from .function_map import FunctionMap
from .guesses import in_each_member
from .target_map import TargetMap


class Blend:
    """Lines that were not resolved: an entry of `Transitions`.

    The target is the mean of their energies `E[upper] - E[lower]` with the given weights, the
    intensities, as for a blend in SPFIT (Pickett, J. Mol. Spectrosc. 148 (1991) 371).

    Example:
        >>> lines = Transitions([(1, 0), Blend([((2, 1), 3.0), ((2, 0), 1.0)])])
        >>> lines.of([3]).observe(tf.constant([[1.0, 3.0, 7.0]])).numpy().tolist()
        [[2.0, 4.5]]
    """

    def __init__(self, lines: Sequence[tuple[Any, float]]) -> None:
        """Set the lines.

        Args:
            lines: for each line its pair (upper, lower), as in `Transitions`, and its weight. Only
                the ratios of the weights count.

        Raises:
            ValueError: for another form, or weights that are not positive.
        """
        try:
            pairs, weights = zip(*lines, strict=True)
            shares = np.array(weights, float)
        except (TypeError, ValueError) as error:
            raise ValueError(
                "Blend: lines must be (pair, weight) for each line, such as "
                f"[((1, 0), 1.0), ((2, 0), 0.5)], got {lines!r}."
            ) from error
        if shares.ndim != 1 or not ((shares > 0) & (shares < np.inf)).all():
            raise ValueError(f"Blend: the weights must be positive numbers, got {weights!r}.")
        self.pairs = pairs
        self.shares = shares / shares.sum()


class Transitions(Observation):
    """Targets are transition energies `E[upper] - E[lower]`.

    In one matrix a level is given by its number, from 0 for the lowest. In a `Family` it is a pair
    (member, number), and the two levels may belong to different members, as for rotational lines of
    a molecule with one matrix for each J.

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
                which a family of several members requires. Or a `Blend` of several lines.
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
        entries = [each if isinstance(each, Blend) else Blend([(each, 1.0)]) for each in pairs]
        lines = [(place, pair) for place, each in enumerate(entries) for pair in each.pairs]
        self.pairs = tuple(_check_pair(*line) for line in lines)
        self._bare = [pair for _, pair in lines if any(np.ndim(level) == 0 for level in pair)]
        # `[m, c]`: the share of each line in each target.
        self._shares = np.zeros((len(entries), len(lines)))
        columns = iter(range(len(lines)))
        for place, each in enumerate(entries):
            for share in each.shares:
                self._shares[place, next(columns)] = share

    def describe(self) -> dict[str, Any]:
        """Its arguments as plain data: for each line (member, number) of both levels.

        Of a blend all lines are listed, with their weights and the numbers of their targets.
        """
        pairs = [[list(level) for level in pair] for pair in self.pairs]
        if not self._blended:
            return {"pairs": pairs}
        targets, lines = np.nonzero(self._shares)
        shares = self._shares[targets, lines].tolist()
        return {"pairs": pairs, "blends": [targets.tolist(), shares]}

    @property
    def _blended(self) -> bool:
        return len(self._shares) < len(self.pairs)

    def of(self, counts: Sequence[int]) -> TargetMap:
        """The map for members with these numbers of levels; see `Observation.of`."""
        lines = self._lines(counts)
        if not self._blended:
            return lines
        # The lines of each target, padded with lines of share 0.
        order = np.argsort(self._shares == 0, axis=1, kind="stable")
        order = order[:, : np.count_nonzero(self._shares, axis=1).max()]
        shares = np.take_along_axis(self._shares, order, axis=1)

        def blend(levels: tf.Tensor) -> tf.Tensor:
            found = tf.gather(lines.observe(levels), tf.constant(order, tf.int32), axis=1)
            return tf.reduce_sum(found * tf.constant(shares, levels.dtype), axis=2)

        return FunctionMap(
            num_levels=lines.num_levels,
            function=blend,
            num_values=len(shares),
            used=lines.used,
            in_level_units=True,
        )

    def _lines(self, counts: Sequence[int]) -> Comparison:
        """The comparison with every line as a target of its own."""
        if len(counts) > 1 and self._bare:
            raise ValueError(
                f"Transitions: in a family of {len(counts)} members each level of pairs must be "
                f"(member, number), got {self._bare[0]!r}."
            )
        upper = np.array([_number(counts, pair[0]) for pair in self.pairs])
        lower = np.array([_number(counts, pair[1]) for pair in self.pairs])
        return Comparison(num_levels=sum(counts), upper=upper, lower=lower, measures=upper != lower)

    def guess_levels(
        self, comparison: TargetMap, counts: Sequence[int], targets: tf.Tensor
    ) -> tf.Tensor:
        """The least-norm levels with these differences, sorted within each member."""
        observed = ~tf.math.is_nan(targets)
        known = tf.where(observed, targets, tf.zeros_like(targets))
        unit = np.eye(comparison.num_levels)
        lines = self._lines(counts)
        incidence = self._shares @ (unit[lines.upper] - unit[lines.lower])
        incidence = tf.constant(incidence, targets.dtype)
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
