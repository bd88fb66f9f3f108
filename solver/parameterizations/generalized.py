"""The generalized eigenvalue problem `K u = lambda M u` of stiffness and mass."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..linalg.eigh import hermitian_transpose
from ..rowwise.elementwise import reciprocal
from ..rowwise.products import matmul_rows
from .affine.forms import DenseForm, Form, may_be_written_out
from .affine_matrix import Affine, affine_of, as_matrices, constant_of
from .base import Parameterization, same_dtype
from .inertia import is_definite, log_normal, norm_of, signs_of_levels

# Approximate relative standard deviation of the levels of a random mass.
_MASS_SPREAD = 0.5


class Generalized(Parameterization):
    """`K u = lambda M u` with a positive definite M; either side may have parameters.

    The matrix is `L^-1 K L^-H` with the Cholesky factor `M = L L^H`, which has the same
    eigenvalues. Their derivatives are `u^H (dK - lambda dM) u` for `u^H M u = 1`. The parameters
    are those of the stiffness, then those of the mass. Where the mass is not positive definite the
    matrix is NaN, and the fit rejects the step. The stiffness may be semi-definite (a free chain)
    or indefinite; a constant stiffness determines how many levels are positive, zero and negative.

    Example:
        >>> masses = Affine(None, [np.diag([1, 0]), np.diag([0, 1])], parameter_names=["m1", "m2"])
        >>> chain = Generalized([[2.0, -1.0], [-1.0, 2.0]], masses)
        >>> chain.spectrum(tf.constant([[1.0, 1.0]])).numpy().round(6).tolist()
        [[1.0, 3.0]]
    """

    def __init__(
        self,
        stiffness: Parameterization | np.ndarray | Sequence,
        mass: Parameterization | np.ndarray | Sequence,
        name: str | None = None,
    ):
        """Set stiffness and mass.

        Args:
            stiffness: K, a parameterization or a constant symmetric (Hermitian) matrix `[n, n]`.
            mass: M, a parameterization or a constant positive definite matrix `[n, n]`.
            name: name of the module.

        Raises:
            ValueError: if neither side has parameters, the sizes differ, both have a parameter of
                the same name, or a constant mass is not positive definite.
        """
        sides = [_side("stiffness", stiffness), _side("mass", mass)]
        if not any(side.num_parameters for side in sides):
            raise ValueError("Generalized: stiffness or mass must be a Parameterization.")
        if sides[0].size != sides[1].size:
            raise ValueError(
                "Generalized: stiffness and mass must have one size, got "
                f"{sides[0].size} and {sides[1].size}."
            )
        twice = sorted(set(sides[0].parameter_names) & set(sides[1].parameter_names))
        if twice:
            raise ValueError(
                f"Generalized: the parameter names {twice} stand on both sides; pass "
                "parameter_names to one of them."
            )
        given = _given(sides[1])
        if given is not None and not is_definite(given):
            lowest = np.linalg.eigvalsh(given)[0]
            raise ValueError(
                "Generalized: mass must be positive definite, but its lowest eigenvalue is "
                f"{lowest:.3g}, not above 0 by more than rounding: a motion without mass has an "
                "infinite level. Leave its degrees of freedom out (static condensation)."
            )
        self._take_sides(sides[0], sides[1], name)

    def _take_sides(
        self, stiffness: Parameterization, mass: Parameterization, name: str | None = None
    ) -> None:
        """Initialize from two sides."""
        names = [*stiffness.parameter_names, *mass.parameter_names]
        super().__init__(stiffness.size, len(names), names, name)
        self.stiffness, self.mass = stiffness, mass

    @property
    def kind(self) -> Hashable:
        """Equal for sides of the same kinds."""
        return Generalized, self.stiffness.kind, self.mass.kind

    def together(self, members: Sequence[Generalized]) -> Generalized:
        """See `Parameterization.together`."""
        made = Generalized.__new__(Generalized)
        made._take_sides(
            self.stiffness.together([member.stiffness for member in members]),
            self.mass.together([member.mass for member in members]),
        )
        return made

    def as_affine(self) -> Form | None:
        """If the mass is constant and the stiffness affine; see `Parameterization.as_affine`."""
        given = _given(self.mass)
        return None if given is None else _whitened(self.stiffness, given)

    def _split(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        count = self.stiffness.num_parameters
        return parameters[:, :count], parameters[:, count:]

    def _both(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """K and the Cholesky factor of M, `[B, n, n]` each, and `[B]` bool, whether M is definite.

        Where M is not positive definite, the factor is the identity.
        """
        x, y = self._split(parameters)
        stiffness, mass = same_dtype([self.stiffness.matrix(x), self.mass.matrix(y)])
        # Both branches of `where` must be finite, or the gradient is NaN: replace masses that are
        # not definite before the factorization. A failed factorization has a diagonal of NaN, or
        # of 0 for a complex matrix.
        trial = tf.linalg.diag_part(tf.linalg.cholesky(tf.stop_gradient(mass)))
        definite = tf.reduce_all((tf.math.real(trial) > 0) & tf.math.is_finite(tf.abs(trial)), 1)
        identity = tf.eye(self.size, dtype=mass.dtype)
        mass = tf.where(definite[:, None, None], mass, identity)
        return stiffness, tf.linalg.cholesky(mass), definite

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """`L^-1 K L^-H`, `[B, n, n]`; NaN where the mass is not positive definite."""
        stiffness, factor, definite = self._both(parameters)
        half = tf.linalg.triangular_solve(factor, stiffness)
        full = tf.linalg.triangular_solve(factor, hermitian_transpose(half))
        full = 0.5 * (full + hermitian_transpose(full))
        nan = tf.constant(np.nan, full.dtype)
        return tf.where(definite[:, None, None], full, nan)

    def level_jacobian(self, parameters: tf.Tensor, eigenvectors: Any) -> tf.Tensor:
        """The derivatives of the levels; see `Parameterization.level_jacobian`."""
        x, y = self._split(parameters)
        stiffness, factor, _ = self._both(parameters)
        modes = tf.linalg.triangular_solve(factor, eigenvectors, adjoint=True)
        parts = []
        if self.stiffness.num_parameters:
            parts.append(self.stiffness.expectation_slopes(x, modes))
        if self.mass.num_parameters:
            products = tf.math.conj(modes) * matmul_rows(stiffness, modes)
            levels = tf.math.real(tf.reduce_sum(tf.linalg.matrix_transpose(products), axis=-1))
            parts.append(-levels[:, :, None] * self.mass.expectation_slopes(y, modes))
        return tf.concat(parts, axis=-1)

    def derivatives(self, parameters: tf.Tensor) -> tf.Tensor:
        """The derivatives of the matrix; constant `[1, p, n, n]` where it is affine."""
        if self._is_affine:
            assert self._affine is not None
            return self._affine.derivatives(parameters)
        return super().derivatives(parameters)

    def curvature(self, parameters: tf.Tensor, density: tf.Tensor) -> tf.Tensor | None:
        """See `Parameterization.curvature`: None where the matrix is affine."""
        return None if self._is_affine else super().curvature(parameters, density)

    @property
    def _is_affine(self) -> bool:
        """Whether `L^-1 K L^-H` is affine and written out: a constant mass, an affine stiffness."""
        return self._affine is not None and not self._inverts

    @property
    def level_signs(self) -> np.ndarray:
        """`[n]`, the signs of the stiffness (Sylvester's law of inertia)."""
        given = _given(self.stiffness)
        return self.stiffness.level_signs if given is None else signs_of_levels(given)

    def starting_points(self, levels: tf.Tensor, attempt: tf.Tensor, attempts: int) -> tf.Tensor:
        """Starts by projection if one side is constant and the other affine.

        With a constant mass the matrix is affine in the parameters. With a constant positive
        definite stiffness the matrix of the inverse levels, `K^(-1/2) M K^(-1/2)`, is affine. With
        any other constant stiffness the eigenvalues of the mass are near `|K| / |lambda|`.
        """
        affine = self._affine
        if affine is not None and self._inverts:
            levels = tf.sort(_inverse(levels), axis=-1)
        if affine is not None:
            return affine.starting_points(levels, attempt, attempts)
        given = _given(self.stiffness)
        if given is not None:
            return self.mass.starting_points(
                _masses(given, levels, attempt, attempts), attempt, attempts
            )
        parts = [self.stiffness.starting_points(levels, attempt, attempts)]
        if self.mass.num_parameters:
            parts.append(self.mass.starting_points(tf.ones_like(levels), attempt, attempts))
        return tf.concat(parts, axis=-1)

    @property
    def _inverts(self) -> bool:
        """Whether `_affine` is `K^(-1/2) M K^(-1/2)`, whose eigenvalues are the inverse levels."""
        return _given(self.stiffness) is not None

    @functools.cached_property
    def _affine(self) -> Affine | None:
        """The affine matrix if one side is constant and the other affine; see `_inverts`."""
        given = _given(self.stiffness)
        form = self.as_affine()
        if given is not None and is_definite(given):
            form = _whitened(self.mass, given)
        return None if form is None else affine_of(form, self.parameter_names)

    def random_points(self, spread: tf.Tensor, normal: tf.Tensor) -> tf.Tensor | None:
        """See `Parameterization.random_points`; masses are near a multiple of the identity.

        With a constant stiffness the eigenvalues of `K^(-1/2) M K^(-1/2)` are the inverse levels.
        """
        if _given(self.mass) is not None:
            return None if self._affine is None else self._affine.random_points(spread, normal)
        if self._inverts:
            if self._affine is None:
                return None
            safe = tf.where(spread > 0, spread, tf.ones_like(spread))
            return _definite_points(self._affine.form, reciprocal(safe), normal)
        mass = self.mass.as_affine()
        if mass is None:
            return None
        x, y = self._split(normal)
        one = self.stiffness.random_points(spread, x)
        other = _definite_points(mass, tf.ones_like(spread), y)
        return None if one is None else tf.concat([one, other], axis=1)

    @property
    def has_constant(self) -> bool:
        """Whether the stiffness has a constant."""
        return self.stiffness.has_constant


def _side(argument: str, value: Any) -> Parameterization:
    """Validate a side; convert a matrix to a parameterization without parameters."""
    if not isinstance(value, Parameterization):
        return constant_of(as_matrices("Generalized", argument, value, rank=2))
    if len(value.level_counts) > 1:
        raise ValueError(f"Generalized: {argument} must be one matrix, got a family.")
    return value


def _given(side: Parameterization) -> np.ndarray | None:
    """The constant matrix `[n, n]` of a side without parameters; None for any other."""
    form = side.as_affine()
    return form.constant if form is not None and not side.num_parameters else None


def _inverse(levels: tf.Tensor) -> tf.Tensor:
    """The inverse levels `[B, n]`; levels that are not positive count by their magnitude."""
    floor = 1e-6 * tf.reduce_max(tf.abs(levels), axis=-1, keepdims=True)
    floor = tf.where(floor > 0, floor, tf.ones_like(floor))
    positive = tf.where(levels > 0, levels, tf.maximum(tf.abs(levels), floor))
    return reciprocal(positive)


def _masses(
    stiffness: np.ndarray, levels: tf.Tensor, attempt: tf.Tensor, attempts: int
) -> tf.Tensor:
    """Eigenvalues for the mass, `[B, n]`: log-normal around |K| / |lambda|, increasingly wide."""
    spread = np.sort(log_normal(attempts, len(stiffness)), axis=1)
    size = norm_of(levels)
    size = tf.where(size > 0, size, tf.ones_like(size))
    mean = (np.linalg.norm(stiffness) or 1.0) * reciprocal(size)
    return mean * tf.gather(tf.constant(spread, levels.dtype), attempt % attempts)


def _definite_points(side: Form, unit: tf.Tensor, normal: tf.Tensor) -> tf.Tensor:
    """Parameters `[B, p]` of random matrices that are mostly positive definite.

    Centred at the constant part if it is positive definite, else at `unit` `[B]` times the
    identity, projected on the structure.
    """
    size, count, norms = side.size, len(side.norms), side.norms
    if is_definite(side.constant):
        mean = float(np.trace(side.constant).real) / size
        unit, center = mean * tf.ones_like(unit), 0.0
    else:
        scaled = side.basis.reshape(count, -1) / norms[:, None]
        wanted = np.stack([np.eye(size).ravel(), side.constant.ravel()])
        overlaps = np.real(scaled.conj() @ wanted.T)
        found = np.linalg.pinv(np.real(scaled.conj() @ scaled.T), hermitian=True) @ overlaps
        identity, offset = (found / norms[:, None]).T
        center = unit[:, None] * tf.constant(identity, unit.dtype) - tf.constant(offset, unit.dtype)
    effects = np.sqrt(size / count) / norms
    return center + _MASS_SPREAD * unit[:, None] * tf.constant(effects, unit.dtype) * normal


def _whitened(side: Parameterization, other: np.ndarray) -> DenseForm | None:
    """`L^-1 B L^-H` for every matrix B of a side, with `other = L L^H`; None if not affine."""
    form = side.as_affine()
    if form is None or not may_be_written_out([form]):
        return None
    inverse = np.linalg.inv(np.linalg.cholesky(other))
    found = inverse @ np.concatenate([form.constant[None], form.basis]) @ inverse.conj().T
    constant, *basis = (found + found.conj().swapaxes(1, 2)) / 2
    return DenseForm(constant, np.array(basis))
