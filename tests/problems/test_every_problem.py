"""Every registered problem by every method that claims it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import least_squares

from eigenfit.export.signatures import signatures_of, trace
from eigenfit.solver import Status

from .registry import Problem, fit_of, problems, solver_of

CLAIMS = [(name, method) for name, problem in problems().items() for method in problem.runs]
MATCHED = [c for c in CLAIMS if problems()[c[0]].runs[c[1]].status == Status.CONVERGED]
MINIMA = [c for c in CLAIMS if problems()[c[0]].runs[c[1]].status == Status.STATIONARY]
KNOWN = [c for c in CLAIMS if problems()[c[0]].solution is not None]


def exported_claims() -> list[tuple[str, str]]:
    """One claim of each problem, of the method with the fewest so far: all would take minutes."""
    chosen: list[tuple[str, str]] = []
    for name, problem in problems().items():
        taken = [method for _, method in chosen]
        chosen.append((name, min(problem.runs, key=taken.count)))
    return chosen


def scale_of(problem: Problem) -> float:
    return float(np.nanmax(np.abs(problem.targets)))


def test_every_claim_is_checked():
    assert sorted(MATCHED + MINIMA) == sorted(CLAIMS)
    assert MATCHED
    assert MINIMA


@pytest.mark.parametrize(("name", "method"), CLAIMS)
def test_every_row_ends_as_expected(name: str, method: str):
    run = problems()[name].runs[method]
    assert fit_of(name, method).status.tolist() == [run.status] * len(problems()[name].targets)


@pytest.mark.parametrize(("name", "method"), CLAIMS)
def test_eigenvalues_are_those_of_the_numpy_matrix(name: str, method: str):
    problem, fit = problems()[name], fit_of(name, method)
    rounding = 1e-13 if fit.parameters.dtype == np.float64 else 1e-6
    expected = problem.spectra(fit.parameters.astype(float))
    scale = max(scale_of(problem), np.abs(expected).max())
    np.testing.assert_allclose(fit.eigenvalues, expected, rtol=0, atol=rounding * scale)


@pytest.mark.parametrize(("name", "method"), MATCHED)
def test_matched_levels_equal_the_targets(name: str, method: str):
    problem, fit = problems()[name], fit_of(name, method)
    seen = ~np.isnan(problem.targets)
    error = (problem.observed(fit.parameters.astype(float)) - problem.targets)[seen]
    assert np.abs(error).max() <= problem.runs[method].accuracy * scale_of(problem)


@pytest.mark.parametrize(("name", "method"), MINIMA)
def test_scipy_cannot_lower_the_loss_of_a_minimum(name: str, method: str):
    problem, fit = problems()[name], fit_of(name, method)
    for row, targets in enumerate(problem.targets):
        seen = ~np.isnan(targets)
        weights = np.ones(len(targets)) if problem.weights is None else problem.weights[row]

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


@pytest.mark.parametrize(("name", "method"), [c for c in MINIMA if problems()[c[0]].rms])
def test_rms_of_a_minimum(name: str, method: str):
    problem, fit = problems()[name], fit_of(name, method)
    rms = np.sqrt(np.nanmean(fit.residuals**2, axis=1))
    assert problem.rms is not None
    np.testing.assert_allclose(rms, problem.rms, rtol=0, atol=problem.rms_error)


@pytest.mark.parametrize(("name", "method"), KNOWN)
def test_known_solutions_are_found(name: str, method: str):
    problem, fit = problems()[name], fit_of(name, method)
    error = np.abs(fit.parameters - problem.solution)
    assert error.max() <= problem.runs[method].solution_error


@pytest.mark.parametrize(
    ("name", "method"), [c for c in CLAIMS if problems()[c[0]].standard_errors is not None]
)
def test_known_standard_errors_are_found(name: str, method: str):
    problem, fit = problems()[name], fit_of(name, method)
    assert problem.standard_errors is not None
    np.testing.assert_allclose(fit.standard_errors, problem.standard_errors, rtol=1e-3)


def test_exported_answers_are_the_live_ones(tmp_path: Path):
    """In one SavedModel, one signature each: saving each alone would take minutes."""
    claims = exported_claims()
    assert {name for name, _ in claims} == set(problems())
    assert {method for _, method in claims} == {method for _, method in CLAIMS}
    traced = {}
    for number, (name, method) in enumerate(claims):
        solver = solver_of(name, method)
        traced[f"fit{number}"] = trace(signatures_of(solver)["fit"])
    tf.saved_model.save(tf.Module(), str(tmp_path), signatures=traced)
    reloaded = tf.saved_model.load(str(tmp_path)).signatures
    for number, (name, method) in enumerate(claims):
        problem, solver = problems()[name], solver_of(name, method)
        rows, nan = len(problem.targets), np.nan
        parameters = np.full((rows, solver.parameterization.num_parameters), nan)
        inputs = {
            "targets": problem.targets,
            "initial": parameters if problem.initial is None else problem.initial,
            "weights": np.ones_like(problem.targets)
            if problem.weights is None
            else problem.weights,
            "tolerance": np.full(rows, nan),
        }
        tensors = {key: tf.constant(value, solver.dtype) for key, value in inputs.items()}
        answer = reloaded[f"fit{number}"](max_steps=tf.zeros(rows, tf.int32), **tensors)
        live = fit_of(name, method)
        claim = f"{name} by {method}"
        np.testing.assert_array_equal(answer["status"], live.status, err_msg=claim)
        np.testing.assert_array_equal(answer["parameters"], live.parameters, err_msg=claim)
        np.testing.assert_array_equal(answer["residuals"], live.residuals, err_msg=claim)
