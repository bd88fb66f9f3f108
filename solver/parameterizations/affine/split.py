"""Affine matrices split into symmetry blocks, which are decomposed separately."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ...checks import largest_number
from ...linalg.eigh import eigenvalues
from ...rowwise.axes import new_axis
from ..constants import captured, matching
from ..ordering import SortedVectors, ascending, back_in_blocks, in_order
from ..weighted_levels import WeightedLevels
from .forms import Form
from .stack import AffineStack

# Splitting smaller matrices saves no time.
_SMALLEST = 8
# Split if the sum of the squared block sizes is below this share of n^2. The time of a
# decomposition grows between n^2 and n^3, and the saving must exceed the cost of sorting.
_LARGEST_SHARE = 0.7


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Affine matrices of the same parameters with symmetry blocks of the same sizes.

    Usually there is one matrix. Several members of a family are batched, so that the graph does not
    grow with their number; the levels of each are sorted separately.

    Attributes:
        places: `[k]`, the members' numbers in the family.
        forms: `[k]`, the forms of the members.
        stacks: the blocks grouped by size, the smallest first; within each, member after member.
    """

    places: tuple[int, ...]
    forms: tuple[Form, ...]
    stacks: tuple[AffineStack, ...]

    @classmethod
    def of(cls, members: Sequence[tuple[int, Form]]) -> list[Split]:
        """Group members, given with their numbers, by size, dtype and block sizes."""
        groups: dict[object, list[tuple[int, Form, Sequence[Form]]]] = {}
        for place, form in members:
            blocks = _blocks_of(form)
            key = (form.size, form.is_complex, tuple(block.size for block in blocks))
            groups.setdefault(key, []).append((place, form, blocks))
        made = []
        for group in groups.values():
            places, forms, blocks = zip(*group, strict=True)
            every = [block for some in blocks for block in some]
            sizes = sorted({block.size for block in every})
            alike = ([block for block in every if block.size == size] for size in sizes)
            made.append(cls(places, forms, tuple(AffineStack.of(some) for some in alike)))
        return made

    @property
    def is_split(self) -> bool:
        """Whether each matrix has more than one block."""
        return sum(len(stack.copies) for stack in self.stacks) > len(self.forms)

    @property
    def work(self) -> int:
        """The cost of the decompositions: the sum of the cubes of the block sizes."""
        return sum(stack.size * len(stack.forms[0].constant) ** 2 for stack in self.stacks)

    def eigensystem(self, parameters: tf.Tensor) -> tuple[tf.Tensor, SortedVectors, tf.Tensor]:
        """The eigensystem of all members.

        Args:
            parameters: `[B, p]`.

        Returns:
            Levels `[B, k n]`, member after member, each ascending; the eigenvectors of each stack;
            and `[B]` bool, whether all matrices were finite.
        """
        safe, finite = self._finite_parameters(parameters)
        values, vectors = zip(*(stack.eigensystem(safe) for stack in self.stacks), strict=True)
        levels, order = self._ascending(values)
        return levels, SortedVectors(vectors, order), finite

    def levels(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The levels of `eigensystem` alone, and `[B]` bool, whether all matrices were finite."""
        safe, finite = self._finite_parameters(parameters)
        return self._ascending([stack.levels(safe) for stack in self.stacks])[0], finite

    def spectrum(self, parameters: tf.Tensor) -> tf.Tensor:
        """The eigenvalues `[B, k n]`, twice differentiable; NaN where a matrix is not finite.

        Of the blocks, sorted in each matrix. States of different blocks do not couple, so neither
        the first nor the second derivatives need the whole matrix.
        """
        every = [self._by_matrix(_stack_spectrum(stack, parameters)) for stack in self.stacks]
        levels = tf.concat(every, axis=1)
        if not self.is_split:
            return self._by_row(levels)
        bad = tf.reduce_any(tf.math.is_nan(levels), axis=1, keepdims=True)
        _, order = ascending(tf.stop_gradient(levels))
        nan = tf.constant(np.nan, levels.dtype)
        return self._by_row(tf.where(bad, nan, in_order(levels, order)))

    def matrices(self, parameters: tf.Tensor) -> tf.Tensor:
        """The matrices of all members, `[B, k, n, n]`."""
        return self._each.matrix(parameters)

    def derivatives(self, parameters: tf.Tensor) -> tf.Tensor:
        """The B_j of all members, `[1, p, k, n, n]`."""
        dtype = matching(parameters.dtype, self.forms[0].is_complex)

        def bases() -> np.ndarray:
            return np.stack([form.basis for form in self.forms], axis=1)[None]

        return captured(self, "derivatives", dtype, bases)

    @functools.cached_property
    def _each(self) -> AffineStack:
        return AffineStack(self.forms, tuple(range(len(self.forms))))

    def curvature(self, parameters: tf.Tensor, density: tf.Tensor) -> None:
        """None: A(x) is affine."""
        del parameters, density

    def _finite_parameters(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        scales = np.max([form.norms for form in self.forms], axis=0)
        return finite_parameters(parameters, scales)

    def level_jacobian(self, parameters: tf.Tensor, vectors: SortedVectors) -> tf.Tensor:
        """The derivatives of the levels, `[B, k n, p]`."""
        del parameters  # the B_j are constant
        slopes = [
            stack.level_jacobian(columns)
            for stack, columns in zip(self.stacks, vectors.blocks, strict=True)
        ]
        if not self.is_split:
            return slopes[0]
        each = tf.concat([self._by_matrix(part) for part in slopes], axis=1)
        return self._by_row(in_order(each, self._by_matrix(vectors.order)))

    def level_curvature(
        self, parameters: tf.Tensor, vectors: SortedVectors, levels: WeightedLevels
    ) -> tf.Tensor:
        """`sum_k g_k d2 lambda_k / dx2` over the levels of all members, `[B, p, p]`."""
        del parameters
        if not self.is_split:
            return self.stacks[0].level_curvature(vectors.blocks[0], levels)
        order = self._by_matrix(vectors.order)
        levels = back_in_blocks(order, levels.each(self._by_matrix))
        parts, first = [], 0
        for stack, columns in zip(self.stacks, vectors.blocks, strict=True):
            span = slice(first, first + stack.size // len(self.forms))
            first = span.stop
            parts.append(stack.level_curvature(columns, levels.part(span).each(self._by_row)))
        return tf.add_n(parts)

    def _ascending(self, values: Sequence[tf.Tensor]) -> tuple[tf.Tensor, Any]:
        """Levels `[B, k n]`, sorted in each matrix, and the permutation `[B, k n]`; () for none."""
        if not self.is_split:
            return values[0], ()
        levels, order = ascending(tf.concat([self._by_matrix(part) for part in values], axis=1))
        return self._by_row(levels), self._by_row(order)

    def _by_matrix(self, field: tf.Tensor) -> tf.Tensor:
        """Reshape a field of levels, `[B, members k, ...]`, to `[B members, k, ...]`."""
        if len(self.forms) == 1:
            return field
        return tf.reshape(field, [-1, field.shape[1] // len(self.forms), *field.shape[2:]])

    def _by_row(self, field: tf.Tensor) -> tf.Tensor:
        """The inverse of `_by_matrix`."""
        if len(self.forms) == 1:
            return field
        return tf.reshape(field, [-1, field.shape[1] * len(self.forms), *field.shape[2:]])


def _stack_spectrum(stack: AffineStack, parameters: tf.Tensor) -> tf.Tensor:
    """The eigenvalues `[B, k m]` of a stack, twice differentiable."""
    matrix = stack.matrix(parameters)
    size = matrix.shape[-1]
    levels = eigenvalues(tf.reshape(matrix, [-1, size, size]))
    return stack.for_each(tf.reshape(levels, [-1, len(stack.forms), size]))


def _blocks_of(form: Form) -> Sequence[Form]:
    """The symmetry blocks of a form, the smallest first; the form itself if that saves little."""
    squares = sum(columns.shape[1] ** 2 for columns in form.subspaces)
    if form.size < _SMALLEST or squares > _LARGEST_SHARE * form.size**2:
        return [form]
    return [form.restricted(columns) for columns in form.subspaces]


def finite_parameters(parameters: tf.Tensor, scales: np.ndarray) -> tuple[tf.Tensor, tf.Tensor]:
    """Replace the parameters of rows whose matrix may not be finite by 0.

    Tests `|x_j| ||B_j|| < largest / p` with the largest entry allowed: cheaper than a test of the
    entries of the matrix.

    Args:
        parameters: `[B, p]`.
        scales: `[p]`, the norms of the B_j; 0 for a parameter without effect.

    Returns:
        The parameters `[B, p]`, and `[B]` bool, whether they are unchanged.
    """
    dtype = parameters.dtype
    most = largest_number(dtype) / len(scales)
    limits = np.divide(most, scales, out=np.full_like(scales, np.inf), where=scales > 0)
    finite = tf.reduce_all(tf.abs(parameters) < tf.constant(limits, dtype), axis=-1)
    return tf.where(new_axis(finite, 1), parameters, 0.0), finite
