"""An affine structure in its blocks: each decomposed by itself, their levels in one order."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import tensorflow as tf

from .affine_stack import AffineStack
from .dense_form import DenseForm
from .entry_form import EntryForm
from .meeting import Meeting
from .ordering import SortedVectors, ascending, back_in_blocks, in_order
from .symmetry import uncoupled_subspaces

# Smaller matrices are decomposed as fast as a whole.
_SMALLEST = 8
# A decomposition takes a time between the second and the third power of the size. What is saved has
# to pay for the sorting.
_LARGEST_SHARE = 0.7
# Few levels of larger blocks are found without the others, if the matrix is not split.
_LARGEST_BLOCK = 191
# Splitting writes all basis matrices out.
_MOST_NUMBERS = 2_000_000


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """The blocks, those of one size together.

    Attributes:
        stacks: of the blocks, the smallest first.
    """

    stacks: tuple[AffineStack, ...]

    @classmethod
    def of(cls, form: DenseForm | EntryForm) -> Split | None:
        """The blocks of an affine structure; None where splitting it would gain little."""
        size = len(form.constant)
        if size < _SMALLEST:
            return None
        if isinstance(form, EntryForm):
            if len(form.norms) * size**2 > _MOST_NUMBERS:
                return None
            form = DenseForm(form.constant, form.basis)
        subspaces = uncoupled_subspaces(form.constant, form.basis)
        sizes = [columns.shape[1] for columns in subspaces]
        if sum(part**2 for part in sizes) > _LARGEST_SHARE * size**2 or sizes[-1] > _LARGEST_BLOCK:
            return None
        blocks = [form.restricted(columns) for columns in subspaces]
        grouped = itertools.groupby(blocks, key=lambda block: len(block.constant))
        return cls(tuple(AffineStack.of(group) for _, group in grouped))

    def eigensystem(self, parameters: tf.Tensor) -> tuple[tf.Tensor, SortedVectors]:
        """Ascending levels `[B, n]` and the eigenvectors, for `[B, p]` with finite matrices."""
        values, vectors = zip(
            *(stack.eigensystem(parameters) for stack in self.stacks), strict=True
        )
        levels, order = ascending(tf.concat(values, axis=1))
        return levels, SortedVectors(vectors, order)

    def levels(self, parameters: tf.Tensor) -> tf.Tensor:
        """The levels of `eigensystem` alone."""
        values = [stack.levels(parameters) for stack in self.stacks]
        return ascending(tf.concat(values, axis=1))[0]

    def level_jacobian(self, vectors: SortedVectors) -> tf.Tensor:
        """The derivatives of the levels, `[B, n, p]`."""
        slopes = [
            stack.level_jacobian(columns)
            for stack, columns in zip(self.stacks, vectors.blocks, strict=True)
        ]
        return in_order(tf.concat(slopes, axis=1), vectors.order)

    def level_curvature(
        self,
        values: tf.Tensor,
        vectors: SortedVectors,
        weights: tf.Tensor,
        meeting: Meeting | None,
    ) -> tf.Tensor:
        """`sum_k g_k d2 lambda_k`, `[B, p, p]`; see `Parameterization.level_curvature`."""
        values, weights, meeting = back_in_blocks(vectors.order, values, weights, meeting)
        ends = np.cumsum([stack.size for stack in self.stacks])
        parts = []
        for stack, columns, end in zip(self.stacks, vectors.blocks, ends, strict=True):
            span = slice(end - stack.size, end)
            inside = None if meeting is None else meeting.part(span)
            parts.append(stack.level_curvature(values[:, span], columns, weights[:, span], inside))
        return tf.add_n(parts)
