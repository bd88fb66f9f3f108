"""Affine maps whose matrices share a set of vectors: the derivatives are sums of squares."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from ..products import matmul_shared
from .dense_form import DenseForm

# A vector that is left with this part of its norm is orthogonal to a subspace: its square is less
# than the rounding of the others.
_NOTHING = 1e-12


@dataclasses.dataclass(frozen=True, eq=False)
class SquaresForm(DenseForm):
    """`A0 + sum_j x_j B_j` with `B_j = sum_f c_fj u_f u_f^T`, all real.

    Then `v^T B_j v = sum_f c_fj (u_f^T v)^2`. With F vectors this takes `F (n + p)` products for a
    level instead of `n^2 p`: for Toeplitz matrices, where the vectors are sines and cosines,
    4 n^2 instead of n^3.

    Attributes:
        vectors: `[n, F]`, the u_f in columns.
        coefficients: `[F, p]`, the c_fj.
    """

    vectors: np.ndarray
    coefficients: np.ndarray

    @classmethod
    def of(cls, vectors: np.ndarray, coefficients: np.ndarray, basis: np.ndarray) -> SquaresForm:
        """The form without a constant; `basis` `[p, n, n]` is what the others add up to."""
        return cls(np.zeros(basis.shape[1:]), basis, vectors, coefficients)

    @functools.cached_property
    def gram(self) -> np.ndarray:
        """`[p, p]`, the inner products `tr(B_i B_j)`: squares of those of the vectors."""
        inner = self.vectors.T @ self.vectors
        return self.coefficients.T @ (inner * inner) @ self.coefficients

    def expectations(self, vectors: np.ndarray) -> np.ndarray:
        """`v_k^T B_j v_k` in NumPy for real eigenvectors in columns, `[..., p, n]`."""
        overlaps = self.vectors.T @ vectors
        return self.coefficients.T @ (overlaps * overlaps)

    @property
    def cost_of_expectations(self) -> float:
        """Roughly, in operations of a decomposition."""
        return 0.2 * self.size * (self.vectors.size + self.coefficients.size)

    def mapped(self, map_: np.ndarray, offset: np.ndarray) -> SquaresForm:
        """The form in y, where `x = M y + c` for `map_` `[p, q]` and `offset` `[p]`."""
        constant = self.constant + np.tensordot(offset, self.basis, 1)
        basis = np.tensordot(map_.T, self.basis, 1)
        return SquaresForm(constant, basis, self.vectors, self.coefficients @ map_)

    def restricted(self, columns: np.ndarray) -> SquaresForm:
        """The form within a subspace; see `DenseForm.restricted`."""
        inside = super().restricted(columns)
        vectors = (columns / np.linalg.norm(columns, axis=0)).T @ self.vectors
        kept = np.linalg.norm(vectors, axis=0) > _NOTHING * np.linalg.norm(self.vectors, axis=0)
        return SquaresForm(inside.constant, inside.basis, vectors[:, kept], self.coefficients[kept])

    def slopes(self, by_level: tf.Tensor) -> tf.Tensor:
        """`v_k^T B_j v_k` for eigenvectors in rows, `[B, c, n]`, as `[B, c, p]`."""
        overlaps = matmul_shared(by_level, self.vectors)
        squares = tf.math.real(overlaps * tf.math.conj(overlaps))  # of a complex sum with others
        return matmul_shared(squares, self.coefficients)
