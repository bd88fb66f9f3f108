"""The generalized problem `K u = lambda M u`: stiffness and mass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..eigen import hermitian_transpose
from ..elementwise import reciprocal
from ..products import matmul_rows
from ..seed import SEED
from .affine import Affine, as_matrices
from .base import Parameterization
from .inertia import is_definite, norm_of, signs_of_levels

# How far the levels of a random mass are from their mean, about, in units of it.
_MASS_SPREAD = 0.5


class Generalized(Parameterization):
    """`K u = lambda M u` with a positive definite M; either side may have parameters.

    The matrix is `L^-1 K L^-H` with the Cholesky factor `M = L L^H`; its eigenvalues are the same.
    Their derivatives are `u^H (dK - lambda dM) u` for `u^H M u = 1`. The parameters are those of
    the stiffness, then those of the mass. A row whose mass is not positive definite has no matrix
    there; the fit steps back from it. The stiffness may be semi-definite (a free chain) or
    indefinite; if it is given, it decides how many levels are positive, zero and negative.

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
        """Take both sides.

        Args:
            stiffness: K, a parameterization or a given symmetric (Hermitian) matrix `[n, n]`.
            mass: M, a parameterization or a given positive definite matrix `[n, n]`.
            name: name of the module.

        Raises:
            ValueError: if neither side has parameters, the sizes differ, both use the same
                parameter name, or a given mass is not positive definite.
        """
        self.stiffness = _side("stiffness", stiffness)
        self.mass = _side("mass", mass)
        sides = [s for s in (self.stiffness, self.mass) if isinstance(s, Parameterization)]
        if not sides:
            raise ValueError("Generalized: stiffness or mass must be a Parameterization.")
        sizes = [_size(side) for side in (self.stiffness, self.mass)]
        if sizes[0] != sizes[1]:
            raise ValueError(
                "Generalized: stiffness and mass must have one size, got "
                f"{sizes[0]} and {sizes[1]}."
            )
        names = [name for side in sides for name in side.parameter_names]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"Generalized: the parameter names {twice} stand on both sides; pass "
                "parameter_names to one of them."
            )
        if isinstance(self.mass, np.ndarray) and not is_definite(self.mass):
            lowest = np.linalg.eigvalsh(self.mass)[0]
            raise ValueError(
                "Generalized: mass must be positive definite, but its lowest eigenvalue is "
                f"{lowest:.3g}, not above 0 by more than rounding: a motion without mass has an "
                "infinite level. Leave its degrees of freedom out (static condensation)."
            )
        super().__init__(sizes[0], len(names), names, name)

    def _split(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        side = self.stiffness
        count = side.num_parameters if isinstance(side, Parameterization) else 0
        return parameters[:, :count], parameters[:, count:]

    def _both(self, parameters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """K and the Cholesky factor of M, `[B, n, n]` each, and `[B]` bool, whether M is definite.

        Where it is not, the factor is the identity.
        """
        x, y = self._split(parameters)
        stiffness, mass = _matrix(self.stiffness, x), _matrix(self.mass, y)
        if stiffness.dtype.is_complex or mass.dtype.is_complex:
            dtype = stiffness.dtype if stiffness.dtype.is_complex else mass.dtype
            stiffness, mass = tf.cast(stiffness, dtype), tf.cast(mass, dtype)
        # Both branches must be finite, or the gradient is NaN: a mass that is not definite is
        # replaced before it is factorized.
        trial = tf.abs(tf.linalg.cholesky(tf.stop_gradient(mass)))
        definite = tf.reduce_all(tf.math.is_finite(trial), axis=[1, 2])
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
        if isinstance(self.stiffness, Parameterization):
            parts.append(self.stiffness.expectation_slopes(x, modes))
        if isinstance(self.mass, Parameterization):
            products = tf.math.conj(modes) * matmul_rows(stiffness, modes)
            levels = tf.math.real(tf.reduce_sum(tf.linalg.matrix_transpose(products), axis=-1))
            parts.append(-levels[:, :, None] * self.mass.expectation_slopes(y, modes))
        return tf.concat(parts, axis=-1)

    def expectation_slopes(self, parameters: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
        """From the derivatives of the matrix; see `Parameterization.expectation_slopes`."""
        return Parameterization.level_jacobian(self, parameters, vectors)

    @property
    def level_signs(self) -> np.ndarray:
        """`[n]`, those of the stiffness, which no mass changes."""
        if isinstance(self.stiffness, Parameterization):
            return self.stiffness.level_signs
        return signs_of_levels(self.stiffness)

    def starting_points(self, levels: tf.Tensor, attempt: tf.Tensor, attempts: int) -> tf.Tensor:
        """By projection where one side is given and the other affine.

        With a given mass the matrix is affine in the parameters. With a given positive definite
        stiffness the matrix of the inverse levels, `K^(-1/2) M K^(-1/2)`, is. With any other given
        stiffness masses are around the one that gives the matrix the size of the levels.
        """
        stiffness, mass = self.stiffness, self.mass
        if isinstance(mass, np.ndarray) and isinstance(stiffness, Affine):
            return _whitened(stiffness, mass).starting_points(levels, attempt, attempts)
        if isinstance(stiffness, np.ndarray) and isinstance(mass, Parameterization):
            if isinstance(mass, Affine) and (self.level_signs > 0).all():
                inverse = tf.sort(_inverse(levels), axis=-1)
                return _whitened(mass, stiffness).starting_points(inverse, attempt, attempts)
            masses = _masses(stiffness, levels, attempt, attempts)
            return mass.starting_points(masses, attempt, attempts)
        parts = []
        if isinstance(stiffness, Parameterization):
            parts.append(stiffness.starting_points(levels, attempt, attempts))
        if isinstance(mass, Parameterization):
            ones = tf.ones_like(levels)
            parts.append(mass.starting_points(ones, attempt, attempts))
        return tf.concat(parts, axis=-1)

    def random_points(self, spread: tf.Tensor, normal: tf.Tensor) -> tf.Tensor | None:
        """See `Parameterization.random_points`; masses are near those of equal levels.

        Where the stiffness is given, the levels of `K^(-1/2) M K^(-1/2)` are the inverse ones.
        """
        stiffness, mass = self.stiffness, self.mass
        if isinstance(mass, np.ndarray):
            affine = isinstance(stiffness, Affine)
            return _whitened(stiffness, mass).random_points(spread, normal) if affine else None
        if not isinstance(mass, Affine):
            return None
        if isinstance(stiffness, np.ndarray):
            if not is_definite(stiffness):
                return None
            safe = tf.where(spread > 0, spread, tf.ones_like(spread))
            return _definite_points(_whitened(mass, stiffness), reciprocal(safe), normal)
        x, y = self._split(normal)
        one = stiffness.random_points(spread, x)
        other = _definite_points(mass, tf.ones_like(spread), y)
        return None if one is None else tf.concat([one, other], axis=1)

    @property
    def has_constant(self) -> bool:
        """Whether the stiffness has one."""
        return isinstance(self.stiffness, np.ndarray) or self.stiffness.has_constant


def _side(argument: str, value: Any) -> Parameterization | np.ndarray:
    if isinstance(value, Parameterization):
        if len(value.level_counts) > 1:
            raise ValueError(f"Generalized: {argument} must be one matrix, got a family.")
        return value
    return as_matrices("Generalized", argument, value, rank=2)


def _size(side: Parameterization | np.ndarray) -> int:
    return side.size if isinstance(side, Parameterization) else len(side)


def _matrix(side: Parameterization | np.ndarray, parameters: tf.Tensor) -> tf.Tensor:
    """The matrices of a side, `[B, n, n]`."""
    if isinstance(side, Parameterization):
        return side.matrix(parameters)
    dtype = parameters.dtype
    if np.iscomplexobj(side):
        dtype = tf.complex64 if dtype == tf.float32 else tf.complex128
    size = len(side)
    rows = tf.shape(parameters)[0]
    return tf.broadcast_to(tf.constant(side, dtype), [rows, size, size])


def _inverse(levels: tf.Tensor) -> tf.Tensor:
    """The inverse levels; what is no level of a definite matrix counts as its magnitude."""
    floor = 1e-6 * tf.reduce_max(tf.abs(levels), axis=-1, keepdims=True)
    floor = tf.where(floor > 0, floor, tf.ones_like(floor))
    positive = tf.where(levels > 0, levels, tf.maximum(tf.abs(levels), floor))
    return reciprocal(positive)


def _masses(
    stiffness: np.ndarray, levels: tf.Tensor, attempt: tf.Tensor, attempts: int
) -> tf.Tensor:
    """Eigenvalues for the mass `[B, n]`, around |K| / |lambda|, wider from start to start."""
    table = np.random.default_rng(SEED).normal(size=(attempts, len(stiffness)))
    spread = np.sort(np.exp(table * np.linspace(0.2, 1.5, attempts)[:, None]), axis=1)
    size = norm_of(levels)
    size = tf.where(size > 0, size, tf.ones_like(size))
    mean = (np.linalg.norm(stiffness) or 1.0) * reciprocal(size)
    return mean * tf.gather(tf.constant(spread, levels.dtype), attempt % attempts)


def _definite_points(side: Affine, unit: tf.Tensor, normal: tf.Tensor) -> tf.Tensor:
    """Parameters `[B, p]` of random matrices most of which are positive definite.

    They are around a constant part that is so itself, else around `unit` `[B]` times the identity.
    """
    size, count = side.size, side.num_parameters
    if is_definite(side.constant):
        mean = float(np.trace(side.constant).real) / size
        unit, center = mean * tf.ones_like(unit), 0.0
    else:
        scaled = side.basis.reshape(count, -1) / side.parameter_scales[:, None]
        wanted = np.stack([np.eye(size).ravel(), side.constant.ravel()])
        overlaps = np.real(scaled.conj() @ wanted.T)
        found = np.linalg.pinv(np.real(scaled.conj() @ scaled.T), hermitian=True) @ overlaps
        identity, offset = (found / side.parameter_scales[:, None]).T
        center = unit[:, None] * tf.constant(identity, unit.dtype) - tf.constant(offset, unit.dtype)
    effects = np.sqrt(size / count) / side.parameter_scales
    return center + _MASS_SPREAD * unit[:, None] * tf.constant(effects, unit.dtype) * normal


def _whitened(side: Any, other: Any) -> Affine:
    """`L^-1 B L^-H` for every matrix of an affine side, with `L L^H` the other side."""
    inverse = np.linalg.inv(np.linalg.cholesky(other))
    basis = inverse @ side.basis @ inverse.conj().T
    constant = inverse @ side.constant @ inverse.conj().T
    return Affine(constant, basis)
