"""Affine maps whose matrices have few entries each: products of the entries of eigenvectors."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from ..held import held
from ..products import pick_columns
from .dense_form import project_dense
from .entries import Entries
from .level_curvature import Coupler, level_curvature
from .meeting import Meeting


@dataclasses.dataclass(frozen=True, eq=False)
class EntriesForm:
    """`A0 + sum_j x_j B_j`, all real, with the B_j by their entries; they are never written out.

    Attributes:
        constant: `[n, n]`, A0.
        entries: of the B_j.
    """

    constant: np.ndarray
    entries: Entries

    @property
    def size(self) -> int:
        """`n`, the number of rows."""
        return len(self.constant)

    @property
    def basis(self) -> np.ndarray:
        """`[p, n, n]`, the matrices B_j written out."""
        return self.entries.dense

    @functools.cached_property
    def norms(self) -> np.ndarray:
        """`[p]`, the Frobenius norms of the B_j."""
        return self.entries.norms

    @property
    def traces(self) -> np.ndarray:
        """`[p]`, the traces of the B_j."""
        return self.entries.traces

    @functools.cached_property
    def gram(self) -> np.ndarray:
        """`[p, p]`, the inner products `tr(B_i B_j)`."""
        return self.entries.gram

    def overlaps(self, matrix: np.ndarray) -> np.ndarray:
        """`[p]`, `tr(B_j M)`."""
        return self.entries.overlaps(matrix)

    @property
    def cost_of_expectations(self) -> float:
        """Roughly, in operations of a decomposition."""
        return 4.0 * self.size * len(self.entries.values)

    @property
    def numbers_of_slopes(self) -> int:
        """How many numbers the derivatives of the levels of one matrix take on the way."""
        return 3 * self.size * self.entries.count

    @property
    def held_numbers(self) -> int:
        """How many numbers the matrices are, in NumPy and as they are held for graphs."""
        return 8 * len(self.entries.values)

    def member(self, parameters: np.ndarray) -> np.ndarray:
        """`sum x_j B_j` in NumPy, `[..., n, n]`."""
        return self.entries.combined(parameters)

    def expectations(self, vectors: np.ndarray) -> np.ndarray:
        """`v_k^T B_j v_k` in NumPy for real eigenvectors in columns, `[..., p, n]`."""
        parts = [
            factor[:, None] * vectors[..., row, :] * vectors[..., column, :]
            for row, column, factor in self.entries.terms
        ]
        return np.sum(parts, axis=0)

    def project(self, overlaps: np.ndarray) -> np.ndarray:
        """Coordinates of the nearest member for overlaps `tr(B_j M)` of shape `[p, ...]`."""
        return project_dense(self.gram, self.norms, overlaps)

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """`A(x)` of parameters `[B, p]`, as `[B, n, n]`."""
        matrix = self.entries.matrix(parameters)
        if self.constant.any():
            matrix += held(self, "constant", parameters.dtype, self.constant)
        return matrix

    def derivatives(self, dtype: tf.DType) -> tf.Tensor:
        """The B_j, `[1, p, n, n]`."""
        return held(self, "derivatives", dtype, lambda: self.basis[None])

    def mapped(self, map_: np.ndarray, offset: np.ndarray) -> EntriesForm:
        """The form in y, where `x = M y + c` for `map_` `[p, q]` and `offset` `[p]`."""
        constant = self.constant + self.entries.combined(offset)
        return EntriesForm(constant, self.entries.mapped(map_))

    def restricted(self, columns: np.ndarray) -> EntriesForm:
        """The form within a subspace; see `DenseForm.restricted`."""
        units = columns / np.linalg.norm(columns, axis=0)
        return EntriesForm(units.T @ self.constant @ units, self.entries.restricted(columns))

    def slopes(self, by_level: tf.Tensor) -> tf.Tensor:
        """`v_k^H B_j v_k` for eigenvectors in rows, `[B, c, n]`, as `[B, c, p]`."""
        parts = []
        for row, column, factor in self.entries.terms:
            left = pick_columns(by_level, row, factor)
            right = pick_columns(by_level, column, np.ones_like(factor))
            if by_level.dtype.is_complex:  # of a complex sum with others
                left = tf.math.conj(left)
            parts.append(tf.math.real(left * right))
        return tf.add_n(parts)

    def level_curvature(
        self, values: tf.Tensor, vectors: tf.Tensor, weights: tf.Tensor, meeting: Meeting | None
    ) -> tf.Tensor:
        """`sum_k g_k d2 lambda_k`, `[B, p, p]`; see `Parameterization.level_curvature`."""
        return level_curvature(
            lambda: self.derivatives(vectors.dtype),
            lambda: self.coupler(vectors),
            len(self.norms),
            values,
            vectors,
            weights,
            meeting,
        )

    def coupler(self, vectors: tf.Tensor) -> Coupler:
        """The couplings `v_k^H B_j v_l` of some levels k, for eigenvectors `[B, n, n]`."""
        # Each entry and its mirror image; on the diagonal both halves are the same entry.
        halves = [(row, column, 0.5 * factor) for row, column, factor in self.entries.terms]
        every = halves + [(column, row, factor) for row, column, factor in halves]
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
