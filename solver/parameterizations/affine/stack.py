"""Affine matrices of one size and the same parameters, computed in one batch."""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from ...linalg.eigh import hermitian_transpose
from ...rowwise.products import sum_of_rows, sum_over_second
from ..constants import captured, is_large
from ..level_curvature import curvature_of_couplings
from ..weighted_levels import WeightedLevels
from .common_terms import CommonTerms
from .dense import as_real, combine, real_parts
from .forms import Form, may_be_written_out
from .squares_form import SquaresForm
from .symmetry_blocks import first_images

# Up to _FEW matrices larger than _LARGEST_TOGETHER are multiplied one by one, over all rows.
_LARGEST_TOGETHER = 8
_FEW = 4
# Limit of the couplings of one row in memory at a time; with more, some members at a time.
_MOST_COUPLINGS = 2**22


@dataclasses.dataclass(frozen=True, eq=False)
class AffineStack:
    """`k` matrices `A0 + sum_j x_j B_j` of the same parameters, all real or all complex.

    Matrices with the same levels (the two blocks of Kramers pairs) are decomposed once. If the
    matrices share the B_j up to factors, only products with the common ones are computed: see
    `CommonTerms`.

    Attributes:
        forms: the u distinct forms, all of one size m.
        copies: `[k]`, the number of the form of each matrix.
    """

    forms: tuple[Form, ...]
    copies: tuple[int, ...]

    @classmethod
    def of(cls, forms: Iterable[Form]) -> AffineStack:
        """The stack of these matrices, all of one size."""
        forms = tuple(forms)
        if len(forms) == 1 or not may_be_written_out(forms):
            return cls(forms, tuple(range(len(forms))))
        matrices = [np.concatenate([form.constant[None], form.basis]) for form in forms]
        first = first_images(matrices)
        different = sorted(set(first))
        return cls(
            tuple(forms[place] for place in different),
            tuple(different.index(place) for place in first),
        )

    @property
    def size(self) -> int:
        """The number of levels of all matrices, `k m`."""
        return len(self.copies) * len(self.forms[0].constant)

    def eigensystem(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The eigensystem.

        Args:
            parameters: `[B, p]`, for which the matrices are finite.

        Returns:
            Levels `[B, k m]`, matrix after matrix, and eigenvectors `[B, u, m, m]` in columns.
        """
        matrix = self.matrix(parameters)
        if matrix.shape[-1] == 1:
            values, vectors = matrix[..., 0], tf.ones_like(matrix)
        else:
            values, vectors = tf.linalg.eigh(matrix)
        return self.for_each(tf.math.real(values)), vectors

    def levels(self, parameters: tf.Tensor) -> tf.Tensor:
        """The levels of `eigensystem` alone."""
        matrix = self.matrix(parameters)
        values = matrix[..., 0] if matrix.shape[-1] == 1 else tf.linalg.eigvalsh(matrix)
        return self.for_each(tf.math.real(values))

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """The distinct matrices, `[B, u, m, m]`.

        Args:
            parameters: `[B, p]`, or `[B, u, p]` with different parameters for each matrix.
        """
        constants = np.stack([form.constant for form in self.forms])
        if self._common is None:
            if self._together or not is_large(constants.size * len(self.forms[0].norms)):
                return self._combined(parameters, constants)
            own = tf.unstack(parameters, axis=1) if parameters.shape.rank == 3 else None
            of_each = own or [parameters] * len(self.forms)
            pairs = zip(self.forms, of_each, strict=True)
            return tf.stack([form.matrix(x) for form, x in pairs], axis=1)
        matrix = self._common.matrix(parameters)
        if constants.any():
            return matrix + captured(self, "constants", matrix.dtype, constants)
        missing = len(self.forms) - matrix.shape[1]  # positive if all matrices are equal
        return tf.repeat(matrix, 1 + missing, axis=1) if missing else matrix

    def for_each(self, found: tf.Tensor, *trailing: int) -> tf.Tensor:
        """Expand a field of the distinct matrices, `[B, u, m, ...]`, to all, `[B, k m, ...]`."""
        if self._has_copies:
            found = tf.gather(found, self.copies, axis=1)
        return tf.reshape(found, [-1, self.size, *trailing])

    def level_jacobian(self, vectors: tf.Tensor) -> tf.Tensor:
        """The derivatives of the levels, `[B, k m, p]`, for eigenvectors `[B, u, m, m]`."""
        slopes, count = self._slopes(vectors), len(self.forms[0].norms)
        slopes = tf.reshape(slopes, [-1, len(self.forms), vectors.shape[-1], count])
        return self.for_each(slopes, count)

    def _slopes(self, vectors: tf.Tensor) -> tf.Tensor:
        """The derivatives of the levels of the distinct matrices, one after the other."""
        length = vectors.shape[-1]
        by_level, levels = tf.linalg.matrix_transpose(vectors), len(self.forms) * length
        if self._common is not None:
            return self._common.slopes(tf.reshape(by_level, [-1, levels, length]))
        if not self._together:
            slopes = [form.slopes(by_level[:, place]) for place, form in enumerate(self.forms)]
            return tf.concat(slopes, axis=1)
        squares = [form for form in self.forms if isinstance(form, SquaresForm)]
        if len(squares) == len(self.forms):
            waves = _padded([form.vectors for form in squares])
            coefficients = _padded([form.coefficients.T for form in squares]).transpose(0, 2, 1)
            overlaps = tf.matmul(vectors, tf.constant(waves, vectors.dtype), transpose_a=True)
            # The overlaps are complex for eigenvectors of a sum with complex matrices.
            squares = tf.math.real(overlaps * tf.math.conj(overlaps))
            return tf.matmul(squares, tf.constant(coefficients, squares.dtype))
        by_level = real_parts(by_level)
        length, count = by_level.shape[-1], len(self.forms[0].norms)
        if vectors.dtype.is_complex:
            real = lambda: np.stack([as_real(basis) for basis in self._bases])  # noqa: E731
            by_entry = captured(self, "as real", by_level.dtype, lambda: np.moveaxis(real(), 1, -1))
        else:
            by_entry = self._by_entry("real", by_level.dtype)
        beside = tf.reshape(by_entry, [len(self.forms), length, length * count])
        products = tf.reshape(tf.matmul(by_level, beside), [-1, levels, length, count])
        return sum_of_rows(tf.reshape(by_level, [-1, levels, length]), products)

    def level_curvature(self, vectors: tf.Tensor, levels: WeightedLevels) -> tf.Tensor:
        """`sum_k g_k d2 lambda_k`, `[B, p, p]`; see `Parameterization.level_curvature`.

        Args:
            vectors: `[B, u, m, m]`, eigenvectors in columns.
            levels: the k m levels, matrix after matrix.

        Returns:
            `[B, p, p]`.
        """
        each = self.curvature_of_each(vectors, levels)
        count = each.shape[-1]
        total = sum_over_second(tf.reshape(each, [-1, len(self.copies), count * count]))
        return tf.reshape(total, [-1, count, count])

    def curvature_of_each(self, vectors: tf.Tensor, levels: WeightedLevels) -> tf.Tensor:
        """The terms of `level_curvature` of each matrix, `[B, k, p, p]`."""
        size, number, count = vectors.shape[-1], len(self.copies), len(self.forms[0].norms)
        vectors = tf.gather(vectors, self.copies, axis=1) if self._has_copies else vectors
        levels = levels.each(lambda field: tf.reshape(field, [-1, number, size]))
        alone = self._common is None and not _is_one_batch(number, size)
        if alone or not may_be_written_out(self.forms):
            parts = [
                self.forms[form].level_curvature(
                    vectors[:, place], levels.each(operator.itemgetter((slice(None), place)))
                )
                for place, form in enumerate(self.copies)
            ]
            return tf.stack(parts, axis=1)

        def of_some(members: tf.Tensor | None) -> tf.Tensor:
            """`[B, c, p, p]` for the matrices with these numbers; for all if None."""
            some = (vectors, levels)
            if members is not None:
                some = tf.nest.map_structure(lambda field: tf.gather(field, members, axis=1), some)
            half = self._half_couplings(hermitian_transpose(some[0]), members)
            number_of_some = some[0].shape[1]
            # Reshape so that each matrix is a row.
            half, *some = tf.nest.map_structure(
                lambda field: tf.reshape(field, [-1, *field.shape[2:]]), (half, *some)
            )
            found = curvature_of_couplings(half, *some)
            return tf.reshape(found, [-1, number_of_some, count, count])

        at_once = max(1, _MOST_COUPLINGS // (count * size**2))
        if number <= at_once:
            return of_some(None)
        # Some matrices at a time; the last group is padded with copies of the last matrix, which
        # are dropped.
        table = np.minimum(np.arange(number + -number % at_once), number - 1)
        found = tf.map_fn(
            of_some,
            tf.constant(table.reshape(-1, at_once), tf.int32),
            fn_output_signature=tf.TensorSpec([None, at_once, count, count], levels.values.dtype),
            parallel_iterations=1,
        )
        found = tf.transpose(found, [1, 0, 2, 3, 4])
        return tf.reshape(found, [-1, len(table), count, count])[:, :number]

    def _half_couplings(self, adjoint: tf.Tensor, members: tf.Tensor | None) -> tf.Tensor:
        """`v^H B_j` for eigenvectors v of some matrices.

        Args:
            adjoint: `[B, c, m, m]`, conjugate eigenvectors in rows.
            members: `[c]`, the numbers of the matrices; None for all.

        Returns:
            `[B, c, m, p, m]`.
        """
        number, size = adjoint.shape[1], adjoint.shape[-1]
        if self._common is not None:
            copies = tf.constant(self.copies, tf.int32)
            copies = copies if members is None else tf.gather(copies, members)
            return self._common.half_couplings(adjoint, copies)
        every = [self._by_entry(name, adjoint.dtype.real_dtype) for name in self._part_names]
        bases = tf.complex(*every) if len(every) == 2 else every[0]
        if self._has_copies or members is not None:
            copies = tf.constant(self.copies, tf.int32)
            bases = tf.gather(bases, copies if members is None else tf.gather(copies, members))
        count = bases.shape[-1]
        beside = tf.reshape(tf.transpose(bases, [0, 1, 3, 2]), [number, size, count * size])
        half = tf.matmul(adjoint, tf.cast(beside, adjoint.dtype))
        return tf.reshape(half, [-1, number, size, count, size])

    def _by_entry(self, name: str, dtype: tf.DType) -> tf.Tensor:
        """The real or the imaginary parts of the B_j of the distinct matrices, `[u, m, m, p]`."""
        return captured(
            self, name, dtype, lambda: getattr(np, name)(self._bases.transpose(0, 2, 3, 1))
        )

    def _combined(self, parameters: tf.Tensor, constants: np.ndarray) -> tf.Tensor:
        """`A0 + sum_j x_j B_j`, `[B, u, m, m]`, with separate B_j for each matrix."""
        own, count = parameters.shape.rank == 3, len(self.forms[0].norms)
        if not own and not is_large(constants.size * count):
            return combine(parameters, constants, self._bases.swapaxes(0, 1))
        shape = (len(constants), constants[0].size) if own else (constants.size,)
        parts = []
        for name in self._part_names:
            by_entry = tf.reshape(self._by_entry(name, parameters.dtype), [*shape, count])
            # Row by row, as in `combine`.
            part = tf.reshape(tf.linalg.matvec(by_entry, parameters), [-1, *constants.shape])
            given = getattr(np, name)(constants)
            parts.append(part + captured(self, f"constants, {name}", part.dtype, given))
        return tf.complex(*parts) if len(parts) == 2 else parts[0]

    @property
    def _part_names(self) -> tuple[str, ...]:
        return ("real", "imag") if self.forms[0].is_complex else ("real",)

    @property
    def _has_copies(self) -> bool:
        return len(self.copies) > len(self.forms)

    @functools.cached_property
    def _common(self) -> CommonTerms | None:
        return CommonTerms.of(self.forms)

    @property
    def _together(self) -> bool:
        """Whether the products of the distinct matrices are computed in one batch."""
        alike = _is_one_batch(len(self.forms), self.forms[0].size)
        return alike and may_be_written_out(self.forms)

    @property
    def _bases(self) -> np.ndarray:
        """`[u, p, m, m]`."""
        return np.stack([form.basis for form in self.forms])


def _is_one_batch(matrices: int, size: int) -> bool:
    """Whether the products of this many matrices are computed in one batch.

    Not for a single matrix, which TensorFlow would round differently in a batch of one row.
    """
    return matrices > (1 if size <= _LARGEST_TOGETHER else _FEW)


def _padded(matrices: list[np.ndarray]) -> np.ndarray:
    """Stack matrices `[m, F_k]`, padded with zeros to the largest F: `[k, m, F]`."""
    width = max(matrix.shape[1] for matrix in matrices)
    return np.stack([np.pad(each, [(0, 0), (0, width - each.shape[1])]) for each in matrices])
