"""Eigenvalues and their first two derivatives, also where levels are degenerate."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import Affine, SpectralSolver, Symmetric
from eigenfit.solver.linalg.eigh import eigenvalues, guarded_eigh
from tests.problems.given_matrices import random_hermitian

from ..helpers import finite_differences, tape_hessian, tape_hessians, tape_jacobian


@functools.cache
def free(dtype: tf.DType) -> SpectralSolver:
    return SpectralSolver(Symmetric(3), dtype=dtype)


def check_second_derivatives(complex_entries: bool, rng: np.random.Generator) -> None:
    """Those of all levels, against finite differences of NumPy's eigenvalues."""
    constant, *basis = random_hermitian(4, 4, seed=51, complex_entries=complex_entries)
    solver = SpectralSolver(Affine(constant, np.stack(basis)))
    x = rng.normal(size=3)

    def levels(x: np.ndarray) -> np.ndarray:
        return np.linalg.eigvalsh(solver.parameterization.matrix(tf.constant(x[None]))[0])

    expected = finite_differences(lambda y: finite_differences(levels, y, 3e-3), x, 3e-3)
    found = tape_hessians(solver.spectrum, x, 4)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.usefixtures("eagerly")
def test_second_derivatives(rng: np.random.Generator):
    check_second_derivatives(False, rng)


def test_second_derivatives_of_a_complex_matrix_by_its_compiled_spectrum(rng: np.random.Generator):
    check_second_derivatives(True, rng)


def test_gradient_by_the_matrix_is_the_projector(rng: np.random.Generator):
    """`dlambda_k/dA = v_k v_k^H`, of a real and of a complex matrix."""
    for complex_entries in (False, True):
        matrix = random_hermitian(3, 5, 52, complex_entries)
        vectors = np.linalg.eigh(matrix)[1]
        given = tf.constant(matrix)
        for level in range(5):
            with tf.GradientTape() as tape:
                tape.watch(given)
                value = eigenvalues(given)[:, level]
            projector = np.einsum("bx,by->bxy", vectors[:, :, level], vectors[:, :, level].conj())
            np.testing.assert_allclose(tape.gradient(value, given), projector, atol=1e-12)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("dtype", [tf.float64, tf.float32])
def test_derivatives_at_a_triple_level_are_finite(dtype: tf.DType):
    """The target of P0: eigenvectors are arbitrary there, and 1 / gap infinite."""
    solver = free(dtype)
    x = np.array([1, 1, 1, 0, 0, 0], dtype.as_numpy_dtype)
    jacobian = tape_jacobian(solver.spectrum, x)
    assert np.isfinite(jacobian).all()
    # The sum of the levels is the trace, whatever the eigenvectors are.
    np.testing.assert_allclose(jacobian.sum(axis=0), [1, 1, 1, 0, 0, 0], atol=1e-6)
    assert np.isfinite(tape_hessians(solver.spectrum, x, 3)).all()


@pytest.mark.usefixtures("eagerly")
def test_loss_at_a_degenerate_target_differentiates_twice():
    """At A = 1 with targets 1 the loss is |A - 1|^2 in every direction: its Hessian is known."""
    solver = free(tf.float64)
    x = np.array([1.0, 1, 1, 0, 0, 0])
    with tf.GradientTape() as tape:
        point = tf.Variable(x[None])
        loss = solver.loss(point, np.ones((1, 3)))
    np.testing.assert_allclose(tape.gradient(loss, point), np.zeros((1, 6)), atol=1e-14)
    second = tape_hessian(lambda y: solver.loss(y, np.ones((6, 3))), x)
    assert np.isfinite(second).all()
    # Along the diagonal no coupling is involved.
    np.testing.assert_allclose(second[:3, :3], 2 * np.eye(3), atol=1e-12)


