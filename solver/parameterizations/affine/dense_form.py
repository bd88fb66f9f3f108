"""Dense storage of arbitrary basis matrices: one matrix product for all derivatives."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ...rowwise.products import matmul_shared, sum_of_rows
from ..held import held, is_large
from ..memory import Memory
from .forms import MOST_NUMBERS, Form
from .symmetry_blocks import uncoupled_subspaces


@dataclasses.dataclass(frozen=True, eq=False)
class DenseForm(Form):
    """`A0 + sum_j x_j B_j` with dense matrices.

    Attributes:
        constant: see `Form`.
        dense: `[p, n, n]`, the B_j, of the dtype of A0.
    """

    dense: np.ndarray

    @property
    def basis(self) -> np.ndarray:
        """`[p, n, n]`, the B_j."""
        return self.dense

    @functools.cached_property
    def norms(self) -> np.ndarray:
        """`[p]`, the Frobenius norms of the B_j."""
        return np.sqrt(np.einsum("ij,ij->i", self._flat, self._flat))

    @functools.cached_property
    def traces(self) -> np.ndarray:
        """`[p]`, the traces of the B_j."""
        return np.real(np.einsum("jaa->j", self.basis))

    @functools.cached_property
    def gram(self) -> np.ndarray:
        """`[p, p]`, the inner products `Re tr(B_i^H B_j)`."""
        return self._flat @ self._flat.T

    def overlaps(self, matrix: np.ndarray) -> np.ndarray:
        """See `Form.overlaps`."""
        return self._flat @ _flat_reals(matrix)[0]

    @property
    def _flat(self) -> np.ndarray:
        """The B_j as vectors, `[p, n * n]`, or `[p, 2 n * n]` with real and imaginary parts."""
        return _flat_reals(self.basis)

    @property
    def cost_of_expectations(self) -> float:
        """See `Form.cost_of_expectations`."""
        return 0.2 * self.basis.size * self.size

    @property
    def memory(self) -> Memory:
        """See `Form.memory`."""
        parts = 2 if self.is_complex else 1
        copies = 6 if self.is_complex else 2
        return Memory(constants=copies * self.basis.size, slopes=parts * self.basis.size)

    @property
    def numbers_to_write(self) -> int:
        """0: they are dense already."""
        return 0

    def member(self, parameters: np.ndarray) -> np.ndarray:
        """See `Form.member`."""
        return np.tensordot(parameters, self.basis, 1)

    def expectations(self, vectors: np.ndarray) -> np.ndarray:
        """See `Form.expectations`."""
        vectors = vectors[..., None, :, :]
        return np.sum(vectors.conj() * (self.basis @ vectors), axis=-2).real

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """See `Form.matrix`."""
        if not is_large(self.basis.size):
            return combine(parameters, self.constant, self.basis)
        dtype, size = parameters.dtype, self.size
        parts = []
        # Row by row, as in `combine`.
        for name, place in (("real", 0), ("imag", size))[: 2 if self.is_complex else 1]:
            columns = self._side_by_side(dtype)[place : place + size, :size]
            part = tf.linalg.matvec(tf.reshape(columns, [size * size, -1]), parameters)
            if self.constant.any():
                given = getattr(np, name)(self.constant).reshape(-1)
                part += held(self, f"constant {name}", dtype, given)
            parts.append(tf.reshape(part, [-1, size, size]))
        return tf.complex(*parts) if self.is_complex else parts[0]

    def derivatives(self, dtype: tf.DType) -> tf.Tensor:
        """See `Form.derivatives`."""
        if not is_large(self.basis.size):
            return tf.constant(self.basis, dtype)[None]
        size = self.size
        matrices = self._side_by_side(dtype.real_dtype)[:, :size]
        real = matrices[:size]
        found = tf.complex(real, matrices[size:]) if self.is_complex else real
        return tf.cast(tf.transpose(found, [2, 0, 1]), dtype)[None]

    def _side_by_side(self, dtype: tf.DType) -> tf.Tensor:
        """The B_j, `[n, n, p]`; if complex, as real matrices `[2 n, 2 n, p]`, see `as_real`."""

        def make() -> np.ndarray:
            basis = as_real(self.basis) if self.is_complex else self.basis
            return basis.transpose(1, 2, 0)

        return held(self, "side by side", dtype, make)

    def mapped(self, map_: np.ndarray, offset: np.ndarray) -> DenseForm:
        """See `Form.mapped`."""
        basis = np.zeros((map_.shape[1], *self.constant.shape), self.basis.dtype)
        for source, target in np.argwhere(map_):
            basis[target] += map_[source, target] * self.basis[source]
        return DenseForm(self.constant + np.tensordot(offset, self.basis, 1), basis)

    @functools.cached_property
    def subspaces(self) -> list[np.ndarray]:
        """See `Form.subspaces`."""
        return uncoupled_subspaces(self.constant, self.basis)

    def restricted(self, columns: np.ndarray) -> DenseForm:
        """See `Form.restricted`."""
        return DenseForm(
            *(_restricted(matrices, columns) for matrices in (self.constant, self.basis))
        )

    def slopes(self, by_level: tf.Tensor) -> tf.Tensor:
        """See `Form.slopes`.

        One product `[B * c, n] @ [n, n * p]` gives `v_k^H B_j` for every level and parameter; a
        second one, level by level, contracts with `v_k`.
        """
        if by_level.dtype.is_complex and not self.is_complex:
            # v^H B v = Re(v)^T B Re(v) + Im(v)^T B Im(v) for real B.
            return self.slopes(tf.math.real(by_level)) + self.slopes(tf.math.imag(by_level))
        by_level = real_parts(by_level)
        basis = self._side_by_side(by_level.dtype)
        size, _, count = basis.shape
        products = matmul_shared(by_level, tf.reshape(basis, [size, size * count]))
        products = tf.reshape(products, [-1, by_level.shape[1], size, count])
        return sum_of_rows(by_level, products)


def sum_of(forms: Sequence[Form]) -> DenseForm | None:
    """The sum of affine matrices with separate parameters; None if it would be large."""
    if sum(len(form.norms) for form in forms) * forms[0].size ** 2 > MOST_NUMBERS:
        return None
    constant = np.sum([form.constant for form in forms], axis=0)
    basis = np.concatenate([form.basis for form in forms])
    return DenseForm(constant.astype(basis.dtype), basis)


def block_diagonal(forms: Sequence[Form]) -> DenseForm | None:
    """The block-diagonal matrix of forms with the same parameters; None if it would be large."""
    count, total = len(forms[0].norms), sum(form.size for form in forms)
    if count * total**2 > MOST_NUMBERS:
        return None
    is_complex = any(form.is_complex for form in forms)
    matrices = np.zeros((1 + count, total, total), complex if is_complex else float)
    first = 0
    for form in forms:
        span = slice(first, first + form.size)
        matrices[0, span, span], matrices[1:, span, span] = form.constant, form.basis
        first = span.stop
    return DenseForm(matrices[0], matrices[1:])


def _flat_reals(matrices: np.ndarray) -> np.ndarray:
    """`[k, N]`, matrices `[k, n, n]`, or one, as vectors with interleaved complex parts."""
    return (
        np.ascontiguousarray(matrices)
        .view(float)
        .reshape(-1, matrices.shape[-1] ** 2 * (2 if np.iscomplexobj(matrices) else 1))
    )


def _restricted(matrices: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Restrict matrices `[..., n, n]` to a subspace, `[..., k, k]`; see `Form.restricted`."""
    size = len(columns)
    first = (columns != 0).argmax(axis=0)
    last = size - 1 - (columns != 0)[::-1].argmax(axis=0)
    inside = matrices[..., first, :][..., first]
    if np.array_equal(first, last):
        return inside
    signs = np.where(first == last, 0, columns[last, np.arange(columns.shape[1])])
    inside = inside + signs[:, None] * matrices[..., last, :][..., first]
    inside += signs * matrices[..., first, :][..., last]
    inside += np.outer(signs, signs) * matrices[..., last, :][..., last]
    norms = np.sqrt(1.0 + signs * signs)
    return inside / np.outer(norms, norms)


