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
        self.relative_to = relative_to
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
        if self._indices is not None and not all(isinstance(one, int) for one in self._indices):
            return _by_member(LevelCounts.of(counts), self._indices)
        every = []
        for size in counts:
            if self._indices is not None:
                numbers = np.array(self._indices)
            elif self._highest is not None:
                numbers = np.arange(size - self._highest, size)
            else:
                numbers = np.arange(size if self._lowest is None else self._lowest)
            if numbers[0] < 0 or numbers[-1] >= size:
                raise ValueError(
                    f"Levels: the matrix has {size} levels, but levels {numbers[0]} to "
                    f"{numbers[-1]} are to be compared (from 0)."
                )
            every.append(numbers)
        return every

    def describe(self) -> dict[str, Any]:
        """Its arguments as plain data."""
        return {
            "relative_to": self.relative_to,
            "lowest": self._lowest,
            "highest": self._highest,
            "indices": None if self._indices is None else list(map(_plain, self._indices)),
        }

    def of(self, counts: Sequence[int]) -> Comparison:
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
        return Comparison(
            num_levels=first,
            upper=upper,
            lower=lower,
            measures=upper != lower,
            centred=self.relative_to == "mean",
            ordered=(member, np.searchsorted(member, member)),
        )

    def guess_levels(
        self, comparison: Comparison, counts: Sequence[int], targets: tf.Tensor
    ) -> tf.Tensor:
        """Fill gaps by linear interpolation; see `Observation.guess_levels`.

        Ends are extrapolated with the mean spacing. A relative spectrum gets the mean 0.
        """
        nan = tf.constant(np.nan, targets.dtype)
        padded = tf.pad(targets, [[0, 0], [0, 1]], constant_values=nan)
        source = np.full(comparison.num_levels, comparison.num_targets)
        source[comparison.upper] = np.arange(comparison.num_targets)
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
    """The numbers of the given levels in each member."""
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
        np.array([number for place, number in found if place == member], int)
        for member in range(len(counts))
    ]


def _plain(level: Any) -> Any:
    return list(level) if isinstance(level, tuple) else level
