"""The interface of the map from the levels to the values of the targets."""

from __future__ import annotations

import abc

import numpy as np
import tensorflow as tf


class TargetMap(abc.ABC):
    """An observation of a spectrum of known size: from levels `[B, n]` to the values `[B, m]`.

    Attributes:
        num_levels: `n`, the number of levels of all members.
        upper: `[m]`, the number of the level that each target is compared with; -1 for a target
            that is a function of levels.
        lower: `[m]`, the number of the level that is subtracted; -1 for none.
        measures: `[m]`, bool; False for a target that is the zero of the scale: no datum.
        used: the numbers of the levels that any target may depend on, ascending.
        centred: whether some targets are known up to a common offset only.
        ordered: for targets that are ascending levels, `[m]` each: the member of each target,
            ascending, and the number of the first target of that member. None for other targets.
    """

    num_levels: int
    upper: np.ndarray
    lower: np.ndarray
    measures: np.ndarray
    used: np.ndarray
    centred: bool
    ordered: tuple[np.ndarray, np.ndarray] | None

    @property
    def num_targets(self) -> int:
        """`m`, the number of targets."""
        return len(self.upper)

    @property
    def in_level_units(self) -> bool:
        """Whether every target is a level, or a difference or mean of levels."""
        return True

    def units(self, level_unit: str) -> tuple[str, ...]:
        """The unit of each target, "" where it is not known, given that of the levels."""
        return (level_unit if self.in_level_units else "",) * self.num_targets

    @property
    def bends(self) -> bool:
        """Whether some targets are no linear function of the levels, see `bending`."""
        return False

    @property
    def scale_groups(self) -> np.ndarray:
        """`[m]`, the number of the group of targets with one unit, from 0, ascending."""
        return np.zeros(self.num_targets, int)

    @property
    def compared_levels(self) -> np.ndarray:
        """`[m, w]`, the numbers of the levels of each target; -1 for none, n for all levels."""
        return np.stack([self.upper, self.lower], axis=1)

    @property
    def lines(self) -> tuple[np.ndarray, np.ndarray]:
        """`[m, w]` each, the levels and the subtracted levels that name a target; -1 for none.

        Several for a blend, none for a function of many levels.
        """
        return self.upper[:, None], self.lower[:, None]

    @property
    def assigned_targets(self) -> np.ndarray:
        """`[m]` bool, which targets are assigned to levels at every evaluation."""
        return np.zeros(self.num_targets, bool)

    @property
    def assigned(self) -> bool:
        """Whether some targets are assigned to levels."""
        return bool(self.assigned_targets.any())

    @property
    def has_multiplets(self) -> bool:
        """Whether some targets are compared with the mean of several levels."""
        return False

    @property
    def covers_all_levels(self) -> bool:
        """Whether every level is compared or subtracted, or levels are assigned."""
        return False

    @property
    def ground_of_target(self) -> np.ndarray:
        """`[m]`, the number of the target of the subtracted level; -1 if there is none."""
        return np.full(self.num_targets, -1)

    @abc.abstractmethod
    def assign(self, levels: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """The number of the level that each target is compared with.

        Args:
            levels: `[B, n]`.
            targets: `[B, m]`, any finite number where the weight is 0.
            weights: `[B, m]`, 0 where not observed.

        Returns:
            `[B, m]`, int32; `[1, m]` if it is the same for all rows; -1 for a function of levels.
        """

    @abc.abstractmethod
    def observe(self, levels: tf.Tensor, assignment: tf.Tensor | None = None) -> tf.Tensor:
        """The computed values of the targets.

        Args:
            levels: `[B, n]`.
            assignment: from `assign`; None if the levels are known.

        Returns:
            `[B, m]`.
        """

    @abc.abstractmethod
    def observe_slopes(
        self, levels: tf.Tensor, slopes: tf.Tensor, assignment: tf.Tensor | None = None
    ) -> tf.Tensor:
        """The derivatives of the values, from those of the levels.

        Args:
            levels: `[B, n]`.
            slopes: `[B, n, k]`, the derivatives of the levels in k directions.
            assignment: from `assign`; None if the levels are known.

        Returns:
            `[B, m, k]`.
        """

    @abc.abstractmethod
    def pull_back(
        self, levels: tf.Tensor, force: tf.Tensor, assignment: tf.Tensor | None = None
    ) -> tf.Tensor:
        """The transpose of `observe_slopes`: the force on each level, `[B, n]`.

        Args:
            levels: `[B, n]`.
            force: `[B, m]`, one number for each target.
            assignment: from `assign`; None if the levels are known.
        """

    def bending(self, levels: tf.Tensor, slopes: tf.Tensor, force: tf.Tensor) -> tf.Tensor | None:
        """`sum_k g_k d2 f_k` for second derivatives of the values by the levels.

        Args:
            levels: `[B, n]`.
            slopes: `[B, n, p]`, the derivatives of the levels.
            force: `[B, m]`, the g_k.

        Returns:
            `[B, p, p]`; None where the values are linear in the levels.
        """
        del levels, slopes, force
        return None

    def sensitivity(
        self, levels: tf.Tensor, slopes: tf.Tensor, value_slopes: tf.Tensor, sizes: tf.Tensor
    ) -> tf.Tensor:
        """How much larger the rounding error of each value is than that of the levels.

        Args:
            levels: `[B, n]`.
            slopes: `[B, n, p]`, the derivatives of the levels.
            value_slopes: `[B, m, p]`, from `observe_slopes`.
            sizes: `[B, m]`, the magnitude of value or target.

        Returns:
            `[B, m]`; 1 for levels. In the unit of the target over that of the levels.
        """
        del levels, slopes, value_slopes
        return tf.ones_like(sizes)

    def lacks(self, missing: tf.Tensor) -> tf.Tensor:
        """Which targets need a level that is missing.

        Args:
            missing: `[B, n]` bool, of the levels.

        Returns:
            `[B, m]` bool.
        """
        # After the levels: whether any is missing, for functions of all; and False for no level.
        some = tf.reduce_any(missing, axis=1, keepdims=True)
        every = tf.concat([missing, some, tf.zeros_like(some)], axis=1)
        numbers = tf.constant(self.compared_levels % every.shape[1], tf.int32)
        return tf.reduce_any(tf.gather(every, numbers, axis=1), axis=2)

    def offset_sums(self, values: tf.Tensor) -> tf.Tensor:
        """The sum of the values over all targets that share an unknown offset.

        Args:
            values: `[..., m]`.

        Returns:
            `[..., m]` or `[..., 1]`: for each target the sum of its offset; 0 without one.
        """
        return tf.zeros_like(values)

    def offset_shares(self, weights: tf.Tensor) -> tf.Tensor:
        """The coefficients of the offset of each target, `w^2 / sum w^2`, `[B, m]`.

        Args:
            weights: `[B, m]`, 0 where not observed.
        """
        return tf.zeros_like(weights)

    def count_offsets(self, weights: tf.Tensor) -> tf.Tensor | float:
        """The number of offsets that are fitted: one number, or `[B]`.

        Args:
            weights: `[B, m]`, 0 where not observed, with at least one observed.
        """
        del weights
        return 0.0

    def centre(self, values: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """Subtract the weighted mean from targets that are known up to a common offset.

        The mean `sum w^2 v / sum w^2` is the least-squares estimate of the offset.

        Args:
            values: `[B, m]` or `[B, m, p]`.
            weights: `[B, m]`, 0 where not observed.

        Returns:
            The values minus the mean along axis 1 of those with the same offset.
        """
        if not self.centred:
            return values
        shares = self.offset_shares(weights)
        if values.shape.rank == 2:
            return values - self.offset_sums(shares * values)
        means = self.offset_sums(shares[:, None, :] * tf.linalg.matrix_transpose(values))
        return values - tf.linalg.matrix_transpose(means)
