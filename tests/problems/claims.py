"""What is checked of every method that claims a registered problem."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.optimize import least_squares

from eigenfit.solver import FitResult, Status

from ..solver.helpers import as_numpy, assert_same, take
from .registry import Problem, Run, fit_of, problems, solver_of, weights_of

CLAIMS = [(name, method) for name, problem in problems().items() for method in problem.runs]
#: Checked in `test_by_newton`, which compares its fit with those of Newton and Gauss-Newton.
COMPARED = ("crystal_field", "LevenbergMarquardt")


def claims_of(*methods: str) -> list[tuple[str, str]]:
    """The problems and these methods, by name."""
    return [claim for claim in CLAIMS if claim[1] in methods]


def scale_of(problem: Problem) -> float:
    return float(np.nanmax(np.abs(problem.targets)))


def check_claim(name: str, method: str) -> None:
    problem, fit = problems()[name], fit_of(name, method)
    run = problem.runs[method]
    assert fit.status.tolist() == [run.status] * len(problem.targets)
    check_eigenvalues_of_the_numpy_matrix(problem, fit)
    if run.status == Status.CONVERGED:
        check_matched_levels(problem, run, fit)
    else:
        check_that_scipy_cannot_lower_the_loss(problem, fit)
    if problem.rms is not None:
        rms = np.sqrt(np.nanmean(fit.residuals**2, axis=1))
        np.testing.assert_allclose(rms, problem.rms, rtol=0, atol=problem.rms_error)
    if problem.solution is not None:
        assert np.abs(fit.parameters - problem.solution).max() <= run.solution_error
    if problem.standard_errors is not None:
        np.testing.assert_allclose(fit.standard_errors, problem.standard_errors, rtol=1e-3)
    check_that_rows_are_independent(name, method)


def check_eigenvalues_of_the_numpy_matrix(problem: Problem, fit: FitResult) -> None:
    rounding = 1e-13 if fit.parameters.dtype == np.float64 else 1e-6
    expected = problem.spectra(fit.parameters.astype(float))
    scale = max(scale_of(problem), np.abs(expected).max())
    np.testing.assert_allclose(fit.eigenvalues, expected, rtol=0, atol=rounding * scale)


def check_matched_levels(problem: Problem, run: Run, fit: FitResult) -> None:
    seen = ~np.isnan(problem.targets)
    error = (problem.observed(fit.parameters.astype(float)) - problem.targets)[seen]
    assert np.abs(error).max() <= run.accuracy * scale_of(problem)


def check_that_scipy_cannot_lower_the_loss(problem: Problem, fit: FitResult) -> None:
    for row, targets in enumerate(problem.targets):
        seen = ~np.isnan(targets)
        weights = weights_of(problem)[row]

        def residual(
            x: np.ndarray, seen: np.ndarray = seen, t: np.ndarray = targets, w: np.ndarray = weights
        ) -> np.ndarray:
            return (w * (problem.observe(problem.levels(x)) - t))[seen]

        start = fit.parameters[row]
        loss = np.sum(residual(start) ** 2)
        # Two programs compute levels that differ by rounding; small residuals feel it.
        levels = np.abs(problem.levels(start)).max()
        rounding = 1e-9 + 1e-13 * levels * weights.max() / np.sqrt(loss)
        better = least_squares(residual, start, method="lm", x_scale="jac", xtol=1e-14, ftol=1e-14)
        assert loss == pytest.approx(fit.loss[row], rel=rounding)
        assert loss > 0
        assert 2 * better.cost >= loss * (1 - rounding)


def check_that_rows_are_independent(name: str, method: str) -> None:
    """The rows backwards and between two bad ones; the first alone; no row."""
    problem, solver, live = problems()[name], solver_of(name, method), fit_of(name, method)
    count = len(problem.targets)
    arguments = {"targets": problem.targets, "weights": weights_of(problem)}
    if problem.initial is not None:
        arguments["initial"] = problem.initial

    def fit(rows: Sequence[int], bad: Sequence[int] = ()) -> FitResult:
        given = {key: value[list(rows)] for key, value in arguments.items()}
        given["targets"][list(bad), 0] = np.inf
        return as_numpy(solver.fit(**given))

    mixed = fit([0, *reversed(range(count)), 0], bad=[0, -1])
    assert mixed.status[[0, -1]].tolist() == [Status.INVALID_INPUT] * 2
    assert_same(take(mixed, slice(-2, 0, -1)), live)
    assert_same(fit([0]), take(live, [0]))
    assert fit([]).parameters.shape == (0, live.parameters.shape[1])
