"""Which function of the eigenvalues is compared with the measured levels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from ..checks import check_count
from .base import Observation
from .comparison import Comparison
from .guesses import fill_gaps, in_each_member


class Levels(Observation):
    """Chosen levels are compared with the targets, one to one.

    By default all of them: target k belongs to the k-th lowest level. A level that was not observed
    in some row has NaN as its target there. In a `Family` the targets of the first member come
    first, and the choice and the zero of the scale hold for each member by itself.

    Levels ascend, so the order of the values says nothing: the k-th lowest observed value of a
    member belongs to the k-th of its levels that are observed (where the target is not NaN and the
    weight not 0). Weights stay with their values; residuals come back in the order of the values.

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
        indices: Sequence[int] | None = None,
        name: str | None = None,
    ) -> None:
        """Choose the levels and the zero of the scale; at most one of the three choices.

        Args:
            relative_to: None: targets are eigenvalues. "lowest": levels are compared by their
                distance from the lowest of all (excitation energies); a common shift of all
                eigenvalues then has no effect. The target of the lowest level is the zero of the
                scale and not a datum: it is subtracted from the others, so that 0 means excitation
                energies and its energy absolute ones; NaN means that the others are excitation
                energies already. Each member of a family has its own. "mean": targets have an
                unknown common offset, in a family the same for all members; spectrum and targets
                are compared about their means, which for unequal weights are weighted as in the
                loss.
            lowest: compare only so many levels from the lowest up.
            highest: compare only so many levels up to the highest.
            indices: compare the levels with these numbers, ascending from 0 for the lowest.
            name: name of the module.

        Raises:
            ValueError: for any other choice.
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
        """The numbers of the levels that are compared, of a matrix with `size` levels.

        Raises:
            ValueError: if there are not so many levels.
        """
        if self._indices is not None:
            numbers = np.array(self._indices)
        elif self._highest is not None:
            numbers = np.arange(size - self._highest, size)
        else:
            numbers = np.arange(size if self._lowest is None else self._lowest)
        if numbers[0] < 0 or numbers[-1] >= size:
            raise ValueError(
                f"Levels: the matrix has {size} levels, but levels {numbers[0]} to {numbers[-1]} "
                "are to be compared (from 0)."
            )
        return numbers

    def describe(self) -> dict[str, Any]:
        """Its arguments as plain data."""
        return {
            "relative_to": self.relative_to,
            "lowest": self._lowest,
            "highest": self._highest,
            "indices": None if self._indices is None else list(self._indices),
        }

    def of(self, counts: Sequence[int]) -> Comparison:
        """The comparison for members with so many levels; see `Observation.of`."""
        upper, lower, member = [], [], []
        first = 0
        for place, size in enumerate(counts):
            numbers = self.chosen(size)
            member.append(np.full(len(numbers), place))
            upper.append(first + numbers)
            origin = first if self.relative_to == "lowest" else -1
            lower.append(np.full(len(numbers), origin))
            first += size
        upper, lower, member = (np.concatenate(parts) for parts in (upper, lower, member))
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
        """Gaps are filled on a straight line; see `Observation.guess_levels`.

        The ends are filled with the mean spacing. A relative spectrum is put around zero.
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
    """A spectrum around zero from levels `[B, n]` measured from the lowest, observed or not."""
    filled = fill_gaps(tf.pad(levels[:, 1:], [[0, 0], [1, 0]]))
    return filled - tf.reduce_mean(filled, axis=-1, keepdims=True)


def _check_indices(indices: Sequence[int]) -> tuple[int, ...]:
    numbers = np.asarray(indices)
    whole = numbers.ndim == 1 and numbers.size > 0 and numbers.dtype.kind in "iu"
    if not whole or numbers[0] < 0 or (np.diff(numbers) <= 0).any():
        raise ValueError(
            "Levels: indices must be different level numbers in ascending order, from 0, "
            f"got {indices!r}."
        )
    return tuple(int(number) for number in numbers)
