"""Storage forms of affine matrices: the interface, with dense matrices as the default."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ...rowwise.products import matmul_shared, sum_of_rows
from ..constants import captured, is_large
from ..level_curvature import Coupler, coupler_of, level_curvature
from ..memory import Memory
from ..weighted_levels import WeightedLevels
from .dense import as_real, combine, flat_reals, real_parts, restricted
from .symmetry_blocks import uncoupled_subspaces

#: Matrices with more numbers than this are not converted to dense form or copied.
MOST_NUMBERS = 2_000_000


@dataclasses.dataclass(frozen=True, eq=False)
class Form:
    """`A0 + sum_j x_j B_j`; a subclass defines the storage of the B_j.

    All functions work with dense matrices; a subclass overrides those that it has a faster way for.

    Attributes:
        constant: `[n, n]`, A0; complex for a complex form.
    """

    constant: np.ndarray

    @property
    def basis(self) -> np.ndarray:
        """`[p, n, n]`, the matrices B_j, of the dtype of A0."""
        raise NotImplementedError(f"{type(self).__name__} must define basis.")

    @property
    def size(self) -> int:
        """`n`, the number of rows."""
        return len(self.constant)

    @property
    def is_complex(self) -> bool:
        """Whether the matrices are complex."""
        return np.iscomplexobj(self.constant)

    @functools.cached_property
    def norms(self) -> np.ndarray:
        """`[p]`, the Frobenius norms of the B_j."""
        return np.sqrt(np.einsum("ij,ij->i", self._flat, self._flat))

    @functools.cached_property
    def traces(self) -> np.ndarray:
        """`[p]`, the traces of the B_j."""
        return np.real(np.einsum("jaa->j", self.basis))

    @functools.cached_property
    def is_orthogonal(self) -> bool:
        """Whether the B_j are known to be orthogonal: `Re tr(B_i^H B_j) = 0` for i != j."""
        return False

    @functools.cached_property
    def gram(self) -> np.ndarray:
        """`[p, p]`, the inner products `Re tr(B_i^H B_j)`."""
        return self._flat @ self._flat.T

    def overlaps(self, matrix: np.ndarray) -> np.ndarray:
        """`[p]`, `Re tr(B_j^H M)` for a matrix M `[n, n]` of the same dtype."""
        return self._flat @ flat_reals(matrix)[0]

    @property
    def _flat(self) -> np.ndarray:
        """The B_j as vectors, `[p, n * n]`, or `[p, 2 n * n]` with real and imaginary parts."""
        return flat_reals(self.basis)

    def project(self, overlaps: np.ndarray) -> np.ndarray:
        """The projection's coordinates `G^-1 b` for overlaps `b_j = Re tr(B_j^H M)`, `[p, ...]`."""
        if self.is_orthogonal:
            return overlaps / np.expand_dims(self.norms**2, tuple(range(1, overlaps.ndim)))
        # Scaled to a unit diagonal, so that the pseudo-inverse keeps small basis matrices.
        units = np.outer(self.norms, self.norms)
        inverse = np.linalg.pinv(self.gram / units, hermitian=True) / units
        return np.tensordot(inverse, overlaps, 1)

    @property
    def cost_of_expectations(self) -> float:
        """Approximate cost of `expectations`, in operations of an eigendecomposition."""
        return 0.2 * self.basis.size * self.size

    @property
    def memory(self) -> Memory:
        """The memory of the B_j, and of the levels' derivatives of one matrix."""
        parts = 2 if self.is_complex else 1
        copies = 6 if self.is_complex else 2
        return Memory(constants=copies * self.basis.size, slopes=parts * self.basis.size)

    @property
    def numbers_to_write(self) -> int:
        """The size of the B_j in dense form, in numbers; 0 if they are dense already."""
        return len(self.norms) * self.size**2

    def member(self, parameters: np.ndarray) -> np.ndarray:
        """`sum_j x_j B_j` in NumPy, `[..., n, n]`, for parameters `[..., p]`."""
        return np.tensordot(parameters, self.basis, 1)

    def expectations(self, vectors: np.ndarray) -> np.ndarray:
        """`v_k^H B_j v_k` in NumPy, `[..., p, n]`, for vectors `[..., n, n]` in columns."""
        vectors = vectors[..., None, :, :]
        return np.sum(vectors.conj() * (self.basis @ vectors), axis=-2).real

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """`A(x)`, `[B, n, n]`, for parameters `[B, p]`."""
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
                part += captured(self, f"constant {name}", dtype, given)
            parts.append(tf.reshape(part, [-1, size, size]))
        return tf.complex(*parts) if self.is_complex else parts[0]

    def derivatives(self, dtype: tf.DType) -> tf.Tensor:
        """The B_j, `[1, p, n, n]`, in the dtype of eigenvectors."""
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

        return captured(self, "side by side", dtype, make)

    def mapped(self, map_: np.ndarray, offset: np.ndarray) -> Form:
        """The form of `y -> A(M y + c)` for `map_` M `[p, q]` and `offset` c `[p]`."""
        basis = np.zeros((map_.shape[1], *self.constant.shape), self.basis.dtype)
        for source, target in np.argwhere(map_):
            basis[target] += map_[source, target] * self.basis[source]
        return DenseForm(self.constant + np.tensordot(offset, self.basis, 1), basis)

    @functools.cached_property
    def subspaces(self) -> list[np.ndarray]:
        """The invariant subspaces due to symmetry; see `uncoupled_subspaces`."""
        return uncoupled_subspaces(self.constant, self.basis)

    def restricted(self, columns: np.ndarray) -> Form:
        """Restrict the form to an invariant subspace.

        Args:
            columns: `[n, k]`, from `uncoupled_subspaces`: states, or sums or differences of two.

        Returns:
            A form of k x k matrices.
        """
        return DenseForm(restricted(self.constant, columns), restricted(self.basis, columns))

    def slopes(self, by_level: tf.Tensor) -> tf.Tensor:
        """`v_k^H B_j v_k`, `[B, c, p]`, for vectors `[B, c, n]` in rows.

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

    def level_curvature(self, vectors: tf.Tensor, levels: WeightedLevels) -> tf.Tensor:
        """`sum_k g_k d2 lambda_k`, `[B, p, p]`; see `Parameterization.level_curvature`."""
        return level_curvature(
            lambda: self.derivatives(vectors.dtype),
            lambda: self.coupler(vectors),
            len(self.norms),
            vectors,
            levels,
        )

    def coupler(self, vectors: tf.Tensor) -> Coupler:
        """The `Coupler` of `v_k^H B_j v_l`, for eigenvectors `[B, n, n]` in columns."""
        return coupler_of(self.derivatives(vectors.dtype), vectors)


@dataclasses.dataclass(frozen=True, eq=False)
class DenseForm(Form):
    """`A0 + sum_j x_j B_j` with dense matrices: one matrix product for all derivatives.

    Attributes:
        constant: see `Form`.
        dense: `[p, n, n]`, the B_j, of the dtype of A0.
    """

    dense: np.ndarray

    @property
    def basis(self) -> np.ndarray:
        """`[p, n, n]`, the B_j."""
        return self.dense

    @property
    def numbers_to_write(self) -> int:
        """0: they are dense already."""
        return 0


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


def may_be_written_out(forms: Sequence[Form]) -> bool:
    """Whether the forms, all of one size, are dense already or small in dense form."""
    return sum(form.numbers_to_write for form in forms) <= MOST_NUMBERS


def may_be_copied(form: Form, count: int) -> bool:
    """Whether a copy of the form with `count` parameters is small or sparse."""
    return form.numbers_to_write > 0 or count * form.size**2 <= MOST_NUMBERS
