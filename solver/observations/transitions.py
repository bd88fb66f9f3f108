"""Observation of transitions: differences between numbered levels, also of different matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..level_counts import LevelCounts, as_level, is_number_alone
from ..linalg.linear import solve_symmetric
from ..rowwise.axes import new_axis
from .base import Observation
from .comparison import Comparison
from .function_of_lines import FunctionOfLines
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
    a molecule with one matrix for each J. Where members or levels have names, these may stand in
    place of the numbers: `("M=3", 1)`; a level with a name of its own is given by this name alone.

    With a `Sweep`, level numbers or names alone are lines at every condition, and the targets are
    those of the first condition, then those of the second, and so on; a pair is (condition, number)
    or (condition, name).

    Example:
        >>> lines = Transitions([(1, 0), (2, 1)])
        >>> lines.of([3]).observe(tf.constant([[1.0, 3.0, 7.0]])).numpy().tolist()
        [[2.0, 4.0]]
        >>> between = Transitions([((1, 0), (0, 0))])
        >>> between.of([1, 3]).observe(tf.constant([[1.0, 3.0, 7.0, 9.0]])).numpy().tolist()
        [[2.0]]
        >>> blocks = Family([Toeplitz(1), Toeplitz(3)], names=["odd", "even"])
        >>> named = Transitions([(("even", 0), ("odd", 0))]).of(blocks.level_counts)
        >>> named.observe(tf.constant([[1.0, 3.0, 7.0, 9.0]])).numpy().tolist()
        [[2.0]]
    """

    def __init__(self, pairs: Sequence[Any], name: str | None = None) -> None:
        """Set the lines.

        Args:
            pairs: one (upper, lower) for each target; each a level number, (member, number), which
                a family of several members requires, or the name of a level. A member may be given
                by its name, and so may a level in it. Or a `Blend` of several lines.
            name: name of the module.

        Raises:
            ValueError: for another form, a line from a level to itself, or a pair whose first level
                is the lower one of the same matrix. For names, when the solver is made.
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
        self._bare = [pair for _, pair in lines if any(map(is_number_alone, pair))]
        # Those that a sweep has at every condition.
        self._anywhere = [pair for _, pair in lines if not any(map(_is_pair, pair))]
        # `[m, c]`: the share of each line in each target.
        self._shares = np.zeros((len(entries), len(lines)))
        columns = iter(range(len(lines)))
        for place, each in enumerate(entries):
            for share in each.shares:
                self._shares[place, next(columns)] = share

    def describe(self) -> dict[str, Any]:
        """Its arguments as plain data: both levels of each line, as (member, number) or a name.

        Of a blend all lines are listed, with their weights and the numbers of their targets.
        """
        plain = lambda level: level if isinstance(level, str) else list(level)  # noqa: E731
        pairs = [[plain(level) for level in pair] for pair in self.pairs]
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
        return self._blended_from(self._lines(counts), 1)

    def _blended_from(self, lines: Comparison, times: int) -> TargetMap:
        """The map from all lines, repeated so many times, to the targets."""
        if not self._blended:
            return lines
        # The lines of each target, padded with lines of share 0.
        order = np.argsort(self._shares == 0, axis=1, kind="stable")
        order = order[:, : np.count_nonzero(self._shares, axis=1).max()]
        shares = np.take_along_axis(self._shares, order, axis=1)
        used = shares > 0
        order = np.where(used, order, order[:, :1])
        order = np.concatenate([order + place * len(self.pairs) for place in range(times)])
        shares, used = np.tile(shares, [times, 1]), np.tile(used, [times, 1])

        def blend(levels: tf.Tensor) -> tf.Tensor:
            found = tf.gather(lines.observe(levels), tf.constant(order, tf.int32), axis=1)
            return tf.reduce_sum(found * tf.constant(shares, levels.dtype), axis=2)

        return FunctionOfLines(
            num_levels=lines.num_levels,
            function=blend,
            num_values=len(shares),
            used=lines.used,
            own_levels=np.concatenate([lines.upper[order], lines.lower[order]], axis=1),
            own_lines=(
                np.where(used, lines.upper[order], -1),
                np.where(used, lines.lower[order], -1),
            ),
            in_level_units=True,
        )

    def _lines(self, counts: Sequence[int]) -> Comparison:
        """The comparison with every line as a target of its own."""
        if len(counts) > 1 and self._bare:
            raise ValueError(
                f"Transitions: in a family of {len(counts)} members each level of pairs must be "
                f"(member, number), got {self._bare[0]!r}."
            )
        named = LevelCounts.of(counts)
        places = self._shares.argmax(axis=0)  # the target of each line
        numbers = [_numbers(named, *line) for line in zip(places, self.pairs, strict=True)]
        upper, lower = np.array(numbers).T
        return Comparison(num_levels=sum(counts), upper=upper, lower=lower, measures=upper != lower)

    def at_conditions(self, counts: Sequence[int]) -> TargetMap:
        """See `Observation.at_conditions`."""
        some = self._anywhere or self._bare
        if not some:
            return self.of(counts)
        if len(self._anywhere) < len(self.pairs):
            raise ValueError(
                "Transitions: pairs of a sweep must all be level numbers or names, for lines at "
                "every condition, or all be ((condition, number), (condition, number)); got "
                f"{some[0]!r} among the latter."
            )
        one, limit = self._lines(_first_of(counts)), len(counts)
        first = np.repeat(np.arange(limit) * counts[0], one.num_targets)
        lines = Comparison(
            num_levels=sum(counts),
            upper=first + np.tile(one.upper, limit),
            lower=first + np.tile(one.lower, limit),
            measures=np.tile(one.measures, limit),
        )
        return self._blended_from(lines, limit)

    def guess_levels(
        self, comparison: TargetMap, counts: Sequence[int], targets: tf.Tensor
    ) -> tf.Tensor:
        """The least-norm levels with these differences, sorted within each member."""
        if targets.shape[1] > len(self._shares):  # the same lines at each condition
            each, one = tf.reshape(targets, [-1, len(self._shares)]), _first_of(counts)
            found = self.guess_levels(self._lines(one), one, each)
            return tf.reshape(found, [-1, sum(counts)])
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


def _is_pair(level: Any) -> bool:
    """Whether the level is given with its member, or condition."""
    return not isinstance(level, str) and not is_number_alone(level)


def _first_of(counts: Sequence[int]) -> LevelCounts:
    """The counts of the first member alone."""
    named = LevelCounts.of(counts)
    return LevelCounts(named[:1], levels=named.levels[:1])


def _check_pair(place: int, pair: Any) -> tuple[Any, Any]:
    try:
        if isinstance(pair, str):
            raise ValueError("one name, not two")
        upper, lower = (as_level(level) for level in pair)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Transitions: pairs[{place}] must be (upper, lower), each a level number from 0, "
            f"(member, number) or the name of a level, got {pair!r}."
        ) from error
    _check_order(place, pair, upper, lower)
    return upper, lower


def _check_order(place: int, pair: Any, upper: Any, lower: Any) -> None:
    """Raise a ValueError for a level with itself, or if the first is known to be the lower one."""
    if upper == lower:
        raise ValueError(f"Transitions: pairs[{place}] joins a level with itself: {pair!r}.")
    if any(isinstance(level, str) or isinstance(level[1], str) for level in (upper, lower)):
        return  # the names are looked up when the structure is known
    if upper[0] == lower[0] and upper[1] < lower[1]:
        first, second = (_plain(level) for level in pair)
        raise ValueError(
            f"Transitions: pairs[{place}] must be (upper, lower), got {(first, second)}, whose "
            f"first level is below the second in the same matrix; write {(second, first)}."
        )


def _plain(level: Any) -> Any:
    """The level without the types of NumPy, for messages."""
    if isinstance(level, str):
        return str(level)
    return int(level) if np.ndim(level) == 0 else tuple(map(_plain, level))


def _numbers(counts: LevelCounts, place: int, pair: tuple[Any, Any]) -> list[int]:
    """The numbers of both levels of a line among the levels of all members."""
    try:
        upper, lower = (counts.find(level) for level in pair)
    except ValueError as error:
        raise ValueError(f"Transitions: pairs[{place}]: {error}.") from None
    _check_order(place, pair, upper, lower)
    return [counts.firsts[member] + number for member, number in (upper, lower)]
