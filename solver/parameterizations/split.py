"""An affine structure in its blocks: each decomposed by itself, their levels in one order."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from .affine_stack import AffineStack
from .forms import Form
from .meeting import Meeting
from .ordering import SortedVectors, ascending, back_in_blocks, in_order

# Smaller matrices are decomposed as fast as a whole.
_SMALLEST = 8
# A decomposition takes a time between the second and the third power of the size. What is saved has
# to pay for the sorting.
_LARGEST_SHARE = 0.7


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """The blocks of affine matrices of one size, those of one size together.

    Most often there is one matrix. Several members of a family are split into blocks of the same
    sizes, and each has its levels in an order of its own.

    Attributes:
        stacks: of the blocks, the smallest first; those of the first member come first.
        members: how many matrices there are.
    """

    stacks: tuple[AffineStack, ...]
    members: int = 1

    @classmethod
    def of(cls, form: Form) -> Split | None:
        """The blocks of an affine structure; None where splitting it would gain little."""
        blocks = blocks_of(form)
        return cls.of_members([blocks]) if len(blocks) > 1 else None

    @classmethod
    def of_members(cls, members: Sequence[Sequence[Form]]) -> Split:
        """Of the blocks of each member, the smallest first."""
        stacks = []
        for size in sorted({len(block.constant) for block in members[0]}):
            alike = [block for blocks in members for block in blocks if len(block.constant) == size]
            stacks.append(AffineStack.of(alike))
        return cls(tuple(stacks), len(members))

    @property
    def is_split(self) -> bool:
        """Whether there is more than one block in each matrix."""
        return sum(len(stack.copies) for stack in self.stacks) > self.members

    @property
    def work(self) -> int:
        """What decomposing all of them takes: the sum of the cubes of the sizes."""
        return sum(stack.size * len(stack.forms[0].constant) ** 2 for stack in self.stacks)

    def eigensystem(self, parameters: tf.Tensor) -> tuple[tf.Tensor, SortedVectors]:
        """Levels `[B, n]`, in each matrix ascending, and the eigenvectors.

        Args:
            parameters: `[B, p]`, with which the matrices are finite.
        """
        values, vectors = zip(
            *(stack.eigensystem(parameters) for stack in self.stacks), strict=True
        )
        levels, order = self._ascending(values)
        return levels, SortedVectors(vectors, order)

    def levels(self, parameters: tf.Tensor) -> tf.Tensor:
        """The levels of `eigensystem` alone."""
        return self._ascending([stack.levels(parameters) for stack in self.stacks])[0]

    def level_jacobian(self, vectors: SortedVectors) -> tf.Tensor:
        """The derivatives of the levels, `[B, n, p]`."""
        slopes = [
            stack.level_jacobian(columns)
            for stack, columns in zip(self.stacks, vectors.blocks, strict=True)
        ]
        if not self.is_split:
            return slopes[0]
        each = tf.concat([self._apart(part) for part in slopes], axis=1)
        return self._together(in_order(each, self._apart(vectors.order)))

    def level_curvature(
        self,
        values: tf.Tensor,
        vectors: SortedVectors,
        weights: tf.Tensor,
        meeting: Meeting | None,
    ) -> tf.Tensor:
        """`sum_k g_k d2 lambda_k`, `[B, p, p]`; see `Parameterization.level_curvature`."""
        if not self.is_split:
            return self.stacks[0].level_curvature(values, vectors.blocks[0], weights, meeting)
        meeting = None if meeting is None else Meeting(*map(self._apart, meeting))
        order, values, weights = map(self._apart, (vectors.order, values, weights))
        values, weights, meeting = back_in_blocks(order, values, weights, meeting)
        parts, first = [], 0
        for stack, columns in zip(self.stacks, vectors.blocks, strict=True):
            span = slice(first, first + stack.size // self.members)
            first = span.stop
            inside = None if meeting is None else meeting.part(span)
            if inside is not None:
                inside = Meeting(*map(self._together, inside))
            mine, counting = self._together(values[:, span]), self._together(weights[:, span])
            parts.append(stack.level_curvature(mine, columns, counting, inside))
        return tf.add_n(parts)

    def _ascending(self, values: Sequence[tf.Tensor]) -> tuple[tf.Tensor, Any]:
        """Levels `[B, n]` and their order in each matrix, `[B, n]` too; () for their own."""
        if not self.is_split:
            return values[0], ()
        levels, order = ascending(tf.concat([self._apart(part) for part in values], axis=1))
        return self._together(levels), self._together(order)

    def _apart(self, field: tf.Tensor) -> tf.Tensor:
        """What belongs to levels, `[B, members k, ...]`, with each matrix as a row of its own."""
        if self.members == 1:
            return field
        return tf.reshape(field, [-1, field.shape[1] // self.members, *field.shape[2:]])

    def _together(self, field: tf.Tensor) -> tf.Tensor:
        """`_apart`, back."""
        if self.members == 1:
            return field
        return tf.reshape(field, [-1, field.shape[1] * self.members, *field.shape[2:]])


def blocks_of(form: Form) -> Sequence[Form]:
    """The blocks of an affine structure, the smallest first; itself if that would gain little."""
    squares = sum(columns.shape[1] ** 2 for columns in form.subspaces)
    if form.size < _SMALLEST or squares > _LARGEST_SHARE * form.size**2:
        return [form]
    return [form.restricted(columns) for columns in form.subspaces]
