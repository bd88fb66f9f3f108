"""P1, the additive problem of Friedland, Nocedal & Overton: the solution and the way to it."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from eigenfit.solver import Affine, LevenbergMarquardt, SpectralSolver, Status, Trace
from tests.problems import additive as p1

pytestmark = pytest.mark.usefixtures("eagerly")


@functools.cache
def trace_from_the_published_start(initial_damping: float) -> Trace:
    method = LevenbergMarquardt(initial_damping=initial_damping)
    solver = SpectralSolver(Affine(p1.CONSTANT, p1.BASIS), method)
    return Trace(*(x.numpy() for x in solver.trace(p1.LEVELS[None], initial=p1.LEVELS[None])))


def newton_residuals(steps: int) -> np.ndarray:
    """Residual norms of Newton's method (method I of the paper), in NumPy."""
    c, norms = p1.LEVELS.copy(), []
    for _ in range(steps + 1):
        values, vectors = np.linalg.eigh(p1.CONSTANT + np.diag(c))
        norms.append(np.linalg.norm(values - p1.LEVELS))
        c += np.linalg.solve((vectors**2).T, p1.LEVELS - values)
    return np.array(norms)


def test_the_numpy_newton_method_is_the_published_one():
    # Printed to two digits; the last one is rounding.
    np.testing.assert_allclose(newton_residuals(4), p1.NEWTON_RESIDUALS[:5], rtol=0.04)


def test_at_most_eight_steps_to_1e_8():
    trace = trace_from_the_published_start(LevenbergMarquardt().initial_damping)
    residuals = np.linalg.norm(trace.eigenvalues[0] - p1.LEVELS, axis=1)
    assert trace.status.tolist() == [Status.CONVERGED]
    assert len(residuals) == trace.steps[0] + 1
    assert trace.steps[0] <= 8
    assert residuals[-1] <= 1e-8
    np.testing.assert_allclose(trace.parameters[0, -1], p1.SOLUTION, rtol=0, atol=1e-8)


def test_residuals_begin_like_those_of_newton():
    """The default damping is 1e-3 at first, so the first steps are Newton's to a few percent."""
    trace = trace_from_the_published_start(LevenbergMarquardt().initial_damping)
    residuals = np.sqrt(trace.loss[0])
    assert residuals[0] == pytest.approx(newton_residuals(0)[0], rel=1e-12)
    np.testing.assert_allclose(residuals[:3], p1.NEWTON_RESIDUALS[:3], rtol=0.06)


def test_without_damping_it_is_newton():
    trace = trace_from_the_published_start(1e-14)
    residuals = np.linalg.norm(trace.eigenvalues[0] - p1.LEVELS, axis=1)
    np.testing.assert_allclose(residuals[:5], newton_residuals(4), rtol=1e-6)
