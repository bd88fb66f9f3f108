"""Gauss-Newton: the step, the line search, and published Newton iterates."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import Affine, GaussNewton, SpectralSolver, Status, Symmetric, Toeplitz
from eigenfit.solver.linalg.graded import minimum_norm_step
from eigenfit.solver.methods.line_search import downhill
from eigenfit.solver.objective.model import Data
from eigenfit.solver.objective.point import Point
from tests.problems import additive as p1
from tests.problems.given_matrices import random_hermitian

eagerly = pytest.mark.usefixtures("eagerly")

CONSTANT, *REST = random_hermitian(4, 6, seed=301)
BASIS = np.stack(REST)


def levels(x: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh(CONSTANT + np.tensordot(x, BASIS, 1))


@functools.cache
def toeplitz() -> SpectralSolver:
    return SpectralSolver(Toeplitz(4), GaussNewton(), starts=4)


@pytest.mark.parametrize(("rows", "columns"), [(5, 3), (3, 5), (4, 4), (1, 3), (3, 1)])
@pytest.mark.parametrize("deficient", [False, True])
def test_step_is_that_of_the_pseudo_inverse(
    rows: int, columns: int, deficient: bool, rng: np.random.Generator
):
    jacobian = rng.normal(size=(5, rows, columns))
    if deficient:
        jacobian[:, :, -1] = 2.0 * jacobian[:, :, 0]
        jacobian[1] = 0.0
    residual = rng.normal(size=(5, rows))
    found = minimum_norm_step(tf.constant(jacobian), tf.constant(residual))
    expected = np.einsum("rpm,rm->rp", np.linalg.pinv(jacobian, rcond=1e-12), residual)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@eagerly
def test_published_iterates_of_the_additive_problem():
    """With as many parameters as levels: method I of Friedland, Nocedal & Overton, table 4.1."""
    solver = SpectralSolver(Affine(p1.CONSTANT, p1.BASIS), GaussNewton(), tolerance=1e-13)
    trace = solver.trace(p1.LEVELS[None], initial=p1.LEVELS[None])
    norms = np.sqrt(trace.loss.numpy()[0])
    np.testing.assert_allclose(norms[:5], p1.NEWTON_RESIDUALS[:5], rtol=0.05)
    assert norms[5] < 1e-11


@eagerly
def test_free_entries_need_one_step(rng: np.random.Generator):
    """With a free matrix the step of least norm is `V diag(t - lambda) V^T`: the answer."""
    start = rng.normal(size=(20, 6))
    matrices = Symmetric(3).matrix(tf.constant(start)).numpy()
    _, vectors = np.linalg.eigh(matrices)
    targets = np.sort(rng.normal(size=(20, 3)), axis=1)
    solver = SpectralSolver(Symmetric(3), GaussNewton())
    fit = solver.fit(targets, initial=start)
    assert fit.steps.numpy().tolist() == [1] * 20
    expected = (vectors * targets[:, None, :]) @ vectors.swapaxes(1, 2)
    np.testing.assert_allclose(solver.matrix(fit.parameters), expected, atol=1e-12)


def test_loss_never_rises_and_steps_are_halved(rng: np.random.Generator):
    """Far starts, where the full step overshoots."""
    targets = np.stack([levels(x) for x in rng.normal(size=(10, 3))])
    solver = SpectralSolver(Affine(CONSTANT, BASIS), GaussNewton(), max_steps=40, starts=1)
    trace = solver.trace(targets, initial=3.0 * rng.normal(size=(10, 3)))
    loss = trace.loss.numpy()
    before, after = loss[:, :-1], loss[:, 1:]
    assert (after <= before * (1 + 1e-9) + 1e-20).all()
    assert (after[:, :10] == before[:, :10]).any()  # a step that was taken back
    halved = trace.parameters.numpy()
    assert np.isfinite(halved).all()


def test_downhill_stays_within_bounds_and_falls():
    """Row 0: as proposed; 1: without the parameter at its bound; 2: uphill; 3: not finite."""
    descent = np.array([[1.0, 2.0]] * 4)
    lower, upper = np.array([[-1.0, 0.0]] * 4), np.array([[1.0, 9.0]] * 4)
    parameters = np.array([[0.0, 1.0], [0.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    proposed = np.array([[1.0, 1.0], [1.0, -0.2], [-1.0, -1.0], [np.nan, 1.0]])
    jacobian = np.tile(np.eye(2), (4, 1, 1))
    fields = {name: tf.zeros([4]) for name in Point._fields}
    fields |= {
        "parameters": parameters,
        "descent": descent,
        "jacobian": jacobian,
        "column_norms": np.ones((4, 2)),
    }
    point = Point(**{name: tf.constant(value) for name, value in fields.items()})
    data = Data(targets=(), weights=(), lower=tf.constant(lower), upper=tf.constant(upper))
    found, kept = downhill(data, point, tf.constant(proposed), tf.ones([4, 2], tf.float64))
    assert kept.numpy().tolist() == [True, True, False, False]
    np.testing.assert_allclose(found, [[1, 1], [1, 0], [1, 2], [1, 2]])


@eagerly
def test_single_precision():
    solver = SpectralSolver(Affine(p1.CONSTANT, p1.BASIS), GaussNewton(), dtype=tf.float32)
    fit = solver.fit(p1.LEVELS[None], initial=p1.LEVELS[None])
    assert fit.status.numpy().tolist() == [Status.CONVERGED]
    np.testing.assert_allclose(fit.parameters[0], p1.SOLUTION, atol=2e-3)


def test_a_row_that_cannot_get_better_ends():
    """Tolerance 0: in the end no step, however short, lowers the loss."""
    fit = toeplitz().fit([[1.0, 2.0, 4.0, 7.0]], initial=[[3.0, 1.0, 0.1, 0.1]], tolerance=0.0)
    assert fit.status.numpy().item() in (Status.STATIONARY, Status.STALLED, Status.CONVERGED)
    assert fit.loss.numpy().item() < 1e-25


@pytest.mark.parametrize("value", [0, -1, 2.5, True, "3"])
def test_wrong_arguments(value: object):
    with pytest.raises(ValueError, match=r"GaussNewton: max_halvings must be .* got"):
        GaussNewton(max_halvings=value)  # pyright: ignore[reportArgumentType]  # wrong on purpose
