"""Which function of the eigenvalues is compared with the measured levels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import tensorflow as tf

from .checks import check_count


class Levels(tf.Module):
    """Chosen levels are compared with the targets, one to one.

    By default all of them: target k belongs to the k-th lowest level. A level that was not observed
    in some row has NaN as its target there.

    Example:
        >>> eigenvalues = tf.constant([[1.0, 3.0, 7.0]])
        >>> Levels(relative_to="lowest").observe(eigenvalues).numpy().tolist()
        [[0.0, 2.0, 6.0]]
        >>> Levels(highest=2).observe(eigenvalues).numpy().tolist()
        [[3.0, 7.0]]
    """

    def __init__(
        self,
        relative_to: Literal["lowest"] | None = None,
        *,
        lowest: int | None = None,
        highest: int | None = None,
        indices: Sequence[int] | None = None,
        name: str | None = None,
    ) -> None:
        """Choose the levels and the zero of the scale; at most one of the three choices.

        Args:
            relative_to: None: targets are eigenvalues. "lowest": targets are measured from the
                lowest of all levels (excitation energies); a common shift of all eigenvalues then
                has no effect. The lowest level itself is the zero of the scale and not a datum:
                its target is 0 or NaN, and is not looked at.
            lowest: compare only so many levels from the lowest up.
            highest: compare only so many levels up to the highest.
            indices: compare the levels with these numbers, ascending from 0 for the lowest.
            name: name of the module.

        Raises:
            ValueError: for any other choice.
        """
        super().__init__(name=name)
        if relative_to not in (None, "lowest"):
            raise ValueError(f'Levels: relative_to must be None or "lowest", got {relative_to!r}.')
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
        """The numbers `[m]` of the levels that are compared, of a spectrum of `size` levels.

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

    def num_targets(self, size: int) -> int:
        """How many targets `m` a spectrum of `size` levels has."""
        return len(self.chosen(size))

    def measures(self, size: int) -> np.ndarray:
        """`[m]` bool: False for the level that is the zero of the scale; it carries no datum."""
        return (self.chosen(size) > 0) | (self.relative_to is None)

    def observe(self, levels: tf.Tensor) -> tf.Tensor:
        """What is compared with the targets; also maps derivatives of levels, for it is linear.

        Args:
            levels: `[B, n]` or `[B, n, p]`, one entry for each level along axis 1.

        Returns:
            `[B, m]` or `[B, m, p]`.
        """
        size = levels.shape[1]
        numbers = self.chosen(size)
        ground = levels[:, :1]
        if len(numbers) < size:
            levels = tf.gather(levels, tf.constant(numbers, tf.int32), axis=1)
        return levels - ground if self.relative_to == "lowest" else levels

    def pull_back(self, weights: tf.Tensor, size: int) -> tf.Tensor:
        """The transpose of `observe`.

        Args:
            weights: `[B, m]`, one number for each target.
            size: the number of levels, `n`.

        Returns:
            `[B, n]`.
        """
        transposed = np.eye(size)[self.chosen(size)]
        if self.relative_to == "lowest":
            transposed[:, 0] -= 1.0
        return tf.matmul(weights, tf.constant(transposed, weights.dtype))

    def guess_levels(self, targets: tf.Tensor, size: int) -> tf.Tensor:
        """A whole spectrum for the observed part of one, to start from.

        Args:
            targets: `[B, m]`, NaN where not observed, with at least one level observed.
            size: the number of levels, `n`.

        Returns:
            `[B, n]`: gaps are filled on a straight line between their neighbours, the ends with
            the mean spacing. A relative spectrum is put around zero.
        """
        nan = tf.constant(np.nan, targets.dtype)
        padded = tf.pad(targets, [[0, 0], [0, 1]], constant_values=nan)
        numbers = self.chosen(size)
        source = np.full(size, len(numbers))
        source[numbers] = np.arange(len(numbers))
        levels = tf.gather(padded, tf.constant(source, tf.int32), axis=1)
        if self.relative_to is None:
            return _fill_gaps(levels)
        ground = tf.zeros_like(levels[:, :1])  # by definition, observed or not
        levels = _fill_gaps(tf.concat([ground, levels[:, 1:]], axis=1))
        return levels - tf.reduce_mean(levels, axis=-1, keepdims=True)


def _check_indices(indices: Sequence[int]) -> tuple[int, ...]:
    numbers = np.asarray(indices)
    whole = numbers.ndim == 1 and numbers.size > 0 and numbers.dtype.kind in "iu"
    if not whole or numbers[0] < 0 or (np.diff(numbers) <= 0).any():
        raise ValueError(
            "Levels: indices must be different level numbers in ascending order, from 0, "
            f"got {indices!r}."
        )
    return tuple(int(number) for number in numbers)


def _fill_gaps(targets: tf.Tensor) -> tf.Tensor:
    """Replace each NaN on a straight line through the observed levels beside it."""
    size = targets.shape[-1]
    seen = ~tf.math.is_nan(targets)
    values = tf.where(seen, targets, tf.zeros_like(targets))
    place = tf.range(size)[None, :] + tf.zeros_like(targets, tf.int32)
    # observed[:, j] is the place of the observed level number j.
    observed = tf.argsort(tf.where(seen, place, place + size), axis=-1)
    number = tf.cumsum(tf.cast(seen, tf.int32), axis=-1)  # observed levels up to each place
    count = number[:, -1:]
    inside = (number > 0) & (number < count)
    left = tf.gather(observed, tf.where(inside, number - 1, 0), axis=1, batch_dims=1)
    right = tf.where(inside, number, tf.broadcast_to(count - 1, tf.shape(number)))
    right = tf.gather(observed, tf.maximum(right, 0), axis=1, batch_dims=1)
    low = tf.gather(values, left, axis=1, batch_dims=1)
    high = tf.gather(values, right, axis=1, batch_dims=1)
    width = tf.cast(tf.maximum(right - left, 1), targets.dtype)
    share = tf.cast(place - left, targets.dtype) / width
    return tf.where(seen, targets, low + share * (high - low))
