"""How the levels of one matrix, or of a family of matrices, become what is compared with data."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from .assignment import assign_in_order


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """An observation of a spectrum of known size: target k is level `upper` minus level `lower`.

    Attributes:
        num_levels: `n`, of all members together.
        upper: `[m]`, the number of the level; where levels are assigned, only as a start.
        lower: `[m]`, the number of the level that it is measured from; -1 for none.
        measures: `[m]`, bool; False where upper and lower are the same level and there is no datum.
        centred: whether targets are known up to a common offset only.
        groups: targets that are assigned to levels at each point, in order: pairs of target
            numbers and candidate level numbers. Empty where every target has its level.
        ordered: where the targets of a member are levels that ascend, `[m]` each: the number of the
            member of each target, ascending, and the number of the first target of that member.
            None where targets are not levels of their own.
    """

    num_levels: int
    upper: np.ndarray
    lower: np.ndarray
    measures: np.ndarray
    centred: bool = False
    groups: tuple[tuple[np.ndarray, np.ndarray], ...] = ()
    ordered: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def num_targets(self) -> int:
        """`m`."""
        return len(self.upper)

    @property
    def used(self) -> np.ndarray:
        """The numbers of the levels that any target may be compared with, ascending."""
        candidates = [candidates for _, candidates in self.groups]
        return np.unique(np.concatenate([self.upper, self.lower[self.lower >= 0], *candidates]))

    @property
    def tells_all_levels(self) -> bool:
        """Whether every level is a target, or the zero of one, or assigned to one on the way."""
        grounds = np.unique(self.lower[self.lower >= 0])
        known = np.count_nonzero(self.measures) + len(grounds)
        return bool(self.groups) or bool(self.ordered and known >= self.num_levels)

    @property
    def ground_of_target(self) -> np.ndarray:
        """`[m]`, the number of the target that is the zero of its scale; -1 where there is none."""
        grounds = {self.upper[place]: place for place in np.flatnonzero(~self.measures)}
        return np.array([grounds.get(level, -1) for level in self.lower])

    def assign(self, levels: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """The number of the level that each target is compared with.

        Args:
            levels: `[B, n]`.
            targets: `[B, m]`, any finite number where the weight is 0.
            weights: `[B, m]`, 0 where not observed.

        Returns:
            `[B, m]`, int32; `[1, m]` where it is the same for all rows. Where several targets may
            belong to several levels, the assignment of the least squared weighted residual.
        """
        if not self.groups:
            return tf.constant(self.upper[None], tf.int32)
        # Candidates are measured as targets are: from the lowest level, if there is a lowest one.
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
        """What is compared with the targets; also maps derivatives of levels, for it is linear.

        Args:
            levels: `[B, n]` or `[B, n, p]`, one entry for each level along axis 1.
            assignment: `[B, m]`, from `assign`; None where every target has its level.

        Returns:
            `[B, m]` or `[B, m, p]`.
        """
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

    def pull_back(self, weights: tf.Tensor, assignment: tf.Tensor | None = None) -> tf.Tensor:
        """The transpose of `observe`.

        Args:
            weights: `[B, m]`, one number for each target.
            assignment: `[B, m]`, from `assign`; None where every target has its level.

        Returns:
            `[B, n]`.
        """
        relative = np.flatnonzero(self.lower >= 0)
        if assignment is None or not self.groups:
            if not len(relative) and np.array_equal(self.upper, np.arange(self.num_levels)):
                return weights
            taken = -tf.gather(weights, tf.constant(relative, tf.int32), axis=1)
            numbers = np.concatenate([self.upper, self.lower[relative]])
            return self._added_up(tf.concat([weights, taken], axis=1), numbers)
        chosen = tf.one_hot(assignment, self.num_levels, dtype=weights.dtype)
        by_level = tf.linalg.matvec(chosen, weights, transpose_a=True)
        if not len(relative):
            return by_level
        taken = tf.gather(weights, tf.constant(relative, tf.int32), axis=1)
        return by_level - self._added_up(taken, self.lower[relative])

    def _added_up(self, parts: tf.Tensor, numbers: np.ndarray) -> tf.Tensor:
        """`[B, n]`, for each level the sum of those parts `[B, k]` that have its number."""
        by_part = tf.transpose(parts)
        numbers_of = tf.constant(numbers, tf.int32)
        return tf.transpose(tf.math.unsorted_segment_sum(by_part, numbers_of, self.num_levels))

    def centre(self, values: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """Take the common offset out, where targets are known up to one only.

        The offset is that of least squares, the mean `sum w^2 v / sum w^2` of the observed ones.

        Args:
            values: `[B, m]` or `[B, m, p]`.
            weights: `[B, m]`, 0 where not observed.

        Returns:
            The values less their mean along axis 1; as they are where there is no unknown offset.
        """
        if not self.centred:
            return values
        shares = offset_shares(weights)
        if values.shape.rank == 2:
            return values - tf.reduce_sum(shares * values, axis=-1, keepdims=True)
        by_parameter = tf.linalg.matrix_transpose(values)
        means = tf.reduce_sum(shares[:, None, :] * by_parameter, axis=-1)
        return values - means[:, None, :]

    def _pick(self, levels: tf.Tensor, numbers: np.ndarray) -> tf.Tensor:
        if np.array_equal(numbers, np.arange(self.num_levels)):
            return levels
        return tf.gather(levels, tf.constant(numbers, tf.int32), axis=1)


def _as_rows(parts: tf.Tensor, width: int) -> tf.Tensor:
    """`[B g, width]` from `[B, g width]`."""
    return tf.reshape(parts, [-1, width])


def offset_shares(weights: tf.Tensor) -> tf.Tensor:
    """How much each residual `[B, m]` counts in the common offset: `w^2 / sum w^2`."""
    # Relative to the largest, so that the squares of small weights do not vanish.
    largest = tf.reduce_max(weights, axis=-1, keepdims=True)
    relative = weights / tf.where(largest > 0, largest, tf.ones_like(largest))
    squares = relative * relative
    total = tf.reduce_sum(squares, axis=-1, keepdims=True)
    return squares / tf.where(total > 0, total, tf.ones_like(total))
