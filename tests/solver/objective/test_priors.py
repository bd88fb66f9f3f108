"""Gaussian priors: the answer of `scipy.optimize` with one more datum for each of them."""

# Wrong types are part of the point here.
# pyright: reportArgumentType=false

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import curve_fit, least_squares

from eigenfit.solver import Affine, FitResult, SpectralSolver, Status
from tests.problems.given_matrices import random_hermitian

from ..helpers import as_numpy, assert_same, take

eagerly = pytest.mark.usefixtures("eagerly")

CONSTANT, *_REST = random_hermitian(4, 7, seed=71)
BASIS = np.stack(_REST)
SOLUTION = np.array([0.5, -0.4, 0.8])
TARGETS = np.linalg.eigvalsh(CONSTANT + np.tensordot(SOLUTION, BASIS, 1)) + 0.05 * (
    np.random.default_rng(72).normal(size=7)
)
WEIGHTS = np.array([20.0, 10.0, 30.0, 20.0, 5.0, 20.0, 40.0])
INF, NAN = np.inf, np.nan

# Mean and sigma of each row.
ROWS = {
    "all": ([0.6, -0.3, 0.9], [0.02, 0.01, 0.03]),
    "one": ([0.0, -0.35, 0.0], [INF, 0.003, INF]),
    "nan": ([NAN, -0.35, NAN], [NAN, 0.003, NAN]),
    "none": ([1.0, 2.0, 3.0], [INF, INF, INF]),
    "weak": ([0.5, -0.4, 0.8], [10.0, 10.0, 10.0]),
    "very sure": ([0.52, 0.0, 0.0], [1e-7, INF, INF]),
}


