"""L-BFGS: the two loops against the matrix they stand for, the memory, and whole fits."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import least_squares

from eigenfit.solver import LBFGS, Affine, SpectralSolver, Status, Symmetric
from eigenfit.solver.methods.lbfgs import Memory, interpolated_share, remember, two_loops
from eigenfit.solver.objective.point import Point
from tests.problems.given_matrices import random_hermitian

eagerly = pytest.mark.usefixtures("eagerly")

CONSTANT, *REST = random_hermitian(4, 6, seed=301)
BASIS = np.stack(REST)


def levels(x: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh(CONSTANT + np.tensordot(x, BASIS, 1))


def point_of(**fields: object) -> Point:
    return Point(**(dict.fromkeys(Point._fields, ()) | fields))  # pyright: ignore[reportArgumentType]  # only what is looked at


def test_two_loops_apply_the_bfgs_matrix(rng: np.random.Generator):
    """Equation 7.16 of Nocedal & Wright by matrices; row r has r pairs, the others are empty."""
    rows, size, count = 4, 3, 5
    moves = rng.normal(size=(rows, size, count))
    changes = moves + 0.3 * rng.normal(size=moves.shape)
    weights = 1.0 / np.sum(moves * changes, axis=-1)
    weights[np.arange(size)[None, :] >= np.arange(rows)[:, None]] = 0.0
    gradient = rng.normal(size=(rows, count))
    diagonal = rng.uniform(0.5, 2.0, size=(rows, count))
    memory = Memory(*(tf.constant(x) for x in (moves, changes, weights)))
    found = two_loops(tf.constant(gradient), memory, tf.constant(diagonal))
    for row in range(rows):
        inverse = np.diag(diagonal[row])
        for index in reversed(range(row)):  # from the oldest to the newest
            s, y, rho = moves[row, index], changes[row, index], weights[row, index]
            left = np.eye(count) - rho * np.outer(s, y)
            inverse = left @ inverse @ left.T + rho * np.outer(s, s)
        np.testing.assert_allclose(found[row], inverse @ gradient[row], rtol=1e-10)


def test_memory_takes_pairs_with_curvature_only():
    """Row 0 is stored; 1 bends down; 2 was not accepted; 3 has a parameter held at a bound."""
    zero = tf.zeros([4, 2, 2], tf.float64)
    memory = Memory(zero + 7.0, zero + 8.0, zero[:, :, 0] + 9.0)
    ones = np.ones((4, 2))
    norms = np.array([[1.0, 1], [1, 1], [1, 1], [1, 0]])
    before = point_of(
        parameters=tf.constant(0 * ones), descent=tf.constant(ones), column_norms=tf.constant(ones)
    )
    gradient = np.array([[0.5, 0.0], [1.5, 1.5], [0.5, 0.0], [0.5, 0.0]])
    after = point_of(
        parameters=tf.constant(ones), descent=tf.constant(gradient), column_norms=norms
    )
    accepted = tf.constant([True, True, False, True])
    found = remember(memory, before, after, tf.constant(ones), accepted)
    np.testing.assert_allclose(found.moves[:, 0], [[1, 1], [7, 7], [7, 7], [1, 0]])
    np.testing.assert_allclose(found.changes[:, 0], [[0.5, 1], [8, 8], [8, 8], [0.5, 0]])
    np.testing.assert_allclose(found.weights, [[1 / 1.5, 9], [9, 9], [9, 9], [2, 9]])
    np.testing.assert_allclose(found.moves[:, 1], [[7, 7]] * 4)


def test_interpolation_finds_the_least_point_of_the_cubic():
    """phi(a) = -a + c a^2 + a^3, a step of 1; with c = 9 the least point is below 1/10."""
    cubic = np.array([0.5, 2.0, 9.0])
    start, end = -np.ones(3), -1 + 2 * cubic + 3
    before = point_of(
        parameters=tf.zeros([4, 1], tf.float64),
        loss=tf.ones([4], tf.float64),
        descent=tf.constant(np.append(start, 1.0)[:, None] / -2),
    )
    largest = np.finfo(float).max
    after = point_of(
        parameters=tf.ones([4, 1], tf.float64),
        loss=tf.constant(np.append(cubic + 1, largest)),
        descent=tf.constant(np.append(end, 0.0)[:, None] / -2),
    )
    grid = np.linspace(0, 1, 1_000_001)
    wanted = [grid[np.argmin(-grid + c * grid**2 + grid**3)] for c in cubic]
    assert wanted[2] < 0.1
    found = interpolated_share(before, after)
    np.testing.assert_allclose(found, [*np.clip(wanted, 0.1, 0.5), 0.5], atol=1e-5)


@pytest.mark.parametrize(("memory", "most"), [(1, 60), (10, 30)])
def test_loss_never_rises_and_a_longer_memory_helps(memory: int, most: int):
    generator = np.random.default_rng(9)
    solution = generator.normal(size=(5, 3))
    targets = np.stack([levels(x) for x in solution])
    solver = SpectralSolver(Affine(CONSTANT, BASIS), LBFGS(memory), starts=1)
    trace = solver.trace(targets, initial=solution + 0.1 * generator.normal(size=(5, 3)))
    loss = trace.loss.numpy()
    assert trace.status.numpy().tolist() == [Status.CONVERGED] * 5
    assert (loss[:, 1:] <= loss[:, :-1] * (1 + 1e-9) + 1e-20).all()
    assert np.median(trace.steps) <= most


@eagerly
def test_residual_left(rng: np.random.Generator):
    start = 0.3 * rng.normal(size=(4, 3))
    targets = np.stack([levels(x) for x in start]) + 0.05 * rng.normal(size=(4, 6))
    fit = SpectralSolver(Affine(CONSTANT, BASIS), LBFGS()).fit(targets, initial=start)
    assert fit.status.numpy().tolist() == [Status.STATIONARY] * 4
    for row in range(4):
        best = least_squares(
            lambda x, t=targets[row]: levels(x) - t, start[row], xtol=1e-15, ftol=1e-15, gtol=1e-14
        )
        assert fit.loss.numpy()[row] == pytest.approx(2 * best.cost, rel=1e-9)


@eagerly
def test_single_precision(rng: np.random.Generator):
    targets = np.sort(rng.normal(size=(20, 4)), axis=1)
    solver = SpectralSolver(Symmetric(4), LBFGS(), dtype=tf.float32)
    fit = solver.fit(targets, initial=rng.normal(size=(20, 10)))
    assert fit.status.numpy().tolist() == [Status.CONVERGED] * 20
    np.testing.assert_allclose(fit.eigenvalues, targets, atol=1e-4)


@pytest.mark.parametrize("value", [0, -1, 2.5, True, "3"])
def test_wrong_arguments(value: object):
    with pytest.raises(ValueError, match=r"LBFGS: memory must be .* got"):
        LBFGS(memory=value)  # pyright: ignore[reportArgumentType]  # wrong on purpose
