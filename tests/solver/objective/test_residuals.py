"""What the fields of a result mean: signs, weights, levels that were not observed."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import least_squares

from eigenfit.solver import Affine, FitResult, Levels, SpectralSolver, Status
from tests.problems.given_matrices import random_hermitian

from ..helpers import as_numpy, assert_same

eagerly = pytest.mark.usefixtures("eagerly")

CONSTANT, *REST = random_hermitian(3, 6, seed=81, complex_entries=True)
BASIS = np.stack(REST)
SOLUTION = np.array([0.7, -0.5])
LEVELS = np.linalg.eigvalsh(CONSTANT + np.tensordot(SOLUTION, BASIS, 1))
TARGETS = LEVELS + 0.1 * np.random.default_rng(82).normal(size=(5, 6))
WEIGHTS = np.random.default_rng(83).uniform(0.5, 2.0, size=(5, 6))
START = np.tile(SOLUTION, (5, 1))


@functools.cache
def solver() -> SpectralSolver:
    return SpectralSolver(Affine(CONSTANT, BASIS), starts=1)


@functools.cache
def weighted_fit() -> FitResult:
    return as_numpy(solver().fit(TARGETS, initial=START, weights=WEIGHTS))


def numpy_levels(x: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh(CONSTANT + np.tensordot(x, BASIS, 1))


def numpy_minimum(targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The least-squares parameters by SciPy, over the levels of positive weight."""
    seen = ~np.isnan(targets) & (weights > 0)

    def residual(x: np.ndarray) -> np.ndarray:
        return (weights * (targets - numpy_levels(x)))[seen]

    return least_squares(residual, SOLUTION, jac="3-point", xtol=1e-15, ftol=1e-15, gtol=1e-14).x


def test_residual_is_observed_minus_fitted_without_weights():
    fit = weighted_fit()
    fitted = np.stack([numpy_levels(x) for x in fit.parameters])
    np.testing.assert_allclose(fit.eigenvalues, fitted, rtol=0, atol=1e-12)
    np.testing.assert_allclose(fit.residuals, TARGETS - fitted, rtol=0, atol=1e-12)
    assert np.abs(fit.residuals).max() > 0.01


def test_loss_is_the_sum_of_squared_weighted_residuals():
    fit = weighted_fit()
    expected = np.sum((WEIGHTS * fit.residuals) ** 2, axis=1)
    np.testing.assert_allclose(fit.loss, expected, rtol=1e-12)
    again = solver().loss(fit.parameters, TARGETS, WEIGHTS)
    np.testing.assert_allclose(fit.loss, again, rtol=1e-12)