def levels_of(x: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh(CONSTANT + np.tensordot(x, BASIS, 1))


def prior_rows(mean: Any, sigma: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which parameters are known, with mean and sigma."""
    known = np.flatnonzero(np.isfinite(sigma))
    return known, np.array(mean)[known], np.array(sigma)[known]


@functools.cache
def solver_of(absolute_sigma: bool) -> SpectralSolver:
    structure = Affine(CONSTANT, BASIS, parameter_names=["a", "b", "c"])
    return SpectralSolver(structure, starts=1, absolute_sigma=absolute_sigma)


def solver() -> SpectralSolver:
    return solver_of(True)


def fit_rows(names: Any = ROWS, absolute_sigma: bool = True) -> FitResult:
    mean, sigma = (
        np.array(part, float) for part in zip(*(ROWS[name] for name in names), strict=True)
    )
    count = len(mean)
    fit = solver_of(absolute_sigma).fit(
        [TARGETS] * count,
        initial=[SOLUTION] * count,
        weights=[WEIGHTS] * count,
        priors=(mean, sigma),
    )
    return as_numpy(fit)


@functools.cache
def all_rows(absolute_sigma: bool) -> FitResult:
    return fit_rows(ROWS, absolute_sigma)


def row_of(name: str, absolute_sigma: bool = True) -> FitResult:
    return take(all_rows(absolute_sigma), list(ROWS).index(name))


@pytest.mark.parametrize("name", ROWS)
def test_against_scipy(name: str):
    known, mean, sigma = prior_rows(*ROWS[name])
    expected = least_squares(
        lambda x: np.append(WEIGHTS * (levels_of(x) - TARGETS), (x[known] - mean) / sigma),
        SOLUTION,
        x_scale="jac",
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
    )
    found = row_of(name)
    assert found.status == Status.STATIONARY
    np.testing.assert_allclose(found.parameters, expected.x, rtol=0, atol=1e-7)
    np.testing.assert_allclose(found.loss, 2 * expected.cost, rtol=1e-9)
    np.testing.assert_allclose(found.residuals, TARGETS - levels_of(found.parameters), atol=1e-12)


@eagerly
@pytest.mark.parametrize("absolute_sigma", [False, True])
@pytest.mark.parametrize("name", ROWS)
def test_standard_errors_against_curve_fit(name: str, absolute_sigma: bool):
    """Each prior is one datum, `x_j = mean +- sigma`."""
    known, mean, sigma = prior_rows(*ROWS[name])
    found = row_of(name, absolute_sigma)

    def model(_: np.ndarray, *x: float) -> np.ndarray:
        return np.append(levels_of(np.array(x)), np.array(x)[known])

    _, covariance = curve_fit(
        model,
        np.arange(7 + len(known)),
        np.append(TARGETS, mean),
        p0=found.parameters,
        sigma=np.append(1 / WEIGHTS, sigma),
        absolute_sigma=absolute_sigma,
        xtol=1e-12,
        ftol=1e-12,
    )
    np.testing.assert_allclose(found.standard_errors, np.sqrt(np.diag(covariance)), rtol=1e-4)


@eagerly
def test_no_prior_is_no_prior():
    plain = solver().fit([TARGETS], initial=[SOLUTION], weights=[WEIGHTS])
    found = row_of("none")
    np.testing.assert_allclose(found.parameters, plain.parameters[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.standard_errors, plain.standard_errors[0], rtol=1e-9)
    assert_same(row_of("nan"), row_of("one"))


@pytest.mark.parametrize("name", ROWS)
def test_alone_and_in_a_batch_bit_by_bit(name: str):
    assert_same(take(fit_rows([name]), 0), row_of(name))


def test_bad_priors_are_invalid_rows_and_harm_no_other():
    bad_sigmas = [0.0, -1.0, -0.0, -INF, 1e-200]
    bad_means = [INF, -INF, 1e200]
    mean, sigma = (np.array(part, float) for part in zip(*ROWS.values(), strict=True))
    ones = np.ones((len(bad_sigmas), 3))
    means = np.concatenate([ones, mean, np.ones((len(bad_means), 3))])
    sigmas = np.concatenate([ones, sigma, np.ones((len(bad_means), 3))])
    sigmas[: len(bad_sigmas), 1] = bad_sigmas
    means[-len(bad_means) :, 2] = bad_means
    count = len(means)
    fit = as_numpy(
        solver().fit(
            [TARGETS] * count,
            initial=[SOLUTION] * count,
            weights=[WEIGHTS] * count,
            priors=(means, sigmas),
        )
    )
    bad = np.ones(count, bool)
    bad[len(bad_sigmas) : -len(bad_means)] = False
    assert_same(take(fit, ~bad), all_rows(True))
    assert fit.status[bad].tolist() == [Status.INVALID_INPUT] * bad.sum()
    assert np.isnan(fit.parameters[bad]).all()


@functools.cache
def known() -> SpectralSolver:
    """With priors of its own for two parameters."""
    structure = Affine(CONSTANT, BASIS, parameter_names=["a", "b", "c"])
    priors = {"a": (0.6, 0.02), "c": (0.9, 0.03)}
    return SpectralSolver(structure, starts=4, absolute_sigma=True, priors=priors)


@eagerly
def test_priors_of_the_solver():
    """NaN means them, `loss` counts them, the search starts near them, `covariance` knows them."""
    weights = [WEIGHTS] * 3
    nan = [NAN, NAN, NAN]
    fit = as_numpy(
        known().fit(
            [TARGETS] * 3,
            initial=[SOLUTION, SOLUTION, nan],
            weights=weights,
            priors=([nan, [0.6, 0.0, 0.9], nan], [nan, [0.02, INF, 0.03], nan]),
        )
    )
    expected = least_squares(
        lambda x: np.append(
            WEIGHTS * (levels_of(x) - TARGETS), [(x[0] - 0.6) / 0.02, (x[2] - 0.9) / 0.03]
        ),
        SOLUTION,
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
    )
    np.testing.assert_allclose(fit.parameters, [expected.x] * 3, rtol=0, atol=1e-7)
    np.testing.assert_allclose(fit.loss, 2 * expected.cost, rtol=1e-9)
    assert_same(take(fit, 1), take(fit, 0))
    loss = known().loss(fit.parameters, [TARGETS] * 3, weights)
    np.testing.assert_allclose(loss, fit.loss, rtol=1e-12)
    slopes = expected.jac
    found = known().covariance(fit.parameters, weights)
    np.testing.assert_allclose(
        found.covariance[0], np.linalg.inv(slopes.T @ slopes), rtol=1e-4, atol=1e-9
    )
    np.testing.assert_allclose(found.standard_errors, fit.standard_errors, rtol=1e-9)


def test_every_form_means_the_same():
    arguments = {"initial": [SOLUTION] * 2, "weights": [WEIGHTS] * 2}
    rows = ([[0.6, 0.0, 0.6]] * 2, [[0.1, INF, 0.1]] * 2)
    expected = as_numpy(solver().fit([TARGETS] * 2, **arguments, priors=rows))
    forms = [
        ([0.6, 0.0, 0.6], [0.1, INF, 0.1]),
        (0.6, [0.1, INF, 0.1]),
        {"a": (0.6, 0.1), "c": (0.6, 0.1)},
        tuple(tf.constant(part, tf.float64) for part in rows),
    ]
    for form in forms:
        found = as_numpy(solver().fit([TARGETS] * 2, **arguments, priors=form))
        assert_same(found, expected)


@pytest.mark.parametrize(
    ("priors", "message"),
    [
        ({"x": (0, 1)}, "priors.*no parameter 'x'.*a, b, c"),
        ({"b": (0.0, 0.0)}, "prior of 'b' must be a finite mean and a positive sigma"),
        ({"b": (0.0, -1.0)}, "prior of 'b'"),
        ({"b": (0.0, NAN)}, "prior of 'b'"),
        ({"b": (NAN, 1.0)}, "prior of 'b'"),
        ({"b": (INF, INF)}, "prior of 'b'"),
        ({"b": (0.0,)}, r"priors must be \(mean, sigma\)"),
        ({"b": 1.0}, r"priors must be \(mean, sigma\)"),
        ((0.0, 1.0, 2.0), r"priors must be \(mean, sigma\)"),
        (1.0, r"priors must be \(mean, sigma\)"),
    ],
)
def test_wrong_priors_have_a_message(priors: Any, message: str):
    structure = Affine(CONSTANT, BASIS, parameter_names=["a", "b", "c"])
    with pytest.raises(ValueError, match=f"SpectralSolver.*{message}"):
        SpectralSolver(structure, priors=priors)
    with pytest.raises(ValueError, match=f"fit.*{message}"):
        solver().fit([TARGETS], priors=priors)


@eagerly
def test_priors_decide_what_the_levels_leave_open():
    """Five parameters: two share a matrix, and one moves only a level that is never observed.

    The levels are diagonal entries, so the answer is linear algebra.
    """
    slopes = np.array(
        [[1.0, 1, 0, 0, 0], [0, 0, 2, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1], [0, 0, 0, 0, 0]]
    )
    zero = np.array([0.0, 10, 20, 60, 90])
    structure = Affine(np.diag(zero), np.stack([np.diag(column) for column in slopes.T]))
    mean, sigma = np.array([1.0, 2, 3, 4, 5]), np.array([0.5, 0.25, 2, INF, 7])
    weights = np.array([3.0, 1.0, 2.0, 1.0, 1.0])
    open_solver = SpectralSolver(structure, starts=1, absolute_sigma=True)
    targets = np.array([[4.0, 15.0, 24.5, NAN, NAN], [4.0, 15.0, NAN, NAN, NAN]])
    fit = as_numpy(
        open_solver.fit(
            targets,
            initial=[[0.0] * 5] * 2,
            weights=[weights] * 2,
            priors=([mean] * 2, [sigma] * 2),
        )
    )
    assert fit.status.tolist() == [Status.STATIONARY] * 2
    for row in range(2):
        seen = ~np.isnan(targets[row])
        design = np.vstack([weights[seen, None] * slopes[seen], np.diag(1 / sigma)])
        data = np.append((weights * (targets[row] - zero))[seen], mean / sigma)
        best = np.linalg.lstsq(design, data, rcond=None)[0]
        free = np.arange(5) != 3 if row else np.ones(5, bool)
        np.testing.assert_allclose(fit.parameters[row][free], best[free], rtol=0, atol=1e-6)
        covariance = np.linalg.inv(design[:, free].T @ design[:, free])
        np.testing.assert_allclose(
            fit.standard_errors[row][free], np.sqrt(np.diag(covariance)), rtol=1e-9
        )
        assert np.isinf(fit.standard_errors[row][~free]).all()


@eagerly
def test_a_prior_counts_however_well_the_levels_are_known():
    """The first level says nothing of the second parameter: its prior is all there is."""
    structure = Affine(None, np.stack([np.diag([1.0, 0.0]), np.diag([0.0, 1.0])]))
    apart = SpectralSolver(structure, starts=1, absolute_sigma=True)
    weights = np.array([1e-3, 1.0, 1e6, 1e12])
    fit = as_numpy(
        apart.fit(
            [[1.0, NAN]] * 4,
            initial=[[1.1, 3e4]] * 4,
            weights=np.outer(weights, [1, 1]),
            priors=([[0.0, 4e4]] * 4, [[INF, 1e4]] * 4),
        )
    )
    np.testing.assert_allclose(fit.standard_errors[:, 0], 1 / weights, rtol=1e-9)
    np.testing.assert_allclose(fit.standard_errors[:, 1], 1e4, rtol=1e-9)
    np.testing.assert_allclose(fit.parameters[:, 0], 1.0, rtol=0, atol=1e-6)
    # To a hundredth of sigma.
    np.testing.assert_allclose(fit.parameters[:, 1], 4e4, rtol=0, atol=100)
    assert np.isin(fit.status, [Status.CONVERGED, Status.STATIONARY]).all()


def test_a_matched_spectrum_with_an_unmet_prior_is_not_converged():
    """With four levels for three parameters the prior pulls; a prior that is met does not."""
    exact = levels_of(SOLUTION)
    away, there = SOLUTION + 0.1, SOLUTION
    fit = as_numpy(
        solver().fit([exact] * 2, initial=[SOLUTION] * 2, priors=([away, there], [[1.0] * 3] * 2))
    )
    assert fit.status.tolist() == [Status.STATIONARY, Status.CONVERGED]
    assert fit.loss[0] > 1e-4
    assert np.abs(fit.parameters[0] - SOLUTION).max() > 1e-4
    np.testing.assert_allclose(fit.parameters[1], SOLUTION, rtol=0, atol=1e-8)


@eagerly
def test_priors_and_bounds_together():
    """SciPy with the prior rows and the bounds."""
    mean, sigma = np.array([0.6, -0.3, 0.9]), np.array([0.02, 0.01, 0.03])
    low, high = np.array([-1.0, -1.0, -1.0]), np.array([0.5, 1.0, 2.0])
    both = SpectralSolver(Affine(CONSTANT, BASIS), starts=1, bounds=(low, high))
    fit = as_numpy(
        both.fit([TARGETS], initial=[[0.4, -0.4, 0.8]], weights=[WEIGHTS], priors=([mean], [sigma]))
    )
    expected = least_squares(
        lambda x: np.append(WEIGHTS * (levels_of(x) - TARGETS), (x - mean) / sigma),
        [0.4, -0.4, 0.8],
        bounds=(low, high),
        method="dogbox",
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-12,
    )
    assert expected.active_mask.any()
    np.testing.assert_allclose(fit.parameters[0], expected.x, rtol=0, atol=1e-7)
    np.testing.assert_allclose(fit.loss[0], 2 * expected.cost, rtol=1e-9)
    np.testing.assert_array_equal(np.isnan(fit.standard_errors[0]), expected.active_mask != 0)


def test_no_rows():
    empty = np.zeros((0, 3))
    fit = solver().fit(np.zeros((0, 7)), initial=empty, priors=(empty, empty))
    assert fit.parameters.shape == (0, 3)
