"""Every way a row can end."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import Adam, Affine, Levels, Nonlinear, SpectralSolver, Status, Toeplitz

pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture
def toeplitz() -> SpectralSolver:
    return SpectralSolver(Toeplitz(3))


def test_each_code_has_one_message():
    assert {int(code) for code in Status} == {1, 2, 3, 4, -1, -2, -3}
    assert len({code.message for code in Status}) == len(Status)


def test_converged_means_the_rms_residual_is_within_the_tolerance(toeplitz):
    targets = [[1.0, 2.0, 4.0]] * 3
    fit = toeplitz.fit(targets, [[2.0, 0.5, 0.3]] * 3, tolerance=[1e-2, 1e-6, np.nan])
    assert fit.status.numpy().tolist() == [1, 1, 1]
    rms = np.sqrt(np.mean(fit.residuals.numpy() ** 2, axis=1)) / 4.0
    assert rms[0] <= 1e-2
    assert rms[1] <= 1e-6
    assert rms[2] <= 1e-10
    steps = fit.steps.numpy()
    assert steps[0] < steps[1] <= steps[2]


def test_stationary_means_that_the_gradient_vanishes():
    """Against scipy: an affine problem with more levels than parameters and noise."""
    from scipy.optimize import least_squares

    rng = np.random.default_rng(0)
    basis = rng.normal(size=(2, 5, 5))
    basis += basis.transpose(0, 2, 1)
    targets = np.linalg.eigvalsh(basis[0] - 0.5 * basis[1]) + 0.1 * rng.normal(size=5)
    fit = SpectralSolver(Affine(None, basis)).fit([targets], [[1.0, -0.5]])
    assert fit.status.numpy().tolist() == [2]
    expected = least_squares(
        lambda x: targets - np.linalg.eigvalsh(np.tensordot(x, basis, 1)),
        [1.0, -0.5],
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
    )
    np.testing.assert_allclose(fit.parameters[0], expected.x, atol=1e-7)
    np.testing.assert_allclose(fit.loss[0], 2 * expected.cost, rtol=1e-12)
    assert fit.gradient_norm.numpy()[0] < 1e-8


def test_max_steps_for_each_row(toeplitz):
    fit = toeplitz.fit([[1.0, 2.0, 4.0]] * 3, [[2.0, 0.5, 0.3]] * 3, max_steps=[1, 2, 0])
    assert fit.status.numpy().tolist() == [4, 4, 1]
    assert fit.steps.numpy().tolist()[:2] == [1, 2]


def test_non_finite_at_the_start():
    """By the method that accepts every step; other tests have such starts of the others."""
    root = Nonlinear(lambda x: tf.linalg.diag(tf.sqrt(x)), n=1, p=1)
    fit = SpectralSolver(root, Adam(0.1)).fit([[2.0], [2.0]], [[-1.0], [3.9]], max_steps=20)
    assert fit.status.numpy().tolist()[0] == -2
    assert np.isnan(fit.parameters.numpy()[0]).all()
    assert fit.status.numpy().tolist()[1] in (1, 4)
    assert np.isfinite(fit.parameters.numpy()[1]).all()


def test_what_is_left_out_may_be_anything(toeplitz):
    """A weight of 0 leaves a level out, whatever its target."""
    fit = toeplitz.fit([[1.0, np.inf, 4.0]], weights=[[1.0, 0.0, 1.0]])
    assert fit.status.numpy().tolist() == [1]
    same = toeplitz.fit([[1.0, np.nan, 4.0]])
    np.testing.assert_array_equal(fit.parameters, same.parameters)
    assert np.isnan(fit.residuals.numpy()[0, 1])


def test_a_large_common_offset_does_not_prevent_a_certificate():
    rng = np.random.default_rng(1)
    basis = rng.normal(size=(2, 5, 5))
    basis += basis.transpose(0, 2, 1)
    structure, x = Affine(1e6 * np.eye(5), basis), np.array([[1.0, -0.5]])
    model = SpectralSolver(structure, observation=Levels("lowest"), tolerance=1e-8)
    targets = model.comparison.observe(structure.spectrum(tf.constant(x))).numpy()
    noisy = targets + np.array([[0, 0.1, -0.1, 0.05, 0.1]])
    fit = model.fit(np.concatenate([targets, noisy]), np.repeat(x + 0.05, 2, axis=0))
    assert fit.status.numpy().tolist() == [1, 2]