def combine(parameters: tf.Tensor, constant: np.ndarray, basis: np.ndarray) -> tf.Tensor:
    """`A0 + sum_j x_j B_j`.

    Args:
        parameters: `[B, p]`, real.
        constant: `[...]`, A0.
        basis: `[p, ...]`, the B_j, complex if A0 is.

    Returns:
        `[B, ...]`.
    """
    combined = _combine_real(parameters, np.real(constant), np.real(basis))
    if np.iscomplexobj(basis):
        imaginary = _combine_real(parameters, np.imag(constant), np.imag(basis))
        combined = tf.complex(combined, imaginary)
    return tf.reshape(combined, [-1, *constant.shape])


def _combine_real(parameters: tf.Tensor, constant: np.ndarray, basis: np.ndarray) -> tf.Tensor:
    columns = tf.constant(basis.reshape(len(basis), constant.size).T, parameters.dtype)
    # Row by row: the rounding of one product for the whole batch, and of its derivatives, would
    # depend on the batch size.
    flat = tf.linalg.matvec(columns, parameters)
    if constant.any():
        flat += tf.constant(constant.reshape(-1), parameters.dtype)
    return flat


def real_parts(vectors: tf.Tensor) -> tf.Tensor:
    """Complex vectors as real ones, `[Re v, Im v]`.

    Products of real matrices are twice as fast as those of complex ones.

    Args:
        vectors: `[..., c, n]`, real or complex, in rows.

    Returns:
        `[..., c, 2 n]`; real vectors unchanged.
    """
    if not vectors.dtype.is_complex:
        return vectors
    return tf.concat([tf.math.real(vectors), tf.math.imag(vectors)], axis=-1)


def as_real(matrices: np.ndarray) -> np.ndarray:
    """Hermitian `H = R + iS`, `[p, n, n]`, as the real symmetric `[[R, -S], [S, R]]`.

    `v^H H v` is the quadratic form of that matrix at `[Re v, Im v]`.

    Returns:
        `[p, 2 n, 2 n]`.
    """
    real, imaginary = np.real(matrices), np.imag(matrices)
    return np.block([[real, -imaginary], [imaginary, real]])
