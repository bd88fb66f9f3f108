"""Standard errors against `scipy.optimize.curve_fit`, and inf where nothing is known."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import curve_fit

from eigenfit.solver import Affine, FitResult, SpectralSolver, Status, Symmetric
from tests.problems.given_matrices import random_hermitian

from ..helpers import take

pytestmark = pytest.mark.usefixtures("eagerly")

CONSTANT, *REST = random_hermitian(4, 7, seed=71, complex_entries=False)
BASIS = np.stack(REST)
SOLUTION = np.array([0.5, -0.4, 0.8])
NOISE = 0.05 * np.random.default_rng(72).normal(size=(4, 7))
TARGETS = np.linalg.eigvalsh(CONSTANT + np.tensordot(SOLUTION, BASIS, 1)) + NOISE
WEIGHTS = np.array([20.0, 10.0, 30.0, 20.0, 5.0, 20.0, 40.0])


def levels_of(x: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh(CONSTANT + np.tensordot(x, BASIS, 1))


@functools.cache
def solver(absolute_sigma: bool) -> SpectralSolver:
    return SpectralSolver(Affine(CONSTANT, BASIS), starts=1, absolute_sigma=absolute_sigma)


MISSING = [(), (0, 3)]


@functools.cache
def fits(absolute_sigma: bool) -> FitResult:
    """Without weights and with them, each with no level missing and with two, as one batch."""
    gaps = np.concatenate(
        [np.where(np.isin(np.arange(7), gap), np.nan, TARGETS) for gap in MISSING]
    )
    weights = np.repeat([np.ones(7), WEIGHTS], 8, axis=0)
    fit = solver(absolute_sigma).fit(np.tile(gaps, (2, 1)), [SOLUTION] * 16, weights)
    return FitResult(*(tf.reshape(field, [2, 2, 4, *field.shape[1:]]) for field in fit))


@pytest.mark.parametrize("absolute_sigma", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("gap", [0, 1])
def test_against_curve_fit(absolute_sigma: bool, weighted: bool, gap: int):
    weights = WEIGHTS if weighted else np.ones(7)
    seen = ~np.isin(np.arange(7), MISSING[gap])
    fit = take(fits(absolute_sigma), (int(weighted), gap))
    assert fit.status.tolist() == [Status.STATIONARY] * 4
    for row in range(4):
        best, covariance = curve_fit(
            lambda _, *x: levels_of(np.array(x))[seen],
            np.flatnonzero(seen),
            TARGETS[row][seen],
            p0=SOLUTION,
            sigma=1 / weights[seen],
            absolute_sigma=absolute_sigma,
            xtol=1e-12,
            ftol=1e-12,
        )
        np.testing.assert_allclose(fit.parameters[row], best, rtol=0, atol=1e-6)
        np.testing.assert_allclose(
            fit.standard_errors[row], np.sqrt(np.diag(covariance)), rtol=1e-4
        )


def test_weights_of_another_unit_change_nothing_unless_sigma_is_absolute():
    relative = take(fits(False), (1, 0))
    scaled = solver(False).fit(TARGETS, initial=[SOLUTION] * 4, weights=[4 * WEIGHTS] * 4)
    np.testing.assert_allclose(scaled.standard_errors, relative.standard_errors, rtol=1e-6)
    one = take(fits(True), (1, 0))
    other = solver(True).fit(TARGETS, initial=[SOLUTION] * 4, weights=[4 * WEIGHTS] * 4)
    np.testing.assert_allclose(4 * other.standard_errors, one.standard_errors, rtol=1e-6)


@pytest.mark.parametrize("dtype", [tf.float64, tf.float32])
def test_duplicate_direction_is_undetermined_and_the_others_are_not(dtype: tf.DType):
    """x1 and x2 multiply the same matrix: only their weighted sum is known."""
    basis = np.stack([BASIS[0], BASIS[1], 2 * BASIS[1], BASIS[2]])
    twin = SpectralSolver(Affine(CONSTANT, basis), starts=1, absolute_sigma=True, dtype=dtype)
    start = [[SOLUTION[0], SOLUTION[1] / 2, SOLUTION[1] / 4, SOLUTION[2]]] * 4
    fit = twin.fit(TARGETS, initial=start)
    errors = fit.standard_errors.numpy()
    assert np.isinf(errors[:, [1, 2]]).all()
    alone = take(fits(True), (0, 0)).standard_errors
    accuracy = 1e-4 if dtype == tf.float64 else 2e-2
    np.testing.assert_allclose(errors[:, [0, 3]], alone[:, [0, 2]], rtol=accuracy)
    combined = fit.parameters.numpy()[:, 1] + 2 * fit.parameters.numpy()[:, 2]
    expected = take(fits(True), (0, 0)).parameters[:, 1]
    np.testing.assert_allclose(combined, expected, atol=1e-6 if dtype == tf.float64 else 2e-3)


def test_diagonal_parameters_of_very_different_size():
    """A Jacobian that is diagonal: the errors are known by hand, over 16 orders of magnitude."""
    scales = np.array([1e-8, 1.0, 1e8])
    basis = np.stack([np.diag(row) for row in np.diag(scales)])
    diagonal = Affine(np.diag([0.0, 10.0, 20.0]), basis)
    wide = SpectralSolver(diagonal, starts=1, absolute_sigma=True)
    fit = wide.fit([[1.0, 11.0, 21.0]], weights=[[2.0, 4.0, 5.0]], initial=[0.5 / scales])
    np.testing.assert_allclose(fit.parameters[0], 1 / scales, rtol=1e-9)
    np.testing.assert_allclose(fit.standard_errors[0] * scales, [0.5, 0.25, 0.2], rtol=1e-9)


def test_fewer_levels_than_parameters():
    """Symmetric(3) at a diagonal matrix: levels know the diagonal, nothing of the rest."""
    start = [[1.0, 2.0, 4.0, 0.0, 0.0, 0.0]]
    absolute = SpectralSolver(Symmetric(3), starts=1, absolute_sigma=True)
    fit = absolute.fit([[1.0, 2.0, 4.0]], initial=start, weights=[[1.0, 2.0, 4.0]])
    np.testing.assert_allclose(fit.standard_errors[0, :3], [1.0, 0.5, 0.25], rtol=1e-9)
    assert np.isinf(fit.standard_errors[0, 3:]).all()


def test_no_level_to_spare_leaves_no_estimate_of_the_variance():
    square = Affine(None, np.stack([np.diag(row) for row in np.eye(3)]))
    fit = SpectralSolver(square, starts=1).fit([[1.0, 2.0, 4.0]], initial=[[1.1, 2.1, 4.1]])
    assert np.isinf(fit.standard_errors).all()


def test_exact_fit_with_levels_to_spare_has_vanishing_errors():
    exact = levels_of(SOLUTION)
    fit = solver(False).fit([exact], initial=[SOLUTION + 0.01])
    assert fit.status.numpy().tolist() == [Status.CONVERGED]
    assert (fit.standard_errors.numpy() < 1e-8).all()
    assert (fit.standard_errors.numpy() >= 0).all()
