"""Affine parameterizations `A(x) = A0 + sum_j x_j B_j`."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from .affine.entries_form import EntriesForm
from .affine.forms import DenseForm, Form, may_be_copied
from .affine.split import Split, finite_parameters
from .affine.starts import projected_starts
from .affine.symmetry_blocks import Block, block_of
from .affine_batch import AffineBatch
from .base import Parameterization
from .constants import matching
from .level_curvature import Coupler
from .memory import Memory
from .ordering import SortedVectors
from .weighted_levels import WeightedLevels

# Cost of a full decomposition relative to computing a few levels of a large matrix.
_WHOLE_IS_CHEAPER = 5
# Size of the tiles in which large matrices are checked.
_TILE = 256


class Affine(Parameterization):
    """`A(x) = A0 + sum_j x_j B_j` with given symmetric or Hermitian matrices.

    Most models of measured spectra are affine: crystal fields in operator equivalents, force
    constants, spin and tight-binding Hamiltonians.

    Where symmetry makes the matrices block-diagonal in the given basis, a fit decomposes the
    blocks; `blocks` lists them.

    Example:
        >>> pauli = np.array([[[0, 1], [1, 0]], [[1, 0], [0, -1]]])
        >>> two_level = Affine(None, pauli, parameter_names=["coupling", "bias"])
        >>> two_level.matrix(tf.constant([[3.0, 4.0]])).numpy().tolist()
        [[[4.0, 3.0], [3.0, -4.0]]]
    """

    def __init__(
        self,
        constant: np.ndarray | Sequence | None,
        basis: np.ndarray | Sequence,
        parameter_names: Sequence[str] | None = None,
        name: str | None = None,
        level_names: Sequence[str] | None = None,
    ):
        """Set the matrices.

        Args:
            constant: `[n, n]`, A0; None for zero.
            basis: `[p, n, n]`, the B_j; real symmetric or complex Hermitian. The parameters are
                real in either case. A list may hold SciPy sparse matrices and QuTiP operators:
                anything with `toarray()`, `full()` or `__array__`.
            parameter_names: one name for each parameter; `x0, x1, ...` when None.
            name: name of the module.
            level_names: one name for each level, in ascending order, such as the J_KaKc of a rotor;
                None for no names. See `Parameterization.level_names`.

        Raises:
            ValueError: for inconsistent shapes, names that are not n different ones, or matrices
                that are not finite, not symmetric or Hermitian, or a zero B_j.
        """
        owner = type(self).__name__
        basis = as_matrices(owner, "basis", basis, rank=3)
        size = basis.shape[-1]
        if constant is None:
            constant = np.zeros((size, size))
        constant = as_matrices(owner, "constant", constant, rank=2)
        if constant.shape[-1] != size:
            raise ValueError(
                f"{owner}: constant must have the size of the basis matrices, {size} x {size}, "
                f"got {constant.shape[0]} x {constant.shape[1]}."
            )
        empty = np.flatnonzero(~basis.any(axis=(1, 2)))
        if empty.size:
            raise ValueError(
                f"{owner}: basis[{empty[0]}] is the zero matrix, so its parameter has no effect; "
                "leave it out. (A member of a Family may lack parameters, or be a plain matrix.)"
            )
        if np.iscomplexobj(basis) or np.iscomplexobj(constant):
            basis, constant = basis.astype(complex), constant.astype(complex)
        self._take_form(
            EntriesForm.of_one_each(constant, basis) or DenseForm(constant, basis),
            parameter_names,
            name,
        )
        if level_names is not None:
            self.level_names = level_names

    def _take_form(
        self, form: Form, parameter_names: Sequence[str] | None, name: str | None
    ) -> None:
        """Initialize from a form; subclasses with sparse structure do so without a dense basis."""
        super().__init__(len(form.constant), len(form.norms), parameter_names, name)
        self._form = form

    @property
    def form(self) -> Form:
        """The storage form of A0 and the B_j."""
        return self._form

    def as_affine(self) -> Form:
        """See `Parameterization.as_affine`."""
        return self._form

    def mapped(
        self, map_: np.ndarray, offset: np.ndarray, names: Sequence[str]
    ) -> Parameterization:
        """An `Affine` with exact scales and starting points; see `Parameterization.mapped`."""
        if not may_be_copied(self._form, self.num_parameters):
            return super().mapped(map_, offset, names)
        form = self._form.mapped(map_, offset)
        for name, norm in zip(names, form.norms, strict=True):
            if not norm:
                raise ValueError(
                    f"with_tied: the ties leave {name!r} without any effect on the matrix; check "
                    "the factors, or fix it."
                )
        made = affine_of(form, names)
        made._level_names = self.level_names
        return made

    @property
    def kind(self) -> Hashable:
        """Equal for affine matrices of the same size, dtype and number of parameters."""
        return Affine, self.size, self._form.is_complex, self.num_parameters

    def together(self, members: Sequence[Affine]) -> Parameterization:
        """See `Parameterization.together`."""
        return AffineBatch([member.form for member in members], self.parameter_names)

    @property
    def constant(self) -> np.ndarray:
        """`[n, n]`, A0."""
        return self._form.constant

    @property
    def basis(self) -> np.ndarray:
        """`[p, n, n]`, the matrices B_j."""
        return self._form.basis

    @property
    def parameter_scales(self) -> np.ndarray:
        """`[p]`, the Frobenius norms of the B_j."""
        return self._form.norms

    @property
    def memory(self) -> Memory:
        """See `Parameterization.memory`."""
        return self._form.memory

    @property
    def has_constant(self) -> bool:
        """Whether A0 is not 0."""
        return bool(self.constant.any())

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """See `Parameterization.matrix`."""
        return self._form.matrix(parameters)

    @functools.cached_property
    def _split(self) -> Split | None:
        """The symmetry blocks; None where the matrix is decomposed as a whole."""
        (split,) = Split.of([(0, self._form)])
        return split if split.is_split else None

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The symmetry blocks; see `Parameterization.blocks`."""
        return tuple(block_of(columns) for columns in self._form.subspaces)

    @property
    def whole_is_cheaper(self) -> bool:
        """See `Parameterization.whole_is_cheaper`."""
        return self._split is None or self._split.work > self.size**3 / _WHOLE_IS_CHEAPER

    @property
    def is_one_block(self) -> bool:
        """Whether the matrix is decomposed as a whole."""
        return self._split is None

    def eigensystem(self, parameters: tf.Tensor) -> tuple[tf.Tensor, Any, tf.Tensor]:
        """See `Parameterization.eigensystem`."""
        if self._split is None:
            return super().eigensystem(parameters)
        return self._split.eigensystem(parameters)

    def levels(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Parameterization.levels`."""
        if self._split is None:
            return super().levels(parameters)
        return self._split.levels(parameters)

    def spectrum(self, parameters: tf.Tensor) -> tf.Tensor:
        """See `Parameterization.spectrum`."""
        if self._split is None:
            return super().spectrum(parameters)
        return self._split.spectrum(parameters)

    def finite_matrix(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `Parameterization.finite_matrix`; rows that are not finite are replaced by A0."""
        safe, finite = finite_parameters(parameters, self.parameter_scales)
        return self.matrix(safe), finite

    def derivatives(self, parameters: tf.Tensor) -> tf.Tensor:
        """The B_j, `[1, p, n, n]`, the same for every row."""
        return self._form.derivatives(matching(parameters.dtype, self._form.is_complex))

    def level_jacobian(self, parameters: tf.Tensor, eigenvectors: Any) -> tf.Tensor:
        """See `Parameterization.level_jacobian`; also for vectors of the whole matrix."""
        if self._split is not None and isinstance(eigenvectors, SortedVectors):
            return self._split.level_jacobian(parameters, eigenvectors)
        return self.expectation_slopes(parameters, eigenvectors)

    def expectation_slopes(self, parameters: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
        """See `Parameterization.expectation_slopes`."""
        del parameters  # the B_j are constant
        return self._form.slopes(tf.linalg.matrix_transpose(vectors))

    def level_curvature(
        self, parameters: tf.Tensor, eigenvectors: Any, levels: WeightedLevels
    ) -> tf.Tensor:
        """See `Parameterization.level_curvature`; also for vectors of the whole matrix."""
        if self._split is not None and isinstance(eigenvectors, SortedVectors):
            return self._split.level_curvature(parameters, eigenvectors, levels)
        return self._form.level_curvature(eigenvectors, levels)

    def coupler(self, parameters: tf.Tensor, vectors: tf.Tensor) -> Coupler:
        """See `Parameterization.coupler`; also for vectors of other matrices."""
        del parameters
        return self._form.coupler(vectors)

    def curvature(self, parameters: tf.Tensor, density: tf.Tensor) -> None:
        """None: A(x) is affine."""
        del parameters, density

    def starting_points(self, levels: tf.Tensor, attempt: tf.Tensor, attempts: int) -> tf.Tensor:
        """Parameters whose spectrum is near the levels; see `projected_starts`."""
        return projected_starts((self._form,), levels, attempt, attempts)


def affine_of(form: Form, names: Sequence[str]) -> Affine:
    """Build an `Affine` without the zero-matrix check; a family member may ignore parameters."""
    parameterization = Affine.__new__(Affine)
    parameterization._take_form(form, names, None)
    return parameterization


def constant_of(matrix: np.ndarray) -> Affine:
    """A constant matrix `[n, n]` without parameters, as a part of another parameterization."""
    parameterization = Affine.__new__(Affine)
    tf.Module.__init__(parameterization)
    parameterization.size, parameterization.num_parameters = len(matrix), 0
    parameterization.parameter_names = ()
    parameterization._form = DenseForm(matrix, np.zeros((0, *matrix.shape), matrix.dtype))
    return parameterization


def as_matrices(owner: str, argument: str, value: object, rank: int) -> np.ndarray:
    """Validate matrices: square, finite and Hermitian.

    Args:
        owner: the class named in error messages.
        argument: the argument named in error messages.
        value: an array, a nested sequence, or SciPy sparse or QuTiP matrices.
        rank: 2 for `[n, n]`, 3 for `[p, n, n]`.

    Returns:
        The Hermitian part `(B + B^H) / 2`, float64 or complex128.

    Raises:
        ValueError: for another shape, NaN, infinity, a largest entry outside 1e-100 to 1e100, or a
            difference from the conjugate transpose above 1e-8 of the largest entry.
    """
    array = _dense(owner, argument, value, rank)
    shape = "[p, n, n] with p and n at least 1" if rank == 3 else "[n, n]"
    if array.dtype.kind not in "biufc" or array.ndim != rank or array.shape[-1] != array.shape[-2]:
        raise ValueError(
            f"{owner}: {argument} must be numbers of shape {shape}, "
            f"got shape {array.shape} of dtype {array.dtype}."
        )
    if array.size == 0:
        raise ValueError(f"{owner}: {argument} must have shape {shape}, got {array.shape}.")
    # Avoid copies of large matrices.
    array = array.astype(complex if array.dtype.kind == "c" else float, copy=False)
    if not np.isfinite(array).all():
        raise ValueError(f"{owner}: {argument} must be finite, got NaN or infinity.")
    largest = np.abs(array).max()
    if largest and not 1e-100 < largest < 1e100:
        raise ValueError(
            f"{owner}: {argument} must have its largest entry between 1e-100 and 1e100, got "
            f"{largest:.3g}; choose another unit."
        )
    array, error = _hermitian_part(array)
    if error > 1e-8 * largest:
        raise ValueError(
            f"{owner}: {argument} must be symmetric (or Hermitian if complex), but differs from "
            f"its conjugate transpose by up to {error:.3g}; symmetrize it as (B + B^H) / 2."
        )
    return array


def _hermitian_part(array: np.ndarray) -> tuple[np.ndarray, float]:
    """`(B + B^H) / 2` of matrices `[..., n, n]`, and the largest entry of `|B - B^H|`.

    Computed in tiles, for memory locality of the transpose.
    """
    part, error = np.empty_like(array), 0.0
    tiles = [slice(first, first + _TILE) for first in range(0, array.shape[-1], _TILE)]
    for rows, columns in itertools.product(tiles, tiles):
        one, other = array[..., rows, columns], array[..., columns, rows].swapaxes(-1, -2).conj()
        error = max(error, float(np.abs(one - other).max()))
        part[..., rows, columns] = (one + other) / 2
    return part, error


def _dense(owner: str, argument: str, value: Any, rank: int) -> np.ndarray:
    """Convert a matrix, or a list of matrices, to one array; also SciPy sparse and QuTiP."""
    if rank == 2 or not isinstance(value, (list, tuple)):
        convert = getattr(value, "toarray", None) or getattr(value, "full", None)
        try:
            return np.asarray(convert() if callable(convert) else value)
        except ValueError as error:
            raise ValueError(f"{owner}: {argument} must be numbers, [n, n]: {error}") from error
    parts = [_dense(owner, argument, part, 2) for part in value]
    for place, part in enumerate(parts):
        if part.shape != parts[0].shape:
            size, other = (" x ".join(map(str, x.shape)) or "one number" for x in (parts[0], part))
            raise ValueError(
                f"{owner}: {argument} must hold matrices of one size, but the first is {size} and "
                f"number {place} (from 0) is {other}."
            )
    return np.array(parts)
