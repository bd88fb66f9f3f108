"""Several small affine matrices of one size, one batch of matrices for each row."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from ..eigen import hermitian_transpose
from ..products import sum_over_second
from .dense_form import DenseForm, as_real, combine
from .level_curvature import coupled_curvature, curvature_of_couplings
from .meeting import Meeting
from .squares_form import SquaresForm

# Larger matrices have one product for all rows, each by itself.
_LARGEST_TOGETHER = 8


@dataclasses.dataclass(frozen=True, eq=False)
class AffineStack:
    """`k` matrices `A0 + sum_j x_j B_j` of the same parameters, all real or all complex.

    Attributes:
        forms: of the matrices, all of one size m.
    """

    forms: tuple[DenseForm, ...]

    @property
    def size(self) -> int:
        """The number of levels of all of them, `k m`."""
        return len(self.forms) * len(self.forms[0].constant)

    def eigensystem(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Levels `[B, k m]`, matrix after matrix, and eigenvectors `[B, k, m, m]` in columns.

        Args:
            parameters: `[B, p]`, with which the matrices are finite.
        """
        matrix = self._matrix(parameters)
        if matrix.shape[-1] == 1:
            values, vectors = matrix[..., 0], tf.ones_like(matrix)
        else:
            values, vectors = tf.linalg.eigh(matrix)
        return tf.reshape(tf.math.real(values), [-1, self.size]), vectors

    def levels(self, parameters: tf.Tensor) -> tf.Tensor:
        """The levels of `eigensystem` alone."""
        matrix = self._matrix(parameters)
        values = matrix[..., 0] if matrix.shape[-1] == 1 else tf.linalg.eigvalsh(matrix)
        return tf.reshape(tf.math.real(values), [-1, self.size])

    def level_jacobian(self, vectors: tf.Tensor) -> tf.Tensor:
        """The derivatives of the levels, `[B, k m, p]`, for eigenvectors `[B, k, m, m]`."""
        if not self._is_small:
            slopes = [
                form.level_jacobian(vectors[:, place]) for place, form in enumerate(self.forms)
            ]
            return tf.concat(slopes, axis=1)
        squares = [form for form in self.forms if isinstance(form, SquaresForm)]
        if len(squares) == len(self.forms):
            waves = _padded([form.vectors for form in squares])
            coefficients = _padded([form.coefficients.T for form in squares]).transpose(0, 2, 1)
            overlaps = tf.matmul(vectors, tf.constant(waves, vectors.dtype), transpose_a=True)
            slopes = tf.matmul(overlaps * overlaps, tf.constant(coefficients, vectors.dtype))
            return tf.reshape(slopes, [-1, self.size, slopes.shape[-1]])
        by_level, bases = tf.linalg.matrix_transpose(vectors), self._bases()
        if by_level.dtype.is_complex:
            by_level = tf.concat([tf.math.real(by_level), tf.math.imag(by_level)], axis=-1)
            bases = np.stack([as_real(basis) for basis in bases])
        length, count = by_level.shape[-1], bases.shape[1]
        products = tf.matmul(by_level, tf.constant(side_by_side(bases), by_level.dtype))
        products = tf.reshape(products, [-1, self.size, count, length])
        return tf.linalg.matvec(products, tf.reshape(by_level, [-1, self.size, length]))

    def level_curvature(
        self, values: tf.Tensor, vectors: tf.Tensor, weights: tf.Tensor, meeting: Meeting | None
    ) -> tf.Tensor:
        """`sum_k g_k d2 lambda_k`, `[B, p, p]`; see `Parameterization.level_curvature`.

        Args:
            values: `[B, k m]`, the levels.
            vectors: `[B, k, m, m]`.
            weights: `[B, k m]`, the numbers g.
            meeting: of all these levels, or None.
        """
        size = vectors.shape[-1]
        spans = [slice(first, first + size) for first in range(0, self.size, size)]
        if not self._is_small:
            parts = [
                coupled_curvature(
                    tf.constant(form.basis, vectors.dtype)[None],
                    values[:, span],
                    vectors[:, place],
                    weights[:, span],
                    None if meeting is None else meeting.part(span),
                )
                for place, (form, span) in enumerate(zip(self.forms, spans, strict=True))
            ]
            return tf.add_n(parts)
        count = len(self.forms[0].basis)
        half = tf.matmul(
            hermitian_transpose(vectors), tf.constant(side_by_side(self._bases()), vectors.dtype)
        )
        each = curvature_of_couplings(
            tf.reshape(half, [-1, size, count, size]),
            tf.reshape(values, [-1, size]),
            tf.reshape(vectors, [-1, size, size]),
            tf.reshape(weights, [-1, size]),
            None
            if meeting is None
            else Meeting(*(tf.reshape(field, [-1, size]) for field in meeting)),
        )
        total = sum_over_second(tf.reshape(each, [-1, len(self.forms), count * count]))
        return tf.reshape(total, [-1, count, count])

    @property
    def _is_small(self) -> bool:
        """Whether they are multiplied together.

        One alone is not: in a batch of one row, TensorFlow would round it in another way.
        """
        return len(self.forms[0].constant) <= _LARGEST_TOGETHER and len(self.forms) > 1

    def _matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        constants = np.stack([form.constant for form in self.forms])
        return combine(parameters, constants, np.stack([form.basis for form in self.forms], axis=1))

    def _bases(self) -> np.ndarray:
        """`[k, p, m, m]`."""
        return np.stack([form.basis for form in self.forms])


def side_by_side(bases: np.ndarray) -> np.ndarray:
    """Matrices `[k, p, m, m]` side by side, `[k, m, p m]`."""
    blocks, count, size, _ = bases.shape
    return bases.transpose(0, 2, 1, 3).reshape(blocks, size, count * size)


def _padded(matrices: list[np.ndarray]) -> np.ndarray:
    """Matrices `[m, F_k]` with zeros up to the largest F, `[k, m, F]`."""
    width = max(matrix.shape[1] for matrix in matrices)
    return np.stack([np.pad(each, [(0, 0), (0, width - each.shape[1])]) for each in matrices])
