"""Sparse storage of basis matrices with few entries each: gathers instead of matrix products."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from ...rowwise.products import pick_columns
from ..constants import captured
from ..level_curvature import Coupler
from ..memory import Memory
from .entries import Entries
from .forms import DenseForm, Form, may_be_written_out
from .symmetry_blocks import subspaces_of_entries

# With more terms for each parameter a matrix product is faster.
_MOST_TERMS = 16


@dataclasses.dataclass(frozen=True, eq=False)
class EntriesForm(Form):
    """`A0 + sum_j x_j B_j` with sparse B_j, computed without dense matrices.

    `A(x)` is a gather of the parameters, and `d lambda_k / dx_j` a sum of products of two entries
    of the eigenvector: one product for each parameter of symmetric, Hermitian, banded and
    tridiagonal matrices.

    Attributes:
        constant: see `Form`.
        entries: the entries of the B_j.
    """

    entries: Entries

    @classmethod
    def of_one_each(cls, constant: np.ndarray, basis: np.ndarray) -> EntriesForm | None:
        """From dense matrices in which each parameter is, up to a factor, one part of one entry.

        A part is the real or the imaginary part. None for other matrices, or if two parameters
        share a part.
        """
        lower = np.tril(np.ones(constant.shape, bool))
        moved = [np.argwhere((matrix != 0) & lower) for matrix in basis]
        if any(len(places) != 1 for places in moved):
            return None
        rows, columns = np.concatenate(moved).T
        factors = basis[np.arange(len(basis)), rows, columns]
        if ((np.imag(factors) != 0) & (np.real(factors) != 0)).any():
            return None
        form = cls(constant, Entries.of_one_each(len(constant), rows, columns, factors))
        return form if form.is_orthogonal else None

    @property
    def basis(self) -> np.ndarray:
        """`[p, n, n]`, the dense B_j."""
        return self.entries.dense

    @functools.cached_property
    def norms(self) -> np.ndarray:
        """`[p]`, the Frobenius norms of the B_j."""
        values = self.entries.values
        return np.sqrt(self._of_each(np.real(values) ** 2 + np.imag(values) ** 2))

    @functools.cached_property
    def traces(self) -> np.ndarray:
        """`[p]`, the traces of the B_j."""
        on_diagonal = self.entries.rows == self.entries.columns
        return self._of_each(np.where(on_diagonal, np.real(self.entries.values), 0.0))

    @functools.cached_property
    def is_orthogonal(self) -> bool:
        """Whether no two B_j share the real or the imaginary part of an entry."""
        return all(part.is_orthogonal for part in self.entries.parts)

    @functools.cached_property
    def gram(self) -> np.ndarray:
        """`[p, p]`, the inner products `Re tr(B_i^H B_j)`."""
        if self.is_orthogonal:
            return np.diag(self.norms**2)
        return np.sum([part.gram for part in self.entries.parts], axis=0)

    def overlaps(self, matrix: np.ndarray) -> np.ndarray:
        """See `Form.overlaps`."""
        there = matrix[self.entries.rows, self.entries.columns]
        return self._of_each(np.real(self.entries.values.conj() * there))

    def _of_each(self, of_entries: np.ndarray) -> np.ndarray:
        """`[p]`, the sum over the entries of each matrix."""
        return np.bincount(self.entries.owners, of_entries, self.entries.count)

    @property
    def cost_of_expectations(self) -> float:
        """See `Form.cost_of_expectations`."""
        return 1.0 * self.size * self.entries.count * len(self.entries.terms)

    @property
    def memory(self) -> Memory:
        """See `Form.memory`."""
        entries = self.entries
        return Memory(constants=8 * len(entries.values), slopes=3 * self.size * entries.count)

    def member(self, parameters: np.ndarray) -> np.ndarray:
        """See `Form.member`."""
        real, *imaginary = (part.combined(parameters) for part in self.entries.parts)
        return real + 1j * imaginary[0] if imaginary else real

    def expectations(self, vectors: np.ndarray) -> np.ndarray:
        """See `Form.expectations`."""
        parts = [
            np.real(factor[:, None] * vectors[..., row, :].conj() * vectors[..., column, :])
            for row, column, factor in self.entries.terms
        ]
        return np.sum(parts, axis=0)

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """See `Form.matrix`."""
        parts = []
        for name, part in zip(("real", "imag"), self.entries.parts, strict=False):
            matrix, constant = part.matrix(parameters), getattr(np, name)(self.constant)
            if constant.any():
                matrix += captured(self, f"constant {name}", parameters.dtype, constant)
            parts.append(matrix)
        return tf.complex(*parts) if self.is_complex else parts[0]

    def derivatives(self, dtype: tf.DType) -> tf.Tensor:
        """See `Form.derivatives`."""
        return captured(self, "derivatives", dtype, lambda: self.basis[None])

    def mapped(self, map_: np.ndarray, offset: np.ndarray) -> Form:
        """See `Form.mapped`; dense if the matrices get so many entries that it is faster."""
        constant = self.constant + self.member(offset)
        form = EntriesForm(constant, self.entries.mapped(map_))
        many = len(form.entries.terms) > min(self.size / 2, _MOST_TERMS)
        return DenseForm(constant, form.basis) if many and may_be_written_out([form]) else form

    @functools.cached_property
    def subspaces(self) -> list[np.ndarray]:
        """See `Form.subspaces`."""
        return subspaces_of_entries(self.constant, self.entries)

    def restricted(self, columns: np.ndarray) -> EntriesForm:
        """See `Form.restricted`."""
        units = columns / np.linalg.norm(columns, axis=0)
        return EntriesForm(units.T @ self.constant @ units, self.entries.restricted(columns))

    def slopes(self, by_level: tf.Tensor) -> tf.Tensor:
        """See `Form.slopes`."""
        parts = []
        for row, column, factor in self.entries.terms:
            left = pick_columns(by_level, row, factor.conj())
            right = pick_columns(by_level, column, np.ones(len(factor)))
            if by_level.dtype.is_complex:
                left = tf.math.conj(left)
            parts.append(tf.math.real(left * right))
        return tf.add_n(parts)

    def coupler(self, vectors: tf.Tensor) -> Coupler:
        """See `Form.coupler`."""
        # Each entry and its transpose; on the diagonal both are halves of the same entry.
        halves = [(row, column, 0.5 * factor) for row, column, factor in self.entries.terms]
        every = halves + [(column, row, factor.conj()) for row, column, factor in halves]
        right = [
            tf.constant(factor, vectors.dtype)[:, None, None]
            * tf.gather(vectors, tf.constant(column, tf.int32), axis=1)[:, :, None]
            for _, column, factor in every
        ]

        def couplings(by_level: tf.Tensor) -> tf.Tensor:
            turned = tf.linalg.matrix_transpose(by_level)
            left = [tf.gather(turned, tf.constant(row, tf.int32), axis=1) for row, _, _ in every]
            return tf.add_n([a[..., None] * b for a, b in zip(left, right, strict=True)])

        return couplings
