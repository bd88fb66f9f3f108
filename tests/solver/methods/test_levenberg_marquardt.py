"""The pieces of Levenberg-Marquardt: damping, the damped step, and the way of a whole fit."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import Affine, LevenbergMarquardt, SpectralSolver, Status
from eigenfit.solver.methods.levenberg_marquardt import damped_step, next_damping
from tests.problems.given_matrices import random_hermitian

eagerly = pytest.mark.usefixtures("eagerly")


@pytest.mark.parametrize(
    ("gain", "accepted", "factor", "next_growth"),
    [
        (1.0, True, 1 / 3, 2.0),  # the model was right: the smallest factor
        (0.99, True, 1 / 3, 2.0),
        (0.5, True, 1.0, 2.0),
        (0.75, True, 0.875, 2.0),
        (0.25, True, 1.125, 2.0),
        (1e-9, True, 2.0, 2.0),
        (5.0, True, 1 / 3, 2.0),  # more than predicted
        (-0.1, False, 8.0, 16.0),  # failure: mu nu, 2 nu
        (-1e300, False, 8.0, 16.0),
        (np.inf, True, 1 / 3, 2.0),
    ],
)
def test_nielsen_damping(gain: float, accepted: bool, factor: float, next_growth: float):
    """Equation 2.5 of Nielsen 1999, by hand, from mu = 0.01 and nu = 8."""
    damping, growth = next_damping(
        tf.constant([0.01], tf.float64),
        tf.constant([8.0], tf.float64),
        tf.constant([gain], tf.float64),
        tf.constant([accepted]),
    )
    assert damping.numpy().item() == pytest.approx(0.01 * factor, rel=1e-7)
    assert growth.numpy().item() == next_growth


def test_repeated_failures_double_the_growth():
    damping, growth = tf.constant([1e-3]), tf.constant([2.0])
    for _ in range(5):
        damping, growth = next_damping(damping, growth, -tf.ones([1]), tf.constant([False]))
    assert damping.numpy().item() == pytest.approx(1e-3 * 2**15)
    assert growth.numpy().tolist() == [64.0]


def test_rows_of_the_damping_do_not_mix():
    """Accepted and rejected rows side by side, against each row alone."""
    damping, growth = tf.constant([0.1, 0.2, 0.3, 0.4]), tf.constant([2.0, 4.0, 8.0, 16.0])
    gain, accepted = tf.constant([0.9, -1.0, 0.1, np.nan]), tf.constant([True, False, True, False])
    together = next_damping(damping, growth, gain, accepted)
    for row in range(4):
        one = slice(row, row + 1)
        alone = next_damping(damping[one], growth[one], gain[one], accepted[one])
        np.testing.assert_array_equal(together[0][one], alone[0])
        np.testing.assert_array_equal(together[1][one], alone[1])
    assert np.isfinite(together[0]).all()


@pytest.mark.parametrize(("levels", "count"), [(7, 3), (5, 5), (3, 8), (1, 4), (4, 1)])
def test_damped_step_solves_the_damped_normal_equations(
    levels: int, count: int, rng: np.random.Generator
):
    """The m-by-m form, too, solves `(J^T J + mu) s = J^T r`."""
    jacobian = rng.normal(size=(6, levels, count))
    residual = rng.normal(size=(6, levels))
    damping = 10.0 ** rng.uniform(-3, 1, size=6)
    gradient = np.einsum("rmp,rm->rp", jacobian, residual)
    found = damped_step(*(tf.constant(x) for x in (jacobian, residual, gradient, damping)))
    for row in range(6):
        normal = jacobian[row].T @ jacobian[row] + damping[row] * np.eye(count)
        expected = np.linalg.solve(normal, gradient[row])
        np.testing.assert_allclose(found[row], expected, rtol=1e-9, atol=1e-12)


CONSTANT, *REST = random_hermitian(4, 6, seed=101, complex_entries=False)


@eagerly
@pytest.mark.parametrize("initial_damping", [1e-12, 1e3])
def test_every_damping_finds_the_way(initial_damping: float):
    basis = np.stack(REST)
    targets = np.linalg.eigvalsh(CONSTANT + np.tensordot([0.2, 0.1, -0.3], basis, 1))[None]
    solver = SpectralSolver(Affine(CONSTANT, basis), LevenbergMarquardt(initial_damping))
    fit = solver.fit(targets, initial=[[0.25, 0.05, -0.2]])
    assert fit.status.numpy().tolist() == [Status.CONVERGED]
    np.testing.assert_allclose(fit.parameters, [[0.2, 0.1, -0.3]], atol=1e-8)
