"""Members of a family that are affine matrices of one size: one batch of matrices for each row."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ..eigen import eigenvalues
from ..held import held
from .affine import finite_parameters
from .affine_stack import AffineStack
from .forms import Form
from .meeting import Meeting
from .ordering import SortedVectors
from .split import Split, blocks_of


@dataclasses.dataclass(frozen=True, eq=False)
class AffineMembers:
    """Affine members of one size, which symmetry splits into blocks of the same sizes.

    From the parameters to the levels, derivatives and second derivatives they are one tensor: the
    graph does not grow with their number.

    Attributes:
        places: `[k]`, their numbers in the family.
        forms: `[k]`, the matrices of each.
        split: their blocks.
    """

    places: tuple[int, ...]
    forms: tuple[Form, ...]
    split: Split

    @classmethod
    def of(cls, members: Sequence[tuple[int, Form]]) -> list[AffineMembers]:
        """The matrices of members, given with their numbers, in groups of what goes together."""
        groups: dict[object, list[tuple[int, Form, Sequence[Form]]]] = {}
        for place, form in members:
            blocks = blocks_of(form)
            key = (form.size, form.is_complex, tuple(block.size for block in blocks))
            groups.setdefault(key, []).append((place, form, blocks))
        return [
            cls(places, forms, Split.of_members(blocks))
            for places, forms, blocks in (zip(*group, strict=True) for group in groups.values())
        ]

    def eigensystem(self, parameters: tf.Tensor) -> tuple[tf.Tensor, SortedVectors, tf.Tensor]:
        """Levels `[B, k n]`, member after member, eigenvectors, and `[B]`, whether all are finite.

        Args:
            parameters: `[B, p]`.
        """
        scales = np.max([form.norms for form in self.forms], axis=0)
        safe, finite = finite_parameters(parameters, scales)
        return *self.split.eigensystem(safe), finite

    def spectrum(self, parameters: tf.Tensor) -> tf.Tensor:
        """The twice differentiable levels, `[B, k n]`; NaN where a matrix is not finite."""
        matrix = self._whole.matrix(parameters)
        size = matrix.shape[-1]
        levels = eigenvalues(tf.reshape(matrix, [-1, size, size]))
        return self._whole.for_each(tf.reshape(levels, [-1, len(self._whole.forms), size]))

    def matrices(self, parameters: tf.Tensor) -> tf.Tensor:
        """`[B, k, n, n]`, of all members."""
        return self._each.matrix(parameters)

    def derivatives(self, parameters: tf.Tensor) -> tf.Tensor:
        """`[1, p, k, n, n]`, the matrices B_j of all members."""
        dtype = parameters.dtype
        if np.iscomplexobj(self.forms[0].constant):
            dtype = tf.complex64 if dtype == tf.float32 else tf.complex128

        def bases() -> np.ndarray:
            return np.stack([form.basis for form in self.forms], axis=1)[None]

        return held(self, "derivatives", dtype, bases)

    def level_jacobian(self, parameters: tf.Tensor, vectors: SortedVectors) -> tf.Tensor:
        """The derivatives of the levels, `[B, k n, p]`."""
        del parameters  # they are the same everywhere
        return self.split.level_jacobian(vectors)

    def level_curvature(
        self,
        parameters: tf.Tensor,
        values: tf.Tensor,
        vectors: SortedVectors,
        weights: tf.Tensor,
        meeting: Meeting | None,
    ) -> tf.Tensor:
        """`sum_k g_k d2 lambda_k` over all of their levels, `[B, p, p]`."""
        del parameters
        return self.split.level_curvature(values, vectors, weights, meeting)

    @functools.cached_property
    def _whole(self) -> AffineStack:
        """The members that have different levels, in one piece."""
        return self.split.stacks[0] if not self.split.is_split else AffineStack.of(self.forms)

    @functools.cached_property
    def _each(self) -> AffineStack:
        """All members."""
        return AffineStack(self.forms, tuple(range(len(self.forms))))
