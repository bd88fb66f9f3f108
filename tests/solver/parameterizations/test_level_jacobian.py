"""Hellmann-Feynman derivatives of levels against finite differences of NumPy eigenvalues."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import (
    Affine,
    Banded,
    GraphLaplacian,
    Hermitian,
    Nonlinear,
    Parameterization,
    SpectralSolver,
    Symmetric,
    Toeplitz,
    Tridiagonal,
)
from tests.problems.given_matrices import random_hermitian

from ..helpers import finite_differences, tape_jacobian

REAL = random_hermitian(4, 5, seed=41, complex_entries=False)
COMPLEX = random_hermitian(8, 6, seed=42, complex_entries=True)


def phases(x: tf.Tensor) -> tf.Tensor:
    """A complex ring of three sites with a flux: `[B, 2] -> [B, 3, 3]`."""
    hopping = tf.complex(x[:, 0] * tf.cos(x[:, 1]), x[:, 0] * tf.sin(x[:, 1]))
    zero = tf.zeros_like(hopping)
    back = tf.math.conj(hopping)
    site = tf.complex(x[:, 1], tf.zeros_like(x[:, 1]))
    rows = [[site, back, hopping], [hopping, zero, back], [back, hopping, zero]]
    return tf.stack([tf.stack(row, -1) for row in rows], -2)


KINDS: dict[str, Callable[[], Parameterization]] = {
    "symmetric": lambda: Symmetric(4),
    "banded": lambda: Banded(5, 2),
    "tridiagonal": lambda: Tridiagonal(5),
    "toeplitz": lambda: Toeplitz(5),
    "hermitian": lambda: Hermitian(4),
    "real basis": lambda: Affine(REAL[0], REAL[1:]),
    "random complex basis": lambda: Affine(COMPLEX[0], COMPLEX[1:]),
    "more parameters than levels": lambda: Affine(None, random_hermitian(9, 4, 43, True)),
    "imaginary basis": lambda: Affine(np.diag([1.0, 2, 4, 7]), 1j * np.imag(COMPLEX[:2, :4, :4])),
    "graph Laplacian": lambda: GraphLaplacian([(0, 1), (1, 2), (2, 3), (0, 3), (1, 1)]),
    "tied Toeplitz": lambda: Toeplitz(5).with_tied({"r4": ("r1", 2.0)}).with_fixed({"r3": 0.5}),
    "Toeplitz and a complex matrix": lambda: Toeplitz(4) + Hermitian(4),
    "nonlinear complex": lambda: Nonlinear(phases, n=3, p=2),
}


def numpy_levels(parameterization: Parameterization) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: np.linalg.eigvalsh(parameterization.matrix(tf.constant(x[None]))[0].numpy())


@pytest.mark.parametrize("kind", KINDS)
def test_level_jacobian(kind: str, rng: np.random.Generator):
    parameterization = KINDS[kind]()
    points = rng.normal(size=(3, parameterization.num_parameters))
    vectors = tf.linalg.eigh(parameterization.matrix(tf.constant(points)))[1]
    found = parameterization.level_jacobian(tf.constant(points), vectors)
    assert found.dtype == tf.float64
    levels = numpy_levels(parameterization)
    expected = np.stack([finite_differences(levels, x) for x in points])
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("kind", KINDS)
def test_tape_through_the_spectrum(kind: str, rng: np.random.Generator):
    """What a user gets with a `tf.GradientTape`, by another route than the fit's Jacobian."""
    solver = SpectralSolver(KINDS[kind]())
    x = rng.normal(size=solver.parameterization.num_parameters)
    found = tape_jacobian(solver.spectrum, x)
    expected = finite_differences(numpy_levels(solver.parameterization), x)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("kind", ["symmetric", "hermitian", "random complex basis"])
def test_level_jacobian_in_single_precision(kind: str, rng: np.random.Generator):
    parameterization = KINDS[kind]()
    points = rng.normal(size=(3, parameterization.num_parameters))
    vectors = tf.linalg.eigh(parameterization.matrix(tf.constant(points)))[1]
    exact = parameterization.level_jacobian(tf.constant(points), vectors)
    dtype = tf.complex64 if vectors.dtype.is_complex else tf.float32
    single = parameterization.level_jacobian(
        tf.constant(points, tf.float32), tf.cast(vectors, dtype)
    )
    assert single.dtype == tf.float32
    np.testing.assert_allclose(single, exact, rtol=0, atol=3e-6)


@pytest.mark.parametrize("kind", ["symmetric", "hermitian"])
def test_sum_of_squares_is_the_trace_of_the_square(kind: str, rng: np.random.Generator):
    """`sum_k lambda_k dlambda_k/dx_j = tr(A B_j)`, exactly."""
    parameterization = KINDS[kind]()
    points = tf.constant(rng.normal(size=(5, parameterization.num_parameters)))
    matrices = parameterization.matrix(points)
    values, vectors = tf.linalg.eigh(matrices)
    jacobian = parameterization.level_jacobian(points, vectors).numpy()
    found = np.einsum("bk,bkj->bj", tf.math.real(values), jacobian)
    basis = parameterization.derivatives(points)[0].numpy()
    expected = np.einsum("bxy,jyx->bj", matrices.numpy(), basis).real
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
