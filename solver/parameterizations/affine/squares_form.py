"""Basis matrices as combinations of common rank-one matrices: derivatives are sums of squares."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from ...rowwise.products import matmul_rows, matmul_shared
from ..constants import captured
from ..level_curvature import Coupler
from ..memory import Memory
from .entries_form import EntriesForm

# A vector with a projection below this share of its norm counts as orthogonal to a subspace: its
# square is below the rounding of the others.
_NOTHING = 1e-12


@dataclasses.dataclass(frozen=True, eq=False)
class SquaresForm(EntriesForm):
    """`A0 + sum_j x_j B_j` with real `B_j = sum_f c_fj u_f u_f^T`, also stored as `EntriesForm`.

    Then `v^T B_j v = sum_f c_fj (u_f^T v)^2`. With F vectors this takes `F (n + p)` products for a
    level instead of `n^2 p`: for Toeplitz matrices, with sines and cosines as vectors, 4 n^2
    instead of n^3. No dense B_j are formed.

    Attributes:
        vectors: `[n, F]`, the u_f in columns.
        coefficients: `[F, p]`, the c_fj.
    """

    vectors: np.ndarray
    coefficients: np.ndarray

    @property
    def cost_of_expectations(self) -> float:
        """See `Form.cost_of_expectations`."""
        return 0.2 * self.size * (self.vectors.size + self.coefficients.size)

    @property
    def memory(self) -> Memory:
        """See `Form.memory`."""
        stored = self.vectors.size + self.coefficients.size
        width = 2 * self.vectors.shape[1] + self.coefficients.shape[1]
        constants = 8 * len(self.entries.values) + 2 * stored
        return Memory(constants=constants, slopes=self.size * width)

    def expectations(self, vectors: np.ndarray) -> np.ndarray:
        """See `Form.expectations`."""
        overlaps = self.vectors.T @ vectors
        return self.coefficients.T @ (overlaps * overlaps)

    def mapped(self, map_: np.ndarray, offset: np.ndarray) -> SquaresForm:
        """See `Form.mapped`."""
        constant = self.constant + self.member(offset)
        coefficients = self.coefficients @ map_
        return SquaresForm(constant, self.entries.mapped(map_), self.vectors, coefficients)

    def restricted(self, columns: np.ndarray) -> SquaresForm:
        """See `Form.restricted`."""
        units = columns / np.linalg.norm(columns, axis=0)
        vectors = units.T @ self.vectors
        kept = np.linalg.norm(vectors, axis=0) > _NOTHING * np.linalg.norm(self.vectors, axis=0)
        return SquaresForm(
            units.T @ self.constant @ units,
            self.entries.restricted(columns),
            vectors[:, kept],
            self.coefficients[kept],
        )

    def slopes(self, by_level: tf.Tensor) -> tf.Tensor:
        """See `Form.slopes`."""
        overlaps = matmul_shared(by_level, self._captured("vectors", by_level.dtype))
        squares = tf.math.real(overlaps * tf.math.conj(overlaps))  # complex in a complex sum
        return matmul_shared(squares, self._captured("coefficients", squares.dtype))

    def coupler(self, vectors: tf.Tensor) -> Coupler:
        """See `Form.coupler`."""
        waves = self._captured("vectors", vectors.dtype)
        coefficients = tf.transpose(self._captured("coefficients", vectors.dtype))  # [p, F]
        overlaps = tf.linalg.matrix_transpose(
            matmul_shared(tf.linalg.matrix_transpose(vectors), waves)
        )  # [B, F, n]
        count, width = coefficients.shape

        def couplings(by_level: tf.Tensor) -> tf.Tensor:
            some = matmul_shared(by_level, waves)
            left = coefficients[None, :, None, :] * some[:, None, :, :]
            left = tf.reshape(left, [-1, count * some.shape[1], width])
            return tf.reshape(
                matmul_rows(left, overlaps), [-1, count, some.shape[1], vectors.shape[2]]
            )

        return couplings

    def _captured(self, name: str, dtype: tf.DType) -> tf.Tensor:
        return captured(self, name, dtype, getattr(self, name))
