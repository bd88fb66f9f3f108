"""Which function of the eigenvalues is compared with the measured levels."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf


class Levels(tf.Module):
    """Every level is compared with the target of the same number: the k-th lowest with target k.

    A level that was not observed has NaN as its target.

    Example:
        >>> eigenvalues = tf.constant([[1.0, 3.0, 7.0]])
        >>> Levels(relative_to="lowest").observe(eigenvalues).numpy().tolist()
        [[0.0, 2.0, 6.0]]
    """

    def __init__(
        self, relative_to: Literal["lowest"] | None = None, name: str | None = None
    ) -> None:
        """Choose the zero of the scale.

        Args:
            relative_to: None: targets are eigenvalues. "lowest": targets are measured from the
                lowest level (excitation energies), whose own target is 0 or NaN; a common shift
                of all eigenvalues then has no effect.
            name: name of the module.

        Raises:
            ValueError: for any other choice.
        """
        super().__init__(name=name)
        if relative_to not in (None, "lowest"):
            raise ValueError(f'Levels: relative_to must be None or "lowest", got {relative_to!r}.')
        self.relative_to = relative_to

    def num_targets(self, size: int) -> int:
        """How many targets `m` a spectrum of `size` levels has."""
        return size

    def observe(self, levels: tf.Tensor) -> tf.Tensor:
        """What is compared with the targets; also maps derivatives of levels, for it is linear.

        Args:
            levels: `[B, n]` or `[B, n, p]`, one entry for each level along axis 1.

        Returns:
            `[B, m]` or `[B, m, p]`.
        """
        return levels - levels[:, :1] if self.relative_to == "lowest" else levels

    def pull_back(self, weights: tf.Tensor) -> tf.Tensor:
        """The transpose of `observe`: weights of the targets `[B, m]` to weights of levels."""
        if self.relative_to is None:
            return weights
        total = tf.reduce_sum(weights, axis=-1, keepdims=True)
        return tf.concat([weights[:, :1] - total, weights[:, 1:]], axis=-1)

    def guess_levels(self, targets: tf.Tensor) -> tf.Tensor:
        """A whole spectrum for the observed part of one, to start from.

        Args:
            targets: `[B, m]`, NaN where not observed, with at least one level observed.

        Returns:
            `[B, n]`: gaps are filled on a straight line between their neighbours, the ends with
            the mean spacing. A relative spectrum is put around zero.
        """
        levels = _fill_gaps(targets)
        if self.relative_to == "lowest":
            levels -= tf.reduce_mean(levels, axis=-1, keepdims=True)
        return levels


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
