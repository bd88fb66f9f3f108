"""The kept way of a fit."""

import numpy as np
import pytest

from eigenfit.solver import SpectralSolver, Status, Toeplitz

from ..helpers import as_numpy, assert_same, take


@pytest.fixture(scope="module")
def solver() -> SpectralSolver:
    return SpectralSolver(Toeplitz(4))


def test_ends_where_the_fit_ends_and_starts_where_it_starts(solver, rng):
    x = rng.normal(size=(5, 4))
    start = x + 0.1 * rng.normal(size=x.shape)
    targets = solver.spectrum(x)
    trace, fit = solver.trace(targets, start), solver.fit(targets, start)
    most = int(fit.steps.numpy().max())
    assert trace.eigenvalues.shape == (5, most + 1, 4)
    assert trace.loss.shape == (5, most + 1)
    np.testing.assert_array_equal(trace.steps, fit.steps)
    np.testing.assert_array_equal(trace.status, fit.status)
    np.testing.assert_array_equal(trace.parameters[:, 0], start)
    np.testing.assert_array_equal(trace.parameters[:, -1], fit.parameters)
    np.testing.assert_array_equal(trace.eigenvalues[:, -1], fit.eigenvalues)
    np.testing.assert_array_equal(trace.loss[:, -1], fit.loss)
    # Every kept point is what it says, and accepted steps never raise the loss.
    levels = np.linalg.eigvalsh(solver.matrix(trace.parameters.numpy().reshape(-1, 4)))
    np.testing.assert_allclose(levels.reshape(trace.eigenvalues.shape), trace.eigenvalues)
    assert (np.diff(trace.loss.numpy(), axis=1) <= 1e-25).all()


def test_a_bad_row_holds_nan_and_harms_no_other(solver):
    targets = [[1.0, 2.0, 3.0, 4.0], [np.inf, 2.0, 3.0, 4.0], [2.0, 3.0, 5.0, 9.0]]
    start = [[2.0, 0.5, 0.3, 0.1]] * 3
    trace = as_numpy(solver.trace(targets, start))
    good = as_numpy(solver.trace(targets[::2], start[::2]))
    assert trace.status[1] == Status.INVALID_INPUT
    assert trace.steps[1] == 0
    assert np.isnan(trace.parameters[1]).all()
    assert np.isnan(trace.eigenvalues[1]).all()
    assert np.isnan(trace.loss[1]).all()
    assert_same(take(trace, [0, 2]), good)


def test_zero_rows(solver):
    trace = solver.trace(np.zeros((0, 4)), np.zeros((0, 4)))
    assert trace.eigenvalues.shape[0] == 0
    assert trace.steps.shape == (0,)
