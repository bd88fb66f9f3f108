"""Affine maps with arbitrary basis matrices: one matrix product for all derivatives."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from ..eigen import hermitian_transpose, matmul_rows


@dataclasses.dataclass(frozen=True, eq=False)
class DenseForm:
    """`A0 + sum x_j B_j` with matrices that may be full.

    Attributes:
        constant: `[n, n]`, A0; complex for a complex form.
        basis: `[p, n, n]`, the B_j, of the same dtype.
    """

    constant: np.ndarray
    basis: np.ndarray

    @property
    def norms(self) -> np.ndarray:
        """`[p]`, the Frobenius norms of the B_j."""
        return np.linalg.norm(self.basis, axis=(1, 2))

    def member(self, parameters: np.ndarray) -> np.ndarray:
        """`sum x_j B_j` in NumPy, `[n, n]`."""
        return np.tensordot(parameters, self.basis, 1)

    def expectations(self, vectors: np.ndarray) -> np.ndarray:
        """`v_k^H B_j v_k` in NumPy for eigenvectors in columns, `[p, n]`."""
        return np.sum(vectors.conj() * (self.basis @ vectors), axis=1).real

    def project(self, overlaps: np.ndarray) -> np.ndarray:
        """Coordinates of the nearest member for overlaps `Re tr(B_j^H M)` of shape `[p, ...]`."""
        # In units of the norms, so that small basis matrices are not taken for zero.
        norms = self.norms
        flat = (self.basis / norms[:, None, None]).reshape(len(norms), -1)
        inverse = np.linalg.pinv(np.real(flat.conj() @ flat.T), hermitian=True)
        return np.tensordot(inverse / np.outer(norms, norms), overlaps, 1)

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """`A(x)` of parameters `[B, p]`, as `[B, n, n]`."""
        size = len(self.constant)
        flat = self._combine(parameters, np.real(self.basis), np.real(self.constant))
        if np.iscomplexobj(self.basis):
            flat = tf.complex(
                flat, self._combine(parameters, np.imag(self.basis), np.imag(self.constant))
            )
        return tf.reshape(flat, [-1, size, size])

    @staticmethod
    def _combine(parameters: tf.Tensor, basis: np.ndarray, constant: np.ndarray) -> tf.Tensor:
        columns = tf.constant(basis.reshape(len(basis), -1).T, parameters.dtype)
        # Row by row: one product for the whole batch rounds differently at different batch sizes.
        flat = tf.linalg.matvec(columns, parameters)
        if constant.any():
            flat += tf.constant(constant.reshape(-1), parameters.dtype)
        return flat

    def level_jacobian(self, eigenvectors: tf.Tensor) -> tf.Tensor:
        """`v_k^H B_j v_k` for eigenvectors `[B, n, c]`, as `[B, c, p]`.

        One product `V^H [c, n] @ [n, p * n]` in each row gives `v_k^H B_j` for every level and
        parameter; a second one, level by level, contracts with `v_k`.
        """
        count, size, _ = self.basis.shape
        side_by_side = self.basis.transpose(1, 0, 2).reshape(size, count * size)
        shared = tf.constant(side_by_side[None], eigenvectors.dtype)
        products = matmul_rows(hermitian_transpose(eigenvectors), shared)
        products = tf.reshape(products, [-1, eigenvectors.shape[2], count, size])
        levels = tf.linalg.matvec(products, tf.linalg.matrix_transpose(eigenvectors))
        return tf.math.real(levels)
