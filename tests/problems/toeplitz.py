"""P4: symmetric Toeplitz matrices; one exists for every real spectrum (Landau 1994)."""

from __future__ import annotations

import numpy as np

from eigenfit.solver import (
    LBFGS,
    Adam,
    GaussNewton,
    LevenbergMarquardt,
    LiftAndProjection,
    Newton,
    Toeplitz,
)

from .registry import Problem, Run

FIRST_ROW = np.array([3, -1, 0.5, -0.25, 0.125])
LEVELS = np.array([1.72045839, 1.91441770, 2.38068580, 3.46058230, 5.52385582])


def matrix(first_row: np.ndarray) -> np.ndarray:
    """Entry by entry."""
    n = len(first_row)
    return np.array([[first_row[abs(i - j)] for j in range(n)] for i in range(n)])


PROBLEMS = (
    Problem(
        name="toeplitz",
        citation="P4 of the project, recomputed in NumPy",
        parameterization=lambda: Toeplitz(5),
        reference=matrix,
        targets=LEVELS[None],
        initial=FIRST_ROW[None] + 0.03 * np.array([[1, -1, 1, 1, -1]]),
        solution=FIRST_ROW[None],
        runs={
            # The levels are printed to 8 decimals.
            "LevenbergMarquardt": Run(LevenbergMarquardt, solution_error=1e-6),
            "GaussNewton": Run(GaussNewton, solution_error=1e-6),
            "LiftAndProjection": Run(lambda: LiftAndProjection(doubled=True), solution_error=1e-6),
            "Adam": Run(Adam, tolerance=1e-8, accuracy=1e-7, solution_error=1e-6),
        },
    ),
    Problem(
        name="toeplitz_cold",
        citation="random spectra; solvable by Landau 1994, doi 10.1090/S0273-0979-1994-00467-2",
        parameterization=lambda: Toeplitz(4),
        reference=matrix,
        targets=np.sort(np.random.default_rng(4).normal(size=(40, 4)), axis=1),
        runs={
            "LevenbergMarquardt": Run(LevenbergMarquardt),
            "Newton": Run(Newton),
            "LBFGS": Run(LBFGS),
        },
    ),
)
