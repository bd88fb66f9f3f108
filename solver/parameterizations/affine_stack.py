"""Several small affine matrices of one size, one batch of matrices for each row."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
import tensorflow as tf

from ..eigen import hermitian_transpose
from ..products import sum_of_rows, sum_over_second
from .dense_form import DenseForm, as_real, combine, real_parts
from .level_curvature import coupled_curvature, curvature_of_couplings
from .meeting import Meeting
from .squares_form import SquaresForm
from .symmetry import first_images

# Larger matrices have one product for all rows, each by itself.
_LARGEST_TOGETHER = 8


@dataclasses.dataclass(frozen=True, eq=False)
class AffineStack:
    """`k` matrices `A0 + sum_j x_j B_j` of the same parameters, all real or all complex.

    Matrices with the same levels (the two of Kramers pairs) are decomposed once.

    Attributes:
        forms: the u different ones, all of one size m.
        copies: `[k]`, for each matrix the number of its form.
    """

    forms: tuple[DenseForm, ...]
    copies: tuple[int, ...]

    @classmethod
    def of(cls, forms: Iterable[DenseForm]) -> AffineStack:
        """The stack of these matrices, all of one size."""
        forms = tuple(forms)
        matrices = [np.concatenate([form.constant[None], form.basis]) for form in forms]
        first = first_images(matrices)
        different = sorted(set(first))
        return cls(
            tuple(forms[place] for place in different),
            tuple(different.index(place) for place in first),
        )

    @property
    def size(self) -> int:
        """The number of levels of all of them, `k m`."""
        return len(self.copies) * len(self.forms[0].constant)

    def eigensystem(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Levels `[B, k m]`, matrix after matrix, and eigenvectors `[B, u, m, m]` in columns.

        Args:
            parameters: `[B, p]`, with which the matrices are finite.
        """
        matrix = self._matrix(parameters)
        if matrix.shape[-1] == 1:
            values, vectors = matrix[..., 0], tf.ones_like(matrix)
        else:
            values, vectors = tf.linalg.eigh(matrix)
        return self._for_each(tf.math.real(values)), vectors

    def levels(self, parameters: tf.Tensor) -> tf.Tensor:
        """The levels of `eigensystem` alone."""
        matrix = self._matrix(parameters)
        values = matrix[..., 0] if matrix.shape[-1] == 1 else tf.linalg.eigvalsh(matrix)
        return self._for_each(tf.math.real(values))

    def level_jacobian(self, vectors: tf.Tensor) -> tf.Tensor:
        """The derivatives of the levels, `[B, k m, p]`, for eigenvectors `[B, u, m, m]`."""
        slopes, count = self._slopes(vectors), len(self.forms[0].basis)
        slopes = tf.reshape(slopes, [-1, len(self.forms), vectors.shape[-1], count])
        return self._for_each(slopes, count)

    def _slopes(self, vectors: tf.Tensor) -> tf.Tensor:
        """Those of the different matrices, one after the other."""
        if not _is_small(self.forms):
            slopes = [
                form.level_jacobian(vectors[:, place]) for place, form in enumerate(self.forms)
            ]
            return tf.concat(slopes, axis=1)
        squares = [form for form in self.forms if isinstance(form, SquaresForm)]
        if len(squares) == len(self.forms):
            waves = _padded([form.vectors for form in squares])
            coefficients = _padded([form.coefficients.T for form in squares]).transpose(0, 2, 1)
            overlaps = tf.matmul(vectors, tf.constant(waves, vectors.dtype), transpose_a=True)
            return tf.matmul(overlaps * overlaps, tf.constant(coefficients, vectors.dtype))
        by_level, bases = tf.linalg.matrix_transpose(real_parts(vectors)), _bases(self.forms)
        if vectors.dtype.is_complex:
            bases = np.stack([as_real(basis) for basis in bases])
        levels, length = len(self.forms) * by_level.shape[-2], by_level.shape[-1]
        side_by_side = bases.transpose(0, 2, 3, 1).reshape(len(bases), length, -1)
        products = tf.matmul(by_level, tf.constant(side_by_side, by_level.dtype))
        products = tf.reshape(products, [-1, levels, length, bases.shape[1]])
        return sum_of_rows(tf.reshape(by_level, [-1, levels, length]), products)

    def level_curvature(
        self, values: tf.Tensor, vectors: tf.Tensor, weights: tf.Tensor, meeting: Meeting | None
    ) -> tf.Tensor:
        """`sum_k g_k d2 lambda_k`, `[B, p, p]`; see `Parameterization.level_curvature`.

        Args:
            values: `[B, k m]`, the levels.
            vectors: `[B, u, m, m]`.
            weights: `[B, k m]`, the numbers g.
            meeting: of all these levels, or None.
        """
        size = vectors.shape[-1]
        forms = [self.forms[number] for number in self.copies]
        vectors = tf.gather(vectors, self.copies, axis=1) if self._has_copies else vectors
        if not _is_small(forms):
            parts = []
            for place, form in enumerate(forms):
                span = slice(place * size, (place + 1) * size)
                parts.append(
                    coupled_curvature(
                        tf.constant(form.basis, vectors.dtype)[None],
                        values[:, span],
                        vectors[:, place],
                        weights[:, span],
                        None if meeting is None else meeting.part(span),
                    )
                )
            return tf.add_n(parts)
        count = len(forms[0].basis)
        side_by_side = tf.constant(_side_by_side(_bases(forms)), vectors.dtype)
        half = tf.matmul(hermitian_transpose(vectors), side_by_side)

        def apart(field: tf.Tensor) -> tf.Tensor:
            """Each matrix as a row of its own."""
            return tf.reshape(field, [-1, size])

        each = curvature_of_couplings(
            tf.reshape(half, [-1, size, count, size]),
            apart(values),
            tf.reshape(vectors, [-1, size, size]),
            apart(weights),
            None if meeting is None else Meeting(*map(apart, meeting)),
        )
        total = sum_over_second(tf.reshape(each, [-1, len(forms), count * count]))
        return tf.reshape(total, [-1, count, count])

    @property
    def _has_copies(self) -> bool:
        return len(self.copies) > len(self.forms)

    def _matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """`[B, u, m, m]`."""
        constants = np.stack([form.constant for form in self.forms])
        return combine(parameters, constants, _bases(self.forms).swapaxes(0, 1))

    def _for_each(self, found: tf.Tensor, *trailing: int) -> tf.Tensor:
        """`[B, k m, ...]` for all matrices from `[B, u, m, ...]` for the different ones."""
        if self._has_copies:
            found = tf.gather(found, self.copies, axis=1)
        return tf.reshape(found, [-1, self.size, *trailing])


def _is_small(forms: Sequence[DenseForm]) -> bool:
    """Whether they are multiplied together.

    One alone is not: in a batch of one row, TensorFlow would round it in another way.
    """
    return len(forms[0].constant) <= _LARGEST_TOGETHER and len(forms) > 1


def _bases(forms: Sequence[DenseForm]) -> np.ndarray:
    """`[k, p, m, m]`."""
    return np.stack([form.basis for form in forms])


def _side_by_side(bases: np.ndarray) -> np.ndarray:
    """Matrices `[k, p, m, m]` side by side, `[k, m, p m]`."""
    blocks, count, size, _ = bases.shape
    return bases.transpose(0, 2, 1, 3).reshape(blocks, size, count * size)


def _padded(matrices: list[np.ndarray]) -> np.ndarray:
    """Matrices `[m, F_k]` with zeros up to the largest F, `[k, m, F]`."""
    width = max(matrix.shape[1] for matrix in matrices)
    return np.stack([np.pad(each, [(0, 0), (0, width - each.shape[1])]) for each in matrices])
