"""What holds for every method alike."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import least_squares

from eigenfit.solver import (
    LBFGS,
    Affine,
    GaussNewton,
    LiftAndProjection,
    Method,
    Newton,
    SpectralSolver,
    Status,
)
from tests.problems.given_matrices import random_hermitian

eagerly = pytest.mark.usefixtures("eagerly")


@pytest.mark.parametrize(
    ("method", "complex_entries"),
    [(GaussNewton(), False), (LBFGS(), False), (Newton(), False), (LiftAndProjection(True), True)],
    ids=lambda value: type(value).__name__,
)
def test_bounds_hold_and_the_end_is_that_of_scipy(
    method: Method, complex_entries: bool, request: pytest.FixtureRequest
):
    if not isinstance(method, LiftAndProjection):  # which takes many steps
        request.getfixturevalue("eagerly")
    constant, *basis = random_hermitian(4, 6, seed=301, complex_entries=complex_entries)

    def levels(x: np.ndarray) -> np.ndarray:
        return np.linalg.eigvalsh(constant + np.tensordot(x, np.stack(basis), 1))

    target = levels(np.array([0.65, 0.1, -0.35]))
    bounds = (np.array([-1.0, -1, -0.3]), np.array([0.6, 1, 1]))
    solver = SpectralSolver(Affine(constant, basis), method, bounds=bounds)
    fit = solver.fit(target[None], initial=[[0.5, 0.0, 0.0]])
    found = fit.parameters.numpy()[0]
    expected = least_squares(
        lambda x: levels(x) - target, [0.5, 0, 0], bounds=bounds, xtol=1e-14, ftol=1e-14, gtol=1e-12
    )
    assert fit.status.numpy().tolist() == [Status.STATIONARY]
    assert (bounds[0] <= found).all()
    assert (found <= bounds[1]).all()
    assert fit.loss.numpy()[0] == pytest.approx(2 * expected.cost, rel=1e-8)


def test_what_only_looks_like_a_method_is_refused():
    class Similar:
        default_max_steps = default_starts = 1
        needs_hessian = False
        init = step = Newton.step

    with pytest.raises(ValueError, match=r"method must be an instance .* subclass of Method"):
        SpectralSolver(Affine(None, [np.eye(2)]), Similar())  # pyright: ignore[reportArgumentType]  # wrong on purpose


@eagerly
def test_a_method_must_propose():
    solver = SpectralSolver(Affine(None, [np.eye(2)]), Method())
    with pytest.raises(NotImplementedError, match=r"Method must define propose\(iteration\)"):
        solver.fit([[1.0, 1.0]])
