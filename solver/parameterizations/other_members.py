"""Members of a family that are not affine: each has operations of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from ..eigen import eigenvalues, guarded_eigh
from .base import Parameterization
from .meeting import Meeting


@dataclasses.dataclass(frozen=True, eq=False)
class OtherMembers:
    """Members with functions of their own; those of one size are decomposed in one batch.

    Attributes:
        places: `[k]`, their numbers in the family.
        members: `[k]`.
    """

    places: tuple[int, ...]
    members: tuple[Parameterization, ...]

    def eigensystem(self, parameters: tf.Tensor) -> tuple[tf.Tensor, Sequence[Any], tf.Tensor]:
        """Levels, member after member, eigenvectors, and `[B]`, whether all matrices are finite.

        Args:
            parameters: `[B, p]`.
        """
        values: list[Any] = [None] * len(self.members)
        vectors: list[Any] = [None] * len(self.members)
        finite = tf.ones_like(parameters[:, 0], tf.bool)
        for place, member in enumerate(self.members):
            if not member.is_one_block:
                values[place], vectors[place], there = member.eigensystem(parameters)
                finite &= there
        for group, stacked in self._stacks(parameters):
            size = stacked.shape[-1]
            found = guarded_eigh(tf.reshape(stacked, [-1, size, size]))
            levels = tf.reshape(found[0], [-1, len(group), size])
            columns = tf.reshape(found[1], [-1, len(group), size, size])
            finite &= tf.reduce_all(tf.reshape(found[2], [-1, len(group)]), axis=1)
            for index, place in enumerate(group):
                values[place] = levels[:, index]
                vectors[place] = columns[:, index]
        return tf.concat(values, axis=1), tuple(vectors), finite

    def spectrum(self, parameters: tf.Tensor) -> tf.Tensor:
        """The twice differentiable levels, member after member; NaN if a matrix is not finite."""
        values: list[Any] = [
            None if member.is_one_block else member.spectrum(parameters) for member in self.members
        ]
        for group, stacked in self._stacks(parameters):
            size = stacked.shape[-1]
            levels = eigenvalues(tf.reshape(stacked, [-1, size, size]))
            levels = tf.reshape(levels, [-1, len(group), size])
            for index, place in enumerate(group):
                values[place] = levels[:, index]
        return tf.concat(values, axis=1)

    def matrices(self, parameters: tf.Tensor) -> list[tf.Tensor]:
        """`[B, 1, n, n]` of each member."""
        return [member.matrix(parameters)[:, None] for member in self.members]

    def derivatives(self, parameters: tf.Tensor) -> list[tf.Tensor]:
        """`[B, p, 1, n, n]`, or `[1, p, 1, n, n]`, of each member."""
        return [member.derivatives(parameters)[:, :, None] for member in self.members]

    def level_jacobian(self, parameters: tf.Tensor, vectors: Sequence[Any]) -> tf.Tensor:
        """The derivatives of the levels, member after member."""
        slopes = [
            member.level_jacobian(parameters, columns)
            for member, columns in zip(self.members, vectors, strict=True)
        ]
        return tf.concat(slopes, axis=1)

    def level_curvature(
        self,
        parameters: tf.Tensor,
        values: tf.Tensor,
        vectors: Sequence[Any],
        weights: tf.Tensor,
        meeting: Meeting | None,
    ) -> tf.Tensor:
        """`sum_k g_k d2 lambda_k` over all of their levels, `[B, p, p]`."""
        parts, first = [], 0
        for member, columns in zip(self.members, vectors, strict=True):
            span = slice(first, first + member.size)
            first = span.stop
            inside = None if meeting is None else meeting.part(span)
            parts.append(
                member.level_curvature(
                    parameters, values[:, span], columns, weights[:, span], inside
                )
            )
        return tf.add_n(parts)

    def _stacks(self, parameters: tf.Tensor) -> list[tuple[list[int], tf.Tensor]]:
        """The matrices of members that are one block, by size and dtype: `[B, k, n, n]` each."""
        matrices = {
            place: member.matrix(parameters)
            for place, member in enumerate(self.members)
            if member.is_one_block
        }
        groups: dict[Any, list[int]] = {}
        for place, matrix in matrices.items():
            groups.setdefault((matrix.shape[-1], matrix.dtype), []).append(place)
        return [
            (group, tf.stack([matrices[place] for place in group], axis=1))
            for group in groups.values()
        ]
