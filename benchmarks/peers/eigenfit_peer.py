"""eigenfit, called as the guide says."""

from __future__ import annotations

from typing import Any

import numpy as np

from eigenfit.solver import (
    Additive,
    Affine,
    Levels,
    Parameterization,
    SpectralSolver,
    Symmetric,
    Toeplitz,
    Tridiagonal,
)

from ..problems import Problem
from .base import Peer


def structure(problem: Problem) -> Parameterization:
    """What a user would write for the problem."""
    if problem.structure == "symmetric":
        return Symmetric(problem.size)
    if problem.structure == "toeplitz":
        return Toeplitz(problem.size)
    if problem.structure == "tridiagonal":
        return Tridiagonal(problem.size)
    if problem.structure == "additive":
        return Additive(problem.constant)
    return Affine(problem.constant, problem.basis)


class Eigenfit(Peer):
    """The default solver in float64."""

    def prepare(self, problem: Problem) -> None:
        observation = Levels() if problem.lowest is None else Levels(lowest=problem.lowest)
        self._solver = SpectralSolver(structure(problem), observation=observation, **self.method())
        self._fit = None

    def method(self) -> dict[str, Any]:
        """Arguments of the solver other than the defaults."""
        return {}

    def solve(self, targets: np.ndarray, starts: np.ndarray) -> np.ndarray:
        self._fit = self._solver.fit(targets, initial=starts)
        return self._fit.parameters.numpy()

    def search(self, targets: np.ndarray) -> np.ndarray:
        """Fit without starting points: the solver finds its own."""
        self._fit = self._solver.fit(targets)
        return self._fit.parameters.numpy()

    def details(self) -> dict[str, object]:
        if self._fit is None:
            return {}
        steps = self._fit.steps.numpy()
        return {
            "steps": int(steps.sum()),
            "median steps": float(np.median(steps)),
            "most steps": int(steps.max()),
        }
