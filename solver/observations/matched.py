"""Observed values of unknown level numbers, assigned during the fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from ..checks import check_count
from ..level_counts import LevelCounts
from ..rowwise.axes import repeated
from ..seed import SEED
from .base import Observation
from .comparison import Comparison
from .target_map import TargetMap


class Matched(Observation):
    """Targets are levels of unknown number, at most one target for each level.

    At every step the values of a row are assigned to levels of the matrix with the least sum of
    squared weighted residuals, higher values to higher levels. At the solution the assignment is
    held fixed for standard errors and derivatives. `SpectralSolver.assignment` returns it.

    The loss has kinks where the assignment changes, and more local minima than with known level
    numbers. Give the numbers (`Levels(indices=)`, NaN) where they are known.

    Example:
        >>> three = Matched(2).of([3])
        >>> levels, ones = tf.constant([[0.0, 5.0, 9.0]]), tf.ones([1, 2])
        >>> three.assign(levels, tf.constant([[0.2, 8.0]]), ones).numpy().tolist()
        [[0, 2]]
    """

    def __init__(
        self,
        count: int | Sequence[int] | Mapping[str, int],
        *,
        relative_to: Literal["lowest"] | None = None,
        name: str | None = None,
    ) -> None:
        """Set the number of values.

        Args:
            count: the number of targets of a row, with NaN for missing values; for a `Family` one
                number for each member, and targets in the order of the members; or a dict by the
                names of the members, in their order, without those that have no targets; for a
                `Sweep` the number at each condition.
            relative_to: None: values are eigenvalues. "lowest": values are measured from the lowest
                level of their member, which is not a candidate: leave its 0 out, and subtract it
                from absolute energies first.
            name: name of the module.

        Raises:
            ValueError: for any other value.
        """
        super().__init__(name=name)
        if relative_to not in (None, "lowest"):
            raise ValueError(f'Matched: relative_to must be None or "lowest", got {relative_to!r}.')
        self.relative_to = relative_to
        self.counts = _check_counts(count)

    def describe(self) -> dict[str, Any]:
        """Its arguments as plain data."""
        count = self.counts
        plain = dict(count) if isinstance(count, Mapping) else list(count)
        return {"count": plain, "relative_to": self.relative_to}

    def of(self, counts: Sequence[int]) -> TargetMap:
        """The comparison for members with these numbers of levels; see `Observation.of`."""
        each = self.counts
        if isinstance(each, Mapping):
            each = _by_member(LevelCounts.of(counts), each)
        if len(counts) != len(each):
            raise ValueError(
                f"Matched: count holds {len(each)} numbers, but the family has "
                f"{len(counts)} members; give one number for each."
            )
        relative = self.relative_to == "lowest"
        upper, lower, groups = [], [], []
        first = place = 0
        for values, size in zip(each, counts, strict=True):
            candidates = np.arange(first + relative, first + size)
            if values > len(candidates):
                raise ValueError(
                    f"Matched: count must be at most the number of levels, but {values} values "
                    f"cannot be assigned to {len(candidates)} levels; lower count."
                )
            if values:
                spread = np.linspace(0, len(candidates) - 1, values).round().astype(int)
                upper.append(candidates[spread])
                lower.append(np.full(values, first if relative else -1))
                groups.append((np.arange(place, place + values), candidates))
            first, place = first + size, place + values
        upper = np.concatenate(upper)
        return Comparison(
            num_levels=first,
            upper=upper,
            lower=np.concatenate(lower),
            measures=np.ones(len(upper), bool),
            groups=tuple(groups),
        )

    def at_conditions(self, counts: Sequence[int]) -> TargetMap:
        """See `Observation.at_conditions`."""
        if isinstance(self.counts, dict) or len(self.counts) > 1:
            return self.of(counts)
        relative_to = "lowest" if self.relative_to else None
        return Matched(self.counts * len(counts), relative_to=relative_to).of(counts)

    def guesses(
        self,
        comparison: TargetMap,
        counts: Sequence[int],
        targets: tf.Tensor,
        number: tf.Tensor,
        attempts: int,
    ) -> tf.Tensor:
        """Assign the observed values to different levels in each guess; see `Observation.guesses`.

        The first guess spreads the values evenly over the levels; the others choose levels at
        random, the same for every row. The levels in between are interpolated linearly. A value
        that was not observed is replaced by the mean of the others.
        """
        assert isinstance(comparison, Comparison)
        observed = ~tf.math.is_nan(targets)
        known = tf.where(observed, targets, tf.zeros_like(targets))
        seen = tf.reduce_sum(tf.cast(observed, targets.dtype), axis=-1, keepdims=True)
        mean = tf.reduce_sum(known, axis=-1, keepdims=True) / tf.maximum(seen, 1.0)
        copies = number.shape[1]
        values = repeated(tf.where(observed, targets, mean), copies)
        mean = repeated(mean, copies)
        chosen = tf.reshape(number, [-1]) % attempts
        generator = np.random.default_rng(SEED)
        groups = {int(candidates[0]): places for places, candidates in comparison.groups}
        relative = self.relative_to == "lowest"
        first = np.cumsum([0, *counts[:-1]])
        # Members with equal numbers of values and levels are rows of one batch.
        alike: dict[tuple[int, int], list[tuple[int, np.ndarray, np.ndarray]]] = {}
        for start, size in zip(first, counts, strict=True):
            places = groups.get(int(start) + relative, np.zeros(0, int))
            table = np.zeros((attempts, size, 0))
            if len(places):
                table = _spreads(generator, len(places) + relative, size, attempts, relative)
            alike.setdefault((size, len(places)), []).append((int(start), places, table))
        found, order = [], []
        for (size, count), members in alike.items():
            starts, places, tables = zip(*members, strict=True)
            order += [np.arange(start, start + size) for start in starts]
            if not count:
                found.append(tf.tile(mean, [1, size * len(members)]))
                continue
            part = tf.gather(values, tf.constant(np.concatenate(places), tf.int32), axis=1)
            part = tf.sort(tf.reshape(part, [-1, len(members), count]), axis=2)
            if relative:
                part = tf.concat([tf.zeros_like(part[:, :, :1]), part], axis=2)
            table = tf.constant(np.stack(tables, axis=1), part.dtype)
            part = tf.linalg.matvec(tf.gather(table, chosen), part)
            if relative:
                part -= tf.reduce_mean(part, axis=-1, keepdims=True)
            found.append(tf.reshape(part, [-1, size * len(members)]))
        back = np.argsort(np.concatenate(order))
        return tf.gather(tf.concat(found, axis=1), tf.constant(back, tf.int32), axis=1)


def _spreads(
    generator: np.random.Generator, values: int, size: int, attempts: int, keep_first: bool
) -> np.ndarray:
    """`[attempts, size, values]`, the matrices of linear interpolation from values to levels.

    The values are at evenly spread levels in attempt 0, at random levels in the others.
    """
    table = np.empty((attempts, size, values))
    for index in range(attempts):
        if index == 0:
            places = np.linspace(0, size - 1, values)
        else:
            places = np.sort(generator.choice(size, values, replace=False)).astype(float)
            places[0] = 0.0 if keep_first else places[0]
        for column, unit in enumerate(np.eye(values)):
            table[index, :, column] = np.interp(np.arange(size), places, unit)
    return table


def _by_member(counts: LevelCounts, given: Mapping[str, int]) -> list[int]:
    """The number of values of each member, from those given by name."""
    try:
        places = [counts.find_member(member) for member in given]
    except ValueError as error:
        raise ValueError(f"Matched: count: {error}.") from None
    if places != sorted(places):
        order = [list(given)[place] for place in np.argsort(places)]
        raise ValueError(
            "Matched: count must name the members in their order, for it is the order of the "
            f"targets; write them as {', '.join(order)}."
        )
    found = [0] * len(counts)
    for place, count in zip(places, given.values(), strict=True):
        found[place] = count
    return found


def _check_counts(count: Any) -> tuple[int, ...] | dict[str, int]:
    if isinstance(count, Mapping):
        if not count or not all(isinstance(member, str) for member in count):
            raise ValueError(
                f"Matched: count must be numbers of targets by the name of the member, got "
                f"{count!r}."
            )
        numbers = (check_count("Matched", f"count[{one!r}]", count[one]) for one in count)
        return dict(zip(count, numbers, strict=True))
    if np.ndim(count) == 0:
        return (check_count("Matched", "count", count),)
    counts = list(count)
    whole = all(
        isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= 0
        for value in counts
    )
    if not whole or not any(counts):
        raise ValueError(
            "Matched: count must be an integer of at least 1, or one for each member of a family, "
            f"got {count!r}."
        )
    return tuple(int(value) for value in counts)
