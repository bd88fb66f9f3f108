"""The Hessian before a short last step tells that the end is a minimum: it is not made again."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import Affine, FitResult, SpectralSolver, Status
from eigenfit.solver.methods import levenberg_marquardt

SIZE, COUNT, ROWS = 6, 3, 60


def problem() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Constant, basis, noisy targets, equal ones in every other row, and starts."""
    rng = np.random.default_rng(7)
    constant = np.diag(np.sort(rng.normal(size=SIZE)))
    basis = rng.normal(size=(COUNT, SIZE, SIZE))
    basis += basis.swapaxes(1, 2)
    solutions = 0.5 * rng.normal(size=(ROWS, COUNT))
    levels = np.linalg.eigvalsh(constant + np.einsum("rp,pij->rij", solutions, basis))
    targets = np.sort(levels + 0.3 * rng.normal(size=levels.shape), axis=1)
    targets[::2, 1], targets[::2, -1] = targets[::2, 0], targets[::2, -2]
    return constant, basis, targets, solutions + 0.1 * rng.normal(size=solutions.shape)


def fit_and_count(monkeypatch: pytest.MonkeyPatch) -> tuple[FitResult, int]:
    """The fit of the problem, and for how many rows its steps have computed a Hessian."""
    counted = tf.Variable(0)
    curved_steps = levenberg_marquardt.curved_steps

    def counting(curvature, units, *others):
        counted.assign_add(tf.shape(units)[0])
        return curved_steps(curvature, units, *others)

    constant, basis, targets, starts = problem()
    with monkeypatch.context() as patch:
        patch.setattr(levenberg_marquardt, "curved_steps", counting)
        fit = SpectralSolver(Affine(constant, basis), starts=1).fit(targets, starts)
    return fit, int(counted)


def lowest_curvature(parameters: np.ndarray, targets: np.ndarray) -> float:
    """The lowest eigenvalue of the Hessian over the norms of the Jacobian's columns, by NumPy."""
    constant, basis, *_ = problem()
    levels, vectors = np.linalg.eigh(constant + np.tensordot(parameters, basis, 1))
    elements = np.einsum("ik,pij,jl->pkl", vectors, basis, vectors)
    jacobian = np.einsum("pkk->kp", elements)
    hessian = jacobian.T @ jacobian
    for k in range(SIZE):
        for other in set(range(SIZE)) - {k}:
            coupling = elements[:, k, other]
            bend = 2.0 * np.outer(coupling, coupling) / (levels[k] - levels[other])
            hessian -= (targets[k] - levels[k]) * bend
    norms = np.linalg.norm(jacobian, axis=0)
    return np.linalg.eigvalsh(hessian / np.outer(norms, norms))[0]


@pytest.mark.usefixtures("eagerly")
def test_a_hessian_less_and_the_same_answer(monkeypatch: pytest.MonkeyPatch):
    fit, few = fit_and_count(monkeypatch)
    monkeypatch.setattr(levenberg_marquardt, "_SHORT", 0.0)
    exact, all_of_them = fit_and_count(monkeypatch)
    assert few <= all_of_them - 0.95 * ROWS
    np.testing.assert_array_equal(fit.parameters, exact.parameters)
    np.testing.assert_array_equal(fit.status, exact.status)
    np.testing.assert_array_equal(fit.steps, exact.steps)
    np.testing.assert_array_equal(fit.status, Status.STATIONARY)
    targets = problem()[2]
    for parameters, row in zip(fit.parameters.numpy(), targets, strict=True):
        assert lowest_curvature(parameters, row) > 1e-4
