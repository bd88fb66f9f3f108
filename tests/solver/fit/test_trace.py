"""The kept way of a fit."""

import numpy as np
import pytest

from eigenfit.solver import SpectralSolver, Toeplitz


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
    targets = [[1.0, 2.0, 3.0, 4.0], [np.inf, 2.0, 3.0, 4.0]]
    start = [[2.0, 0.5, 0.3, 0.1]] * 2
    trace = solver.trace(targets, start)
    alone = solver.trace(targets[:1], start[:1])
    assert trace.status.numpy().tolist()[1] == -1
    assert np.isnan(trace.loss.numpy()[1]).all()
    np.testing.assert_array_equal(trace.loss[0], alone.loss[0])


def test_zero_rows(solver):
    trace = solver.trace(np.zeros((0, 4)), np.zeros((0, 4)))
    assert trace.eigenvalues.shape[0] == 0
    assert trace.steps.shape == (0,)
