"""Observation of numbered levels: eigenvalues, excitation energies, or levels up to an offset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from ..checks import check_count
from ..level_counts import LevelCounts, as_level, is_number_alone
from .base import Observation
from .comparison import Comparison
from .guesses import fill_gaps, in_each_member
from .target_map import TargetMap


class Levels(Observation):
    """Targets are selected levels, by default all of them in ascending order.

    The target of a level that was not observed is NaN. In a `Family` the targets of the first
    member come first, and the selection and the zero of the scale apply to each member separately.

    The order of the observed values within a member is free: its k-th lowest observed value is
    compared with its k-th observed level (target not NaN and weight not 0). Weights belong to their
    values; residuals are returned in the order of the values.

    Where members of a family or their levels have names, `indices` may name the levels.

    Example:
        >>> eigenvalues = tf.constant([[1.0, 3.0, 7.0]])
        >>> Levels(relative_to="lowest").of([3]).observe(eigenvalues).numpy().tolist()
        [[0.0, 2.0, 6.0]]
        >>> Levels(highest=2).of([3]).observe(eigenvalues).numpy().tolist()
        [[3.0, 7.0]]
    """

    def __init__(
        self,
        relative_to: Literal["lowest", "mean"] | None = None,
        *,
        lowest: int | None = None,
        highest: int | None = None,
        indices: Sequence[Any] | None = None,
        multiplicity: int | Sequence[Any] | None = None,
        name: str | None = None,
    ) -> None:
        """Select the levels and the zero of the scale.

        Args:
            relative_to: None: targets are eigenvalues. "lowest": targets are excitation energies,
                distances from the lowest level of the member; a common shift of all eigenvalues has
                no effect. The target of the lowest level is then the zero of the scale and not a
                datum: it is subtracted from the others. Give 0 with excitation energies, its energy
                with absolute energies, or NaN with excitation energies only. "mean": targets have
                an unknown common offset, the same for all members of a family; levels and targets
                are compared after subtraction of their means, weighted by the squared weights.
            lowest: compare only this many lowest levels.
            highest: compare only this many highest levels.
            indices: compare the levels with these numbers, ascending from 0 for the lowest, in
                each member. Or the levels one by one, as names or (member, number), in the order
                member after member, ascending in each: the targets come in this order. At most one
                of `lowest`, `highest` and `indices`.
            multiplicity: for levels that are known to coincide, such as Kramers pairs: how many
                states each level holds, an integer for all (2 for pairs), or a list of integers in
                ascending order of the levels, whose sum is the size of the matrix; for a family
                also a list of such lists, one for each member. Each multiplet then has one target,
                which is compared with the mean of its states and counts as one datum. `lowest` and
                `highest` count multiplets. `indices` count states, as everywhere: give the lowest
                state of each multiplet.
            name: name of the module.

        Raises:
            ValueError: for any other value, or more than one selection. For names, when the solver
                is made.
        """
        super().__init__(name=name)
        if relative_to not in (None, "lowest", "mean"):
            raise ValueError(
                f'Levels: relative_to must be None, "lowest" or "mean", got {relative_to!r}.'
            )
        choices = {"lowest": lowest, "highest": highest, "indices": indices}
        made = [argument for argument, value in choices.items() if value is not None]
        if len(made) > 1:
            raise ValueError(f"Levels: give at most one of {' and '.join(made)}.")
        for argument, value in (("lowest", lowest), ("highest", highest)):
            if value is not None:
                check_count("Levels", argument, value)
        if indices is not None:
            indices = _check_indices(indices)
        if multiplicity is not None:
            multiplicity = _check_multiplicity(multiplicity)
        self.relative_to = relative_to
        self.multiplicity = multiplicity
        self._lowest, self._highest, self._indices = lowest, highest, indices

    def chosen(self, size: int) -> np.ndarray:
        """The numbers of the compared levels of a matrix with `size` levels, ascending.

        Raises:
            ValueError: if the matrix has too few levels.
        """
        (numbers,) = self._chosen_in([size])
        return numbers

    def _chosen_in(self, counts: Sequence[int]) -> list[np.ndarray]:
        """The numbers of the compared levels of each member, ascending.

        Raises:
            ValueError: if a member has too few levels, or there is no level of a given name.
        """
        each = self._multiplets(counts)
        if self._indices is not None and not all(isinstance(one, int) for one in self._indices):
            every = _by_member(LevelCounts.of(counts), self._indices)
        else:
            every = [
                self._chosen_of(size, np.unique(owners))
                for size, owners in zip(counts, each, strict=True)
            ]
        for numbers, owners in zip(every, each, strict=True):
            for number in numbers[owners[numbers] != numbers]:
                raise ValueError(
                    f"Levels: indices count states, and level {number} is not the lowest of its "
                    f"multiplet, which begins at {owners[number]}; the multiplets begin at "
                    f"{', '.join(map(str, np.unique(owners)))}."
                )
        return every

    def _chosen_of(self, size: int, lowest: np.ndarray) -> np.ndarray:
        """The chosen levels of a matrix, given the lowest state of each multiplet, ascending."""
        count, what = len(lowest), "levels" if len(lowest) == size else "multiplets"
        if self._indices is not None:
            numbers, count, what = np.array(self._indices), size, "levels"
        elif self._highest is not None:
            numbers = np.arange(count - self._highest, count)
        else:
            numbers = np.arange(count if self._lowest is None else self._lowest)
        if numbers[0] < 0 or numbers[-1] >= count:
            raise ValueError(
                f"Levels: the matrix has {count} {what}, but {what} {numbers[0]} to {numbers[-1]} "
                "are to be compared (from 0)."
            )
        return numbers if self._indices is not None else lowest[numbers]

    def _multiplets(self, counts: Sequence[int]) -> list[np.ndarray]:
        """For each member the lowest state of the multiplet of each state; itself if alone.

        Raises:
            ValueError: if the multiplicities do not add up to the number of states.
        """
        given: Any = 1 if self.multiplicity is None else self.multiplicity
        if isinstance(given, int) or isinstance(given[0], int):
            given = [given] * len(counts)
        if len(given) != len(counts):
            raise ValueError(
                f"Levels: multiplicity holds {len(given)} lists, but the family has {len(counts)} "
                "members; give one for each."
            )
        return [_owners(one, size) for one, size in zip(given, counts, strict=True)]

    def describe(self) -> dict[str, Any]:
        """Its arguments as plain data."""
        return {
            "relative_to": self.relative_to,
            "lowest": self._lowest,
            "highest": self._highest,
            "indices": None if self._indices is None else list(map(_plain, self._indices)),
            "multiplicity": _as_lists(self.multiplicity),
        }

    def of(self, counts: Sequence[int]) -> TargetMap:
        """The comparison for members with these numbers of levels; see `Observation.of`."""
        upper, lower, member = [], [], []
        first = 0
        for place, (size, numbers) in enumerate(zip(counts, self._chosen_in(counts), strict=True)):
            member.append(np.full(len(numbers), place))
            upper.append(first + numbers)
            origin = first if self.relative_to == "lowest" else -1
            lower.append(np.full(len(numbers), origin))
            first += size
        upper, lower, member = (np.concatenate(parts) for parts in (upper, lower, member))
        _, member = np.unique(member, return_inverse=True)  # only the members with targets
        starts = LevelCounts.of(counts).firsts
        owners = [start + own for start, own in zip(starts, self._multiplets(counts), strict=True)]
        return Comparison(
            num_levels=first,
            upper=upper,
            lower=lower,
            measures=upper != lower,
            centred=self.relative_to == "mean",
            ordered=(member, np.searchsorted(member, member)),
            multiplets=None if self.multiplicity is None else np.concatenate(owners),
        )

    def guess_levels(
        self, comparison: TargetMap, counts: Sequence[int], targets: tf.Tensor
    ) -> tf.Tensor:
        """Fill gaps by linear interpolation; see `Observation.guess_levels`.

        Ends are extrapolated with the mean spacing. A relative spectrum gets the mean 0.
        """
        assert isinstance(comparison, Comparison)
        nan = tf.constant(np.nan, targets.dtype)
        padded = tf.pad(targets, [[0, 0], [0, 1]], constant_values=nan)
        source = np.full(comparison.num_levels, comparison.num_targets)
        source[comparison.upper] = np.arange(comparison.num_targets)
        if comparison.multiplets is not None:
            source = source[comparison.multiplets]
        levels = tf.gather(padded, tf.constant(source, tf.int32), axis=1)
        fill = _fill_relative if self.relative_to == "lowest" else fill_gaps
        whole = in_each_member(fill, levels, counts)
        if self.relative_to == "mean":
            whole -= tf.reduce_mean(whole, axis=-1, keepdims=True)
        return whole


def _fill_relative(levels: tf.Tensor) -> tf.Tensor:
    """Complete levels `[B, n]` measured from the lowest, which is 0, and subtract the mean."""
    filled = fill_gaps(tf.pad(levels[:, 1:], [[0, 0], [1, 0]]))
    return filled - tf.reduce_mean(filled, axis=-1, keepdims=True)


def _as_lists(multiplicity: Any) -> Any:
    """The multiplicity as plain data."""
    if multiplicity is None or isinstance(multiplicity, int):
        return multiplicity
    return [_as_lists(one) for one in multiplicity]


def _owners(multiplicity: int | Sequence[int], size: int) -> np.ndarray:
    """The lowest state of the multiplet of each state, `[n]`."""
    sizes = np.asarray(multiplicity)
    if not sizes.ndim:
        sizes = np.full(max(size // int(sizes), 1), int(sizes))
    if sizes.sum() != size:
        raise ValueError(
            f"Levels: multiplicity must add up to the {size} states of the matrix, got "
            f"{_as_lists(multiplicity)}, which is {sizes.sum()}; count the states of "
            "every level."
        )
    return np.repeat(np.cumsum(sizes) - sizes, sizes)


def _check_multiplicity(value: Any) -> int | tuple[Any, ...]:
    """An integer, integers, or several lists of integers."""
    if not isinstance(value, (str, list, tuple, np.ndarray)):
        return check_count("Levels", "multiplicity", value)
    nested = [isinstance(one, (list, tuple, np.ndarray)) for one in value]
    if not isinstance(value, str) and nested and all(nested):
        return tuple(map(_check_multiplicity, value))
    if isinstance(value, str) or not nested or any(nested):
        raise ValueError(
            "Levels: multiplicity must be an integer, a list of integers, one for each level, or a "
            f"list of such lists, one for each member of a family, got {value!r}."
        )
    return tuple(check_count("Levels", "multiplicity", one) for one in value)


def _check_indices(indices: Sequence[Any]) -> tuple[Any, ...]:
    """The numbers of levels; or names and (member, number), if any is not a number alone."""
    if _are_levels(indices):
        try:
            checked = [as_level(level) for level in indices]
        except (TypeError, ValueError) as error:
            raise ValueError(
                "Levels: indices must be level numbers, or names of levels and (member, number), "
                f"got {indices!r}."
            ) from error
        # A number alone stays one, for it has no meaning in a family.
        alone = map(is_number_alone, indices)
        return tuple(one[1] if bare else one for one, bare in zip(checked, alone, strict=True))
    numbers = np.asarray(indices)
    whole = numbers.ndim == 1 and numbers.size > 0 and numbers.dtype.kind in "iu"
    if not whole or numbers[0] < 0 or (np.diff(numbers) <= 0).any():
        raise ValueError(
            "Levels: indices must be different level numbers in ascending order, from 0, "
            f"got {indices!r}."
        )
    return tuple(int(number) for number in numbers)


def _are_levels(indices: Any) -> bool:
    """Whether any of the indices is a name or a pair, rather than a number."""
    if isinstance(indices, str) or not np.iterable(indices):
        return False
    return any(isinstance(level, str) or np.ndim(level) > 0 for level in indices)


def _by_member(counts: LevelCounts, levels: Sequence[Any]) -> list[np.ndarray]:
    """The numbers of the given levels in each member; those of names that all have, in all."""
    members = range(len(counts))
    if all(
        isinstance(level, str) and all(level in (names or ()) for names in counts.levels)
        for level in levels
    ):
        levels = [(member, level) for member in members for level in levels]
    try:
        found = [counts.find(level) for level in levels]
    except ValueError as error:
        raise ValueError(f"Levels: indices: {error}.") from None
    if found != sorted(set(found)):
        order = [_plain(levels[found.index(one)]) for one in sorted(set(found))]
        raise ValueError(
            "Levels: indices must be different levels, member after member and ascending in each, "
            f"as the targets are; write {order}."
        )
    return [
        np.array([number for place, number in found if place == member], int) for member in members
    ]


def _plain(level: Any) -> Any:
    return list(level) if isinstance(level, tuple) else level
