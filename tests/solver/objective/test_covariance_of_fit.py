"""`fit.covariance()` is that of the fit: always as sure as `standard_errors`."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import curve_fit

from eigenfit.solver import (
    Affine,
    FitResult,
    Levels,
    Matched,
    SpectralSolver,
    Transitions,
)

eagerly = pytest.mark.usefixtures("eagerly")
NAN, INF = np.nan, np.inf
CONSTANT = np.diag([0.0, 3.0, 6.0, 8.0])
BASIS = np.array([np.ones((4, 4)), np.diag([1.0, -1.0, 0.5, 0.2])])
MODEL = Affine(CONSTANT, BASIS, parameter_names=["a", "b"])
TARGETS = np.array(
    [
        [0.31, 3.42, 6.52, 8.1],
        [0.31, NAN, 6.52, 8.1],
        [6.52, 0.31, 8.1, 3.42],
        [0.31, NAN, 6.52, NAN],
        [0.31, INF, 6.52, NAN],
    ]
)
WEIGHTS = np.array([1.0, 2.0, 0.5, 4.0])
START = [[0.4, 0.05]] * 5
ROWS = {"targets": TARGETS, "initial": START}
GAPS = TARGETS - TARGETS[:, :1]
KNOWN = {"priors": {"b": (0.1, 0.05)}, "bounds": {"a": (None, 0.35)}}

# Options of a solver, one solver each; and what is fitted by it.
SOLVERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "absolute": {"absolute_sigma": True},
    "known": KNOWN,
    "huber": {"loss": "huber", "f_scale": 0.05},
    "cauchy": {"loss": "cauchy", "f_scale": 0.05, "absolute_sigma": True},
    "matched": {"observation": Matched(3)},
    "lowest": {"observation": Levels("lowest")},
    "mean, single": {"observation": Levels("mean"), "dtype": tf.float32},
    "lines, weights": {
        "observation": Transitions([(1, 0), (2, 0), (3, 1)]),
        "weights": WEIGHTS[1:],
    },
    "solutions": {"solutions": 2, "starts": 4},
}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "NaN": ("plain", ROWS),
    "weights": ("plain", {**ROWS, "weights": WEIGHTS}),
    "a level left out": (
        "plain",
        {**ROWS, "targets": TARGETS[[0, 1, 0, 3, 4]], "weights": [1.0, 0.0, 1.0, 1.0]},
    ),
    "row by row": ("plain", {**ROWS, "bounds": {"b": (-1.0, [0.0, 1.0, 2.0, 0.0, 1.0])}}),
    "sigma": ("absolute", {**ROWS, "sigma": 0.05}),
    "of the call": ("absolute", {**ROWS, **KNOWN}),
    "of the solver": ("known", ROWS),
    "huber": ("huber", {**ROWS, "weights": WEIGHTS}),
    "cauchy": ("cauchy", ROWS),
    "matched": ("matched", {**ROWS, "targets": TARGETS[:, [0, 1, 3]]}),
    "lowest": ("lowest", ROWS),
    "mean": ("mean, single", ROWS),
    "lines": ("lines, weights", {**ROWS, "targets": TARGETS[:, 1:]}),
    "solutions": ("solutions", {"targets": TARGETS}),
}


@functools.cache
def solver_of(kind: str) -> SpectralSolver:
    return SpectralSolver(MODEL, **{"starts": 1, **SOLVERS[kind]})


@eagerly
@pytest.mark.parametrize("name", CASES)
def test_is_as_sure_as_the_standard_errors(name: str):
    kind, of_call = CASES[name]
    fit = solver_of(kind).fit(**of_call)
    found = fit.covariance()
    rtol = 1e-6 if fit.loss.dtype == tf.float64 else 1e-2
    np.testing.assert_allclose(found.standard_errors, fit.standard_errors, rtol=rtol)
    diagonal = np.diagonal(found.covariance, axis1=-2, axis2=-1)
    np.testing.assert_allclose(np.sqrt(diagonal), fit.standard_errors, rtol=rtol)
    assert np.isfinite(np.asarray(fit.standard_errors)[0]).any()
    assert found.rank.shape == fit.status.shape
    if name in ("NaN", "mean", "lowest", "solutions"):  # a row and itself in another order
        turned = np.asarray(fit.residuals)[2][..., np.argsort(TARGETS[2])]
        np.testing.assert_array_equal(turned, fit.residuals[0])
    bad = np.asarray(fit.status) < 0
    assert bad[4].any() == (name != "a level left out")
    assert np.isnan(np.asarray(found.covariance)[bad]).all()


@eagerly
def test_against_curve_fit():
    """With a level that was not observed, scaled by the residual: the case of the issue."""
    seen = ~np.isnan(TARGETS[1])

    def levels(_: Any, *x: float) -> np.ndarray:
        return np.linalg.eigvalsh(CONSTANT + np.tensordot(x, BASIS, 1))[seen]

    for absolute in (False, True):
        best, expected = curve_fit(
            levels,
            np.arange(3),
            TARGETS[1][seen],
            p0=START[0],
            sigma=1 / WEIGHTS[seen],
            absolute_sigma=absolute,
            xtol=1e-14,
            ftol=1e-14,
            gtol=1e-14,
        )
        solver = solver_of("absolute" if absolute else "plain")
        fit = solver.fit(TARGETS[1:2], START[:1], WEIGHTS)
        np.testing.assert_allclose(fit.parameters[0], best, atol=1e-6)
        np.testing.assert_allclose(fit.covariance().covariance[0], expected, rtol=1e-4)


@eagerly
def test_without_what_was_observed():
    """The covariance inside a caller's graph is compared in `test_propagation.py`."""
    fit = solver_of("plain").fit(TARGETS, START)
    with pytest.raises(ValueError, match="covariance: this result comes out of another graph"):
        FitResult(*fit).covariance()


@pytest.mark.parametrize("observation", [None, Matched(4)])
def test_parameters_alone_are_refused(observation: Any):
    solver = SpectralSolver(MODEL, observation=observation)
    with pytest.raises(ValueError, match=r"covariance: .*fit\.covariance\(\)"):
        solver.covariance([[0.4, 0.1]])
