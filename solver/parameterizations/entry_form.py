"""Affine maps in which each parameter moves one entry: gathers and products, no matrix product.

Symmetric, Hermitian, banded and tridiagonal matrices are of this form. `A(x)` is then a lookup of
the parameters, and `d lambda_k / dx_j = 2 Re(c conj(v_a) v_b)` (or `c |v_a|^2` on the diagonal) a
product of two eigenvector entries.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from ..held import held
from ..products import pick_columns
from .level_curvature import Coupler, level_curvature
from .meeting import Meeting


@dataclasses.dataclass(frozen=True, eq=False)
class EntryForm:
    """`A0` and one entry for each parameter.

    Attributes:
        constant: `[n, n]`, A0; complex for a complex form.
        rows: `[p]`, the row a of the lower-triangular entry (a, b) that the parameter moves.
        columns: `[p]`, its column b.
        factors: `[p]`, dA[a, b] / dx: real, or imaginary for the imaginary part of an entry.
    """

    constant: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    factors: np.ndarray

    @classmethod
    def of(cls, constant: np.ndarray, basis: np.ndarray) -> EntryForm | None:
        """The entry form of `A0 + sum x_j B_j`; None when a parameter moves more than one part."""
        size = len(constant)
        lower = np.tril(np.ones((size, size), bool))
        moved = [np.argwhere((matrix != 0) & lower) for matrix in basis]
        if any(len(entries) != 1 for entries in moved):
            return None
        rows, columns = np.concatenate(moved).T
        factors = basis[np.arange(len(basis)), rows, columns]
        if ((np.imag(factors) != 0) & (np.real(factors) != 0)).any():
            return None
        if len(set(zip(rows, columns, np.imag(factors) != 0, strict=True))) != len(basis):
            return None
        return cls(constant, rows, columns, factors)

    @property
    def basis(self) -> np.ndarray:
        """`[p, n, n]`, the matrices B_j written out."""
        index = np.arange(len(self.rows))
        basis = np.zeros((len(index), *self.constant.shape), self.constant.dtype)
        basis[index, self.columns, self.rows] = self.factors.conj()
        basis[index, self.rows, self.columns] = self.factors
        return basis

    @property
    def size(self) -> int:
        """`n`, the number of rows."""
        return len(self.constant)

    @property
    def traces(self) -> np.ndarray:
        """`[p]`, the traces of the B_j."""
        return np.where(self.rows == self.columns, np.real(self.factors), 0.0)

    @property
    def gram(self) -> np.ndarray:
        """`[p, p]`, the inner products `Re tr(B_i^H B_j)`."""
        return np.diag(self.norms**2)

    def overlaps(self, matrix: np.ndarray) -> np.ndarray:
        """`[p]`, `Re tr(B_j^H M)` for a matrix of the same dtype."""
        twice = np.where(self.rows == self.columns, 1.0, 2.0)
        return twice * np.real(self.factors.conj() * matrix[self.rows, self.columns])

    @property
    def cost_of_expectations(self) -> float:
        """Roughly, in operations of a decomposition."""
        return 1.0 * len(self.rows) * self.size

    @property
    def norms(self) -> np.ndarray:
        """`[p]`, the Frobenius norms of the B_j."""
        return np.abs(self.factors) * np.where(self.rows == self.columns, 1.0, np.sqrt(2.0))

    def restricted(self, columns: np.ndarray) -> EntryForm:
        """The form within a subspace of some of the states, given by columns `[n, k]` of 0 and 1.

        Parameters that move no entry within it have a factor of 0.
        """
        states = columns.argmax(axis=0)
        number = np.full(len(columns), -1)
        number[states] = np.arange(len(states))
        rows, places = number[self.rows], number[self.columns]
        inside = (rows >= 0) & (places >= 0)
        return EntryForm(
            self.constant[np.ix_(states, states)],
            np.where(inside, rows, 0),
            np.where(inside, places, 0),
            np.where(inside, self.factors, 0.0),
        )

    def member(self, parameters: np.ndarray) -> np.ndarray:
        """`sum x_j B_j` in NumPy, `[..., n, n]`."""
        lead = parameters.shape[:-1]
        matrix = np.zeros((*lead, *self.constant.shape), self.constant.dtype)
        moved = matrix.transpose(-2, -1, *range(len(lead)))  # a view
        np.add.at(moved, (self.rows, self.columns), np.moveaxis(self.factors * parameters, -1, 0))
        strict = np.tril(matrix, -1)
        return matrix + strict.conj().swapaxes(-1, -2)

    def expectations(self, vectors: np.ndarray) -> np.ndarray:
        """`v_k^H B_j v_k` in NumPy for eigenvectors in columns, `[..., p, n]`."""
        twice = np.where(self.rows == self.columns, 1.0, 2.0) * self.factors
        left, right = vectors[..., self.rows, :].conj(), vectors[..., self.columns, :]
        return np.real(twice[:, None] * left * right)

    def project(self, overlaps: np.ndarray) -> np.ndarray:
        """Coordinates of the nearest member for overlaps `Re tr(B_j^H M)` of shape `[p, ...]`."""
        return overlaps / np.expand_dims(self.norms**2, tuple(range(1, overlaps.ndim)))

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """`A(x)` of parameters `[B, p]`, as `[B, n, n]`."""
        size = len(self.constant)
        imaginary = np.imag(self.factors) != 0
        flat = self._part(
            parameters, ~imaginary, np.real(self.factors), 1.0, np.real(self.constant)
        )
        if np.iscomplexobj(self.constant):
            flat = tf.complex(
                flat,
                self._part(
                    parameters, imaginary, np.imag(self.factors), -1.0, np.imag(self.constant)
                ),
            )
        return tf.reshape(flat, [-1, size, size])

    def _part(
        self,
        parameters: tf.Tensor,
        chosen: np.ndarray,
        factors: np.ndarray,
        mirror_sign: float,
        constant: np.ndarray,
    ) -> tf.Tensor:
        """The real or imaginary part of `A(x)`, `[B, n * n]`, moved by the chosen parameters."""
        size, count = len(constant), len(self.rows)
        source = np.full((size, size), count)
        factor = np.zeros((size, size))
        index = np.flatnonzero(chosen & (factors != 0))
        a, b = self.rows[index], self.columns[index]
        source[a, b] = source[b, a] = index
        factor[b, a] = mirror_sign * factors[index]
        factor[a, b] = factors[index]
        padded, dtype = tf.pad(parameters, [[0, 0], [0, 1]]), parameters.dtype
        part = "imaginary" if mirror_sign < 0 else "real"
        source_held = held(self, f"{part} source", tf.int32, source.reshape(-1))
        entries = tf.gather(padded, source_held, axis=1)
        if (factor[source < count] != 1.0).any():
            entries *= held(self, f"{part} factor", dtype, factor.reshape(-1))
        if constant.any():
            entries += held(self, f"{part} constant", dtype, constant.reshape(-1))
        return entries

    def derivatives(self, dtype: tf.DType) -> tf.Tensor:
        """The B_j, `[1, p, n, n]`."""
        return held(self, "derivatives", dtype, lambda: self.basis[None])

    @property
    def numbers_of_slopes(self) -> int:
        """How many numbers the derivatives of the levels of one matrix take on the way."""
        return 3 * self.size * len(self.rows)

    @property
    def held_numbers(self) -> int:
        """How many numbers the matrices are, in NumPy and as they are held for graphs."""
        return 4 * self.constant.size

    def slopes(self, by_level: tf.Tensor) -> tf.Tensor:
        """`d lambda_k / dx_j` for eigenvectors in rows, `[B, c, n]`, as `[B, c, p]`."""
        twice = np.where(self.rows == self.columns, 1.0, 2.0)
        left = pick_columns(by_level, self.rows, twice)
        right = pick_columns(by_level, self.columns, self.factors)
        if not by_level.dtype.is_complex:
            return left * right
        return tf.math.real(tf.math.conj(left) * right)

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
        dtype = vectors.dtype
        rows, columns = (tf.constant(index, tf.int32) for index in (self.rows, self.columns))
        # On the diagonal both halves are the same entry.
        half = np.where(self.rows == self.columns, 0.5, 1.0)
        above = tf.constant(half * self.factors, dtype)[:, None, None]
        below = tf.constant(half * self.factors.conj(), dtype)[:, None, None]
        of_rows = tf.gather(vectors, rows, axis=1)[:, :, None]
        of_columns = tf.gather(vectors, columns, axis=1)[:, :, None]

        def couplings(by_level: tf.Tensor) -> tf.Tensor:
            turned = tf.linalg.matrix_transpose(by_level)
            at_rows = tf.gather(turned, rows, axis=1)[..., None]
            at_columns = tf.gather(turned, columns, axis=1)[..., None]
            return above * at_rows * of_columns + below * at_columns * of_rows

        return couplings