def test_parameters_are_those_of_scipy():
    fit = weighted_fit()
    assert fit.status.tolist() == [Status.STATIONARY] * 5
    expected = [numpy_minimum(t, w) for t, w in zip(TARGETS, WEIGHTS, strict=True)]
    np.testing.assert_allclose(fit.parameters, expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_gradient_norm_is_that_of_the_loss(steps: int):
    """Before the minimum, where it does not vanish, against a tape."""
    start = np.add(START, [0.3, 0.2])
    fit = solver().fit(TARGETS, initial=start, weights=WEIGHTS, max_steps=steps)
    x = tf.constant(fit.parameters.numpy())
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = solver().loss(x, TARGETS, WEIGHTS)
    expected = np.linalg.norm(tape.gradient(loss, x), axis=1)
    np.testing.assert_allclose(fit.gradient_norm, expected, rtol=1e-7, atol=1e-11)
    if steps == 1:
        assert (expected > 1e-3).all()


def test_weight_zero_is_a_level_that_was_not_observed():
    hidden = np.isin(np.arange(6), (1, 4))
    without = as_numpy(solver().fit(np.where(hidden, np.nan, TARGETS), initial=START))
    weights = np.where(hidden, 0.0, 1.0) * np.ones((5, 6))
    zero = as_numpy(solver().fit(TARGETS, initial=START, weights=weights))
    also = as_numpy(solver().fit(np.where(hidden, 1e30, TARGETS), initial=START, weights=weights))
    assert_same(zero, without)
    assert_same(also, without)
    np.testing.assert_array_equal(np.isnan(without.residuals), np.tile(hidden, (5, 1)))
    assert np.isfinite(without.eigenvalues).all()
    expected = [numpy_minimum(t, (~hidden).astype(float)) for t in TARGETS]
    np.testing.assert_allclose(without.parameters, expected, rtol=0, atol=1e-7)
    shown = np.nansum(without.residuals**2, axis=1)
    np.testing.assert_allclose(without.loss, shown, rtol=1e-12)


def test_default_weight_is_one():
    ones = as_numpy(solver().fit(TARGETS, initial=START, weights=np.ones((5, 6))))
    nans = as_numpy(solver().fit(TARGETS, initial=START, weights=np.full((5, 6), np.nan)))
    none = as_numpy(solver().fit(TARGETS, initial=START))
    assert_same(ones, none)
    assert_same(nans, none)


def test_a_large_weight_pins_its_level():
    weights = np.where(np.arange(6) == 3, 1e4, 1.0) * np.ones((5, 6))
    fit = as_numpy(solver().fit(TARGETS, initial=START, weights=weights))
    np.testing.assert_allclose(fit.residuals[:, 3], 0.0, atol=1e-6)
    assert (np.abs(fit.residuals[:, :3]).max(axis=1) > 1e-2).all()


@functools.cache
def relative_solver() -> SpectralSolver:
    with_shift = np.concatenate([BASIS, np.eye(6)[None]])
    return SpectralSolver(
        Affine(CONSTANT, with_shift), observation=Levels(relative_to="lowest"), absolute_sigma=True
    )


@eagerly
def test_relative_levels_know_nothing_of_a_common_shift():
    excitations = TARGETS - TARGETS[:, :1]
    here = np.column_stack([START, np.zeros(5)])
    there = np.column_stack([START, np.full(5, 50.0)])
    one = as_numpy(relative_solver().fit(excitations, initial=here))
    other = as_numpy(relative_solver().fit(excitations, initial=there))
    assert one.status.tolist() == other.status.tolist() == [Status.STATIONARY] * 5
    np.testing.assert_allclose(one.parameters[:, :2], other.parameters[:, :2], atol=1e-8)
    np.testing.assert_allclose(one.parameters[:, 2], 0.0, atol=1e-12)
    np.testing.assert_allclose(other.parameters[:, 2], 50.0, atol=1e-12)
    assert np.isinf(one.standard_errors[:, 2]).all()
    assert np.isfinite(one.standard_errors[:, :2]).all()
    # All eigenvalues are reported, shift and all; residuals are of excitations.
    np.testing.assert_allclose(one.eigenvalues + 50.0, other.eigenvalues, atol=1e-7)
    fitted = one.eigenvalues - one.eigenvalues[:, :1]
    np.testing.assert_allclose(one.residuals, excitations - fitted, atol=1e-12)
    np.testing.assert_array_equal(one.residuals[:, 0], 0.0)


@eagerly
def test_relative_levels_are_fitted_as_scipy_fits_them():
    excitations = TARGETS - TARGETS[:, :1]
    excitations[:, 2] = np.nan
    relative = SpectralSolver(Affine(CONSTANT, BASIS), observation=Levels(relative_to="lowest"))
    fit = as_numpy(relative.fit(excitations, initial=START))
    for row in range(5):

        def residual(x: np.ndarray, row: int = row) -> np.ndarray:
            levels = numpy_levels(x)
            return np.delete(excitations[row] - (levels - levels[0]), [0, 2])

        best = least_squares(residual, SOLUTION, jac="3-point", xtol=1e-15, ftol=1e-15, gtol=1e-14)
        np.testing.assert_allclose(fit.parameters[row], best.x, rtol=0, atol=1e-7)
        np.testing.assert_allclose(fit.loss[row], 2 * best.cost, rtol=1e-9)
