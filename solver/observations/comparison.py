"""The map from the levels of a matrix, or of a family of matrices, to the values of the targets."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from .assignment import assign_in_order
from .target_map import TargetMap


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison(TargetMap):
    """An observation of a spectrum of known size: target k is level `upper` minus level `lower`.

    Attributes:
        num_levels: `n`, the number of levels of all members.
        upper: `[m]`, the number of the level; an initial guess where targets are assigned.
        lower: `[m]`, the number of the level that is subtracted; -1 for none.
        measures: `[m]`, bool; False where upper and lower are the same level: no datum.
        centred: whether targets are known up to a common offset only.
        groups: targets that are assigned to levels at every evaluation, in ascending order: pairs
            of target numbers and candidate level numbers. Empty if the levels are known.
        ordered: for targets that are ascending levels, `[m]` each: the member of each target,
            ascending, and the number of the first target of that member. None for other targets.
        multiplets: `[n]`, the number of the lowest level of the multiplet that each level belongs
            to. A target is then compared with the mean of the multiplet of its level, and so is a
            subtracted level. None if every level stands alone.
    """

    num_levels: int
    upper: np.ndarray
    lower: np.ndarray
    measures: np.ndarray
    centred: bool = False
    groups: tuple[tuple[np.ndarray, np.ndarray], ...] = ()
    ordered: tuple[np.ndarray, np.ndarray] | None = None
    multiplets: np.ndarray | None = None

    @property
    def used(self) -> np.ndarray:  # type: ignore[override]
        """The numbers of the levels that any target may be compared with, ascending."""
        candidates = [candidates for _, candidates in self.groups]
        numbers = np.concatenate([self.upper, self.lower[self.lower >= 0], *candidates])
        if self.multiplets is not None:
            return np.flatnonzero(np.isin(self.multiplets, numbers))
        return np.unique(numbers)

    @property
    def assigned_targets(self) -> np.ndarray:
        """`[m]` bool, all of them or none; see `TargetMap`."""
        return np.full(self.num_targets, bool(self.groups))

    @property
    def has_multiplets(self) -> bool:
        """Whether targets are compared with the mean of a multiplet."""
        return self.multiplets is not None

    @property
    def covers_all_levels(self) -> bool:
        """Whether every level is compared or subtracted, or levels are assigned."""
        grounds = np.unique(self.lower[self.lower >= 0])
        known = np.count_nonzero(self.measures) + len(grounds)
        alone = self.num_levels if self.multiplets is None else len(np.unique(self.multiplets))
        return bool(self.groups) or bool(self.ordered and known >= alone)

    @property
    def ground_of_target(self) -> np.ndarray:
        """`[m]`, the number of the target of the subtracted level; -1 if there is none."""
        grounds = {self.upper[place]: place for place in np.flatnonzero(~self.measures)}
        return np.array([grounds.get(level, -1) for level in self.lower])

    def assign(self, levels: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """The number of the level of each target; see `TargetMap.assign`.

        Targets in `groups` get the order-preserving assignment with the least sum of squared
        weighted residuals.
        """
        if not self.groups:
            return tf.constant(self.upper[None], tf.int32)
        # Candidates are measured from the same level as the targets.
        # Groups of one size are rows of one batch, so that the graph does not grow with them.
        offered = levels
        if (self.lower >= 0).all():
            origins = np.zeros(self.num_levels, int)
            for places, candidates in self.groups:
                origins[candidates] = self.lower[places[0]]
            offered = levels - tf.gather(levels, tf.constant(origins, tf.int32), axis=1)
        alike: dict[tuple[int, int], list[tuple[np.ndarray, np.ndarray]]] = {}
        for group in self.groups:
            alike.setdefault((len(group[0]), len(group[1])), []).append(group)
        assigned, order = [], []
        for (values, choices), groups in alike.items():
            places, candidates = (np.concatenate(part) for part in zip(*groups, strict=True))
            columns = tf.constant(places, tf.int32)
            chosen = assign_in_order(
                _as_rows(tf.gather(offered, tf.constant(candidates, tf.int32), axis=1), choices),
                _as_rows(tf.gather(targets, columns, axis=1), values),
                _as_rows(tf.gather(weights, columns, axis=1), values),
            )
            first = np.repeat(np.arange(len(groups)) * choices, values)
            number = tf.reshape(chosen, [-1, len(places)]) + tf.constant(first, tf.int32)
            assigned.append(tf.gather(tf.constant(candidates, tf.int32), number))
            order.append(places)
        back = np.argsort(np.concatenate(order))
        return tf.gather(tf.concat(assigned, axis=1), tf.constant(back, tf.int32), axis=1)

    def observe(self, levels: tf.Tensor, assignment: tf.Tensor | None = None) -> tf.Tensor:
        """The differences `C lambda`; see `TargetMap.observe`."""
        return self._differences(levels, assignment)

    def observe_slopes(
        self, levels: tf.Tensor, slopes: tf.Tensor, assignment: tf.Tensor | None = None
    ) -> tf.Tensor:
        """The same differences of the derivatives; see `TargetMap.observe_slopes`."""
        del levels
        return self._differences(slopes, assignment)

    def _differences(self, levels: tf.Tensor, assignment: tf.Tensor | None) -> tf.Tensor:
        """`[B, m]` or `[B, m, k]` from `[B, n]` or `[B, n, k]`."""
        levels = self._averaged(levels)
        if assignment is None or not self.groups:
            observed = self._pick(levels, self.upper)
        else:
            observed = tf.gather(levels, assignment, axis=1, batch_dims=1)
        if (self.lower < 0).all():
            return observed
        if (self.lower == self.lower[0]).all():
            return observed - levels[:, self.lower[0] : self.lower[0] + 1]
        if (self.lower >= 0).all():
            return observed - self._pick(levels, self.lower)
        with_zero = tf.pad(levels, [[0, 0], [0, 1], *([[0, 0]] * (levels.shape.rank - 2))])
        origins = np.where(self.lower < 0, self.num_levels, self.lower)
        return observed - tf.gather(with_zero, tf.constant(origins, tf.int32), axis=1)

    def pull_back(
        self, levels: tf.Tensor, force: tf.Tensor, assignment: tf.Tensor | None = None
    ) -> tf.Tensor:
        """The transpose `C^T g`; see `TargetMap.pull_back`."""
        del levels
        return self._averaged(self._pulled_back(force, assignment))

    def _pulled_back(self, force: tf.Tensor, assignment: tf.Tensor | None) -> tf.Tensor:
        """`pull_back` to the lowest level of each multiplet, `[B, n]`."""
        relative = np.flatnonzero(self.lower >= 0)
        if assignment is None or not self.groups:
            if not len(relative) and np.array_equal(self.upper, np.arange(self.num_levels)):
                return force
            taken = -tf.gather(force, tf.constant(relative, tf.int32), axis=1)
            numbers = np.concatenate([self.upper, self.lower[relative]])
            return self._added_up(tf.concat([force, taken], axis=1), numbers)
        chosen = tf.one_hot(assignment, self.num_levels, dtype=force.dtype)
        by_level = tf.linalg.matvec(chosen, force, transpose_a=True)
        if not len(relative):
            return by_level
        taken = tf.gather(force, tf.constant(relative, tf.int32), axis=1)
        return by_level - self._added_up(taken, self.lower[relative])

    def _averaged(self, levels: tf.Tensor) -> tf.Tensor:
        """Replace each level by the mean of its multiplet, a symmetric map; `[B, n, ...]`."""
        if self.multiplets is None:
            return levels
        owners = tf.constant(self.multiplets, tf.int32)
        share = 1.0 / np.bincount(self.multiplets, minlength=self.num_levels)[self.multiplets]
        swapped = [1, 0, *range(2, levels.shape.rank)]
        by_level = tf.transpose(levels, swapped)
        shares = np.reshape(share, [-1, *([1] * (levels.shape.rank - 1))])
        parts = by_level * tf.constant(shares, levels.dtype)
        means = tf.math.unsorted_segment_sum(parts, owners, self.num_levels)
        return tf.transpose(tf.gather(means, owners), swapped)

    def _added_up(self, parts: tf.Tensor, numbers: np.ndarray) -> tf.Tensor:
        """`[B, n]`: sum the parts `[B, k]` by their level numbers `[k]`."""
        by_part = tf.transpose(parts)
        numbers_of = tf.constant(numbers, tf.int32)
        return tf.transpose(tf.math.unsorted_segment_sum(by_part, numbers_of, self.num_levels))

    def offset_sums(self, values: tf.Tensor) -> tf.Tensor:
        """The sum over all targets, `[..., 1]`; see `TargetMap.offset_sums`."""
        return tf.reduce_sum(values, axis=-1, keepdims=True)

    def offset_shares(self, weights: tf.Tensor) -> tf.Tensor:
        """The coefficients of the common offset; see `TargetMap.offset_shares`."""
        # Relative to the largest weight, so that squares of small weights do not underflow.
        largest = tf.reduce_max(weights, axis=-1, keepdims=True)
        relative = weights / tf.where(largest > 0, largest, tf.ones_like(largest))
        squares = relative * relative
        total = tf.reduce_sum(squares, axis=-1, keepdims=True)
        return squares / tf.where(total > 0, total, tf.ones_like(total))

    def count_offsets(self, weights: tf.Tensor) -> tf.Tensor | float:
        """One, if there is an offset; see `TargetMap.count_offsets`."""
        del weights
        return 1.0 if self.centred else 0.0

    def _pick(self, levels: tf.Tensor, numbers: np.ndarray) -> tf.Tensor:
        if np.array_equal(numbers, np.arange(self.num_levels)):
            return levels
        return tf.gather(levels, tf.constant(numbers, tf.int32), axis=1)


def _as_rows(parts: tf.Tensor, width: int) -> tf.Tensor:
    """`[B g, width]` from `[B, g width]`."""
    return tf.reshape(parts, [-1, width])