@pytest.mark.usefixtures("eagerly")
def test_symmetric_functions_of_degenerate_levels(rng: np.random.Generator):
    """tr A^3 has exact derivatives through its eigenvalues even where two of them are equal."""
    solver = free(tf.float64)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    a = rotation @ np.diag([1.0, 1.0, 2.0]) @ rotation.T
    x = np.array([a[0, 0], a[1, 1], a[2, 2], a[1, 0], a[2, 1], a[2, 0]])
    point = tf.constant(x[None])
    with tf.GradientTape() as tape:
        tape.watch(point)
        value = tf.reduce_sum(solver.spectrum(point) ** 3)
    square = 3 * a @ a
    expected = [square[0, 0], square[1, 1], square[2, 2]]
    expected += [2 * square[1, 0], 2 * square[2, 1], 2 * square[2, 0]]
    np.testing.assert_allclose(tape.gradient(value, point)[0], expected, rtol=1e-12, atol=1e-12)


def test_bad_matrices_do_not_stop_the_others():
    matrices = np.stack([np.diag([2.0, 1.0])] * 4)
    matrices[1, 0, 0], matrices[2, 1, 0], matrices[3, 1, 1] = np.nan, np.inf, 1e300
    values, vectors, finite = guarded_eigh(tf.constant(matrices))
    assert finite.numpy().tolist() == [True, False, False, False]
    assert np.isfinite(values).all()
    assert np.isfinite(vectors).all()
    given = tf.constant(matrices)
    with tf.GradientTape() as tape:
        tape.watch(given)
        values = eigenvalues(given)
        total = tf.reduce_sum(values[0])
    np.testing.assert_array_equal(values[0], [1.0, 2.0])
    assert np.isnan(values[1:]).all()
    np.testing.assert_allclose(tape.gradient(total, given)[0], np.eye(2), atol=1e-14)


@pytest.mark.usefixtures("eagerly")
def test_gradients_of_good_rows_beside_bad_ones_are_finite():
    solver = SpectralSolver(Symmetric(2))
    x = tf.constant([[1.0, 2.0, 0.5], [np.nan, 1.0, 0.0], [1e300, 0.0, 0.0]], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = solver.loss(x, [[0.0, 3.0]] * 3)
    alone = tf.constant([[1.0, 2.0, 0.5]], tf.float64)
    with tf.GradientTape() as second:
        second.watch(alone)
        expected = solver.loss(alone, [[0.0, 3.0]])
    np.testing.assert_array_equal(loss[0], expected[0])
    assert not np.isfinite(loss[1:]).any()
    np.testing.assert_array_equal(tape.gradient(loss, x)[0], second.gradient(expected, alone)[0])


@pytest.mark.parametrize(
    ("complex_entries", "graph"), [(False, False), (True, False), (True, True)]
)
def test_third_derivatives_are_not_finite(complex_entries: bool, graph: bool):
    """Of the second row alone; they were plausible numbers, and wrong."""
    basis = [np.diag([1.0, -2.0, 1.0, 0.0]), np.ones([4, 4])]  # no chance cancellation
    if complex_entries:
        basis = list(random_hermitian(2, 4, seed=53, complex_entries=True))
    given = Affine(np.diag([0.0, 1.0, 3.0, 4.0]), basis)
    x = tf.constant([[0.3, 0.1], [0.2, 0.4]], tf.float64)
    along = tf.constant([0.2, -1.0], tf.float64)

    def derivative(x: tf.Tensor, order: int) -> tf.Tensor:
        if order == 0:
            levels = given.spectrum(x)[1]
            return levels[1] - levels[0]
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = tf.reduce_sum(derivative(x, order - 1) * (1.0 if order == 1 else along))
        return tape.gradient(value, x)

    def both(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return derivative(x, 2), derivative(x, 3)

    second, third = (tf.function(both, autograph=False) if graph else both)(x)
    assert np.isfinite(second).all()
    assert not np.isfinite(third[1]).any()
    np.testing.assert_array_equal(third[0], 0.0)
