"""Minima on an edge of the loss, where levels with different targets meet, are named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize, minimize_scalar

from eigenfit.solver import Affine, Cause, Family, Levels, SpectralSolver, Status

from ..helpers import as_numpy

diagonal = np.diag


def test_the_highest_levels_of_two_members_meet():
    """max(g, 4 - g) is never below 2, whatever was observed."""
    family = Family.affine(
        [diagonal([0.0, 4.0]), diagonal([0.0, 2.0])],
        [[diagonal([1.0, -1.0])], [diagonal([1.0, 0.0])]],
    )
    solver = SpectralSolver(family, observation=Levels(highest=1), starts=1)
    targets = np.array([[1.9, 2.0], [1.0, 2.3], [3.0, 3.0]])
    fit = as_numpy(solver.fit(targets, initial=[[1.5], [3.5], [2.7]]))
    for x, (one, other) in zip(fit.parameters[:, 0], targets, strict=True):
        best: Any = minimize_scalar(
            lambda g, one=one, other=other: (max(g, 4 - g) - one) ** 2 + (max(g, 2.0) - other) ** 2,
            bounds=(1.2, 4.0),
            method="bounded",
            options={"xatol": 1e-10},
        )
        assert x == pytest.approx(best.x, abs=1e-6)
    assert fit.cause.tolist() == [Cause.KINK, Cause.KINK, Cause.NONE]
    assert fit.status[:2].tolist() == [Status.STALLED] * 2
    assert fit.status[2] == Status.CONVERGED


def test_levels_of_one_matrix_meet():
    """Of two levels +-r only the lower is observed, and pulled up, which r = 0 hinders: a cone."""
    basis = [[[0.0, 1, 0], [1, 0, 0], [0, 0, 0]], diagonal([1.0, -1, 0])]
    constant = diagonal([0.0, 0, 3])
    solver = SpectralSolver(Affine(constant, basis), observation=Levels(indices=[0]), starts=1)
    fit = as_numpy(solver.fit([[0.2], [-0.4]], [[0.5, 0.3], [0.5, 0.3]]))

    def loss(x: np.ndarray) -> float:
        matrix = constant + np.einsum("p,pab->ab", x, basis)
        return float((np.linalg.eigvalsh(matrix)[0] - 0.2) ** 2)

    best = minimize(loss, [0.1, 0.1], method="Nelder-Mead", options={"xatol": 1e-9})
    assert fit.loss[0] == pytest.approx(best.fun, abs=1e-7) == pytest.approx(0.04, abs=1e-7)
    assert fit.cause.tolist() == [Cause.KINK, Cause.NONE]
