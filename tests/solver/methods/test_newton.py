"""Newton: the modified step, quadratic convergence also to degenerate targets, and saddles."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import Affine, Newton, SpectralSolver, Status, Symmetric
from eigenfit.solver.methods.newton import modified_step
from tests.problems.given_matrices import random_hermitian

eagerly = pytest.mark.usefixtures("eagerly")


@functools.cache
def free_entries() -> SpectralSolver:
    return SpectralSolver(Symmetric(3), Newton())


def test_step_of_a_positive_definite_hessian_is_damped_newton(rng: np.random.Generator):
    root = rng.normal(size=(6, 4, 4))
    hessian = root @ root.swapaxes(1, 2) + np.eye(4)
    gradient, damping = rng.normal(size=(6, 4)), 10.0 ** rng.uniform(-3, 1, size=6)
    found = modified_step(*(tf.constant(x) for x in (hessian, gradient, damping, np.ones(6))))
    expected = np.linalg.solve(hessian + damping[:, None, None] * np.eye(4), gradient[..., None])
    np.testing.assert_allclose(found.step, expected[..., 0], rtol=1e-10)
    assert not found.saddle.numpy().any()


def test_step_of_any_hessian_goes_down(rng: np.random.Generator):
    hessian = rng.normal(size=(50, 4, 4))
    hessian = hessian + hessian.swapaxes(1, 2)
    gradient = rng.normal(size=(50, 4))
    damping, residual = np.full(50, 1e-3), np.ones(50)
    found = modified_step(*(tf.constant(x) for x in (hessian, gradient, damping, residual)))
    assert (np.sum(found.step * gradient, axis=1) > 0).all()
    assert found.saddle.numpy().tolist() == (np.linalg.eigvalsh(hessian)[:, 0] < 0).tolist()


def test_step_on_a_saddle_follows_the_negative_curvature():
    hessian = tf.constant([np.diag([2.0, -1.0])] * 2)
    gradient = tf.constant([[0.0, 0.0], [0.0, -1e-6]], tf.float64)
    small, one = tf.constant([1e-9, 1e-9], tf.float64), tf.ones([2], tf.float64)
    found = modified_step(hessian, gradient, small, one)
    np.testing.assert_allclose(np.abs(found.step), [[0, 0.1], [0, 0.1]], atol=1e-8)
    assert found.step.numpy()[1, 1] < 0  # downhill
    assert found.saddle.numpy().all()


def test_triple_level_from_a_thousand_starts():
    """P0, target (1, 1, 1), to a loss of 1e-8: at most 8 steps in the median, no failures."""
    start = np.random.default_rng(1).normal(size=(1000, 6))
    first = np.linalg.eigvalsh(Symmetric(3).matrix(tf.constant(start)).numpy())
    tolerance = np.sqrt(1e-8 / 3) / np.maximum(np.abs(first).max(axis=1), 1.0)
    fit = free_entries().fit(np.ones((1000, 3)), initial=start, tolerance=tolerance)
    assert (fit.status.numpy() == Status.CONVERGED).all()
    assert fit.loss.numpy().max() <= 1e-8
    assert np.median(fit.steps) <= 8


@eagerly
@pytest.mark.parametrize("wanted", [[1, 1, 2, 2, 2], [1, 2, 3, 4, 5]])
def test_quadratic_convergence(wanted: list[int]):
    """As many parameters as levels; a matrix with exactly these levels is in the family."""
    generator = np.random.default_rng(5)
    basis = random_hermitian(5, 5, seed=31)
    solution = generator.normal(size=5)
    rotation = np.linalg.qr(generator.normal(size=(5, 5)))[0]
    constant = (rotation * wanted) @ rotation.T - np.tensordot(solution, basis, 1)
    solver = SpectralSolver(Affine(constant, basis), Newton(), tolerance=1e-13)
    start = solution + 0.02 * generator.normal(size=5)
    trace = solver.trace(np.array([wanted], float), initial=start[None])
    error = np.linalg.norm(trace.parameters.numpy()[0] - solution, axis=1)
    assert trace.status.numpy().tolist() == [Status.CONVERGED]
    assert error[-1] < 1e-11
    last = error[(error < 1e-2) & (error > 1e-7)]
    following = error[1:][(error[:-1] < 1e-2) & (error[:-1] > 1e-7)]
    assert len(last) >= 1
    assert (following <= 50.0 * last**2).all()  # the ratio of an error to the square before it


@eagerly
def test_saddles_are_left():
    """By symmetry the loss is even in b: b = 0 is stationary, and a maximum along b."""
    coupling = np.array([[0, 1.0, 0], [1, 0, 0], [0, 0, 0]])
    structure = Affine(np.diag([0, 1.0, 5]), [coupling, np.diag([0, 0, 1.0])])
    targets = [[-0.5, 1.5, 6.0]]
    fit = SpectralSolver(structure, Newton()).fit(targets * 2, initial=[[0.0, 0.3], [1e-8, 1.0]])
    assert fit.status.numpy().tolist() == [Status.CONVERGED] * 2
    np.testing.assert_allclose(np.abs(fit.parameters), [[np.sqrt(0.75), 1]] * 2, atol=1e-8)


@eagerly
def test_single_precision(rng: np.random.Generator):
    solver = SpectralSolver(Symmetric(3), Newton(), dtype=tf.float32)
    fit = solver.fit(np.ones((20, 3)), initial=rng.normal(size=(20, 6)))
    assert fit.status.numpy().tolist() == [Status.CONVERGED] * 20
    expected = np.tile([1.0, 1, 1, 0, 0, 0], (20, 1))
    np.testing.assert_allclose(fit.parameters, expected, atol=1e-4)


@pytest.mark.parametrize("value", [0, -1.0, np.nan, np.inf, True, "1"])
def test_wrong_arguments(value: object):
    with pytest.raises(ValueError, match=r"Newton: initial_damping must be .* got"):
        Newton(initial_damping=value)  # pyright: ignore[reportArgumentType]  # wrong on purpose
