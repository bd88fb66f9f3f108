"""`scipy.optimize.least_squares`, row by row, with the analytic Jacobian."""

from __future__ import annotations

import numpy as np
import scipy.linalg
from scipy.optimize import least_squares

from ..problems import Problem
from .base import Peer

# The loosest that solves 99 % of the rows. With residual left convergence is linear, and the same
# accuracy needs a tighter one.
_TOLERANCE = 1e-5
_TOLERANCE_WITH_RESIDUAL = 1e-14


class Scipy(Peer):
    """MINPACK's Levenberg-Marquardt; one decomposition gives the residuals and the Jacobian."""

    _evaluations = 0

    def prepare(self, problem: Problem) -> None:
        self._problem = problem
        self._count = problem.num_targets
        matched = problem.measured is None
        self._tolerance = _TOLERANCE if matched else _TOLERANCE_WITH_RESIDUAL
        # MINPACK wants as many residuals as parameters: zeros do no harm.
        self._padding = max(0, problem.num_parameters - self._count)
        self._wide = np.ascontiguousarray(np.moveaxis(problem.basis, 0, 1)).reshape(
            problem.size, -1
        )
        self._flat = problem.basis.reshape(problem.num_parameters, -1)

    def solve(self, targets: np.ndarray, starts: np.ndarray) -> np.ndarray:
        self._evaluations = 0
        return np.stack([self._row(t, x) for t, x in zip(targets, starts, strict=True)])

    def details(self) -> dict[str, object]:
        return {"evaluations": self._evaluations}

    def _row(self, target: np.ndarray, start: np.ndarray) -> np.ndarray:
        found = least_squares(
            self._residual,
            start,
            self._jacobian,
            method="lm",
            ftol=self._tolerance,
            xtol=self._tolerance,
            gtol=self._tolerance,
            args=(target,),
        )
        self._evaluations += found.nfev
        return found.x

    def _residual(self, x: np.ndarray, target: np.ndarray) -> np.ndarray:
        matrix = self._problem.constant + (x @ self._flat).reshape(self._problem.constant.shape)
        if self._problem.lowest is None:
            levels, self._vectors = np.linalg.eigh(matrix)
        else:
            levels, self._vectors = scipy.linalg.eigh(
                matrix, subset_by_index=(0, self._count - 1), check_finite=False
            )
        residual = levels - target
        return np.pad(residual, (0, self._padding)) if self._padding else residual

    def _jacobian(self, x: np.ndarray, target: np.ndarray) -> np.ndarray:
        # MINPACK asks for the Jacobian where it has just asked for the residuals.
        del x, target
        vectors = self._vectors
        images = (vectors.conj().T @ self._wide).reshape(self._count, len(self._flat), -1)
        jacobian = np.matmul(images, vectors.T[:, :, None])[..., 0].real
        return np.pad(jacobian, ((0, self._padding), (0, 0))) if self._padding else jacobian
