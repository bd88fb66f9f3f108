"""P1: the additive problem of Friedland, Nocedal & Overton, `A0 + diag(c)`."""

from __future__ import annotations

import numpy as np

from eigenfit.solver import (
    LBFGS,
    Adam,
    Affine,
    GaussNewton,
    LevenbergMarquardt,
    LiftAndProjection,
    Newton,
)

from .registry import Problem, Run

_UPPER_ROWS = (
    (4, -1, 1, 1, 5, -1, 1),
    (-1, 2, 1, 4, -1, 2),
    (3, 1, 3, -1, 3),
    (1, 2, -1, 4),
    (1, -1, 5),
    (-1, 6),
    (7,),
)
CONSTANT = np.zeros((8, 8))
CONSTANT[np.triu_indices(8, 1)] = np.concatenate(_UPPER_ROWS)
CONSTANT += CONSTANT.T
BASIS = np.stack([np.diag(row) for row in np.eye(8)])
LEVELS = np.arange(10.0, 81.0, 10.0)
SOLUTION = np.array(
    [
        11.90787610,
        19.70552151,
        30.54549819,
        40.06265749,
        51.58714029,
        64.70213143,
        70.17067582,
        71.31849917,
    ]
)
#: Norms of the residual at the start and after each step of Newton's method.
NEWTON_RESIDUALS = (6.4, 0.89, 0.10, 2.7e-3, 2.3e-6, 1.7e-12)

PROBLEMS = (
    Problem(
        name="additive",
        citation="Friedland, Nocedal & Overton 1987, example 1, doi 10.1137/0724043",
        parameterization=lambda: Affine(CONSTANT, BASIS),
        reference=lambda c: CONSTANT + np.diag(c),
        targets=LEVELS[None],
        initial=LEVELS[None],
        solution=SOLUTION[None],
        runs={
            "LevenbergMarquardt": Run(LevenbergMarquardt, solution_error=1e-8),
            "GaussNewton": Run(GaussNewton, solution_error=1e-8),
            "Newton": Run(Newton, solution_error=1e-8),
            "LBFGS": Run(LBFGS, solution_error=1e-7),
            "LiftAndProjection": Run(LiftAndProjection, solution_error=1e-7),
            "Adam": Run(
                lambda: Adam(learning_rate=0.1), tolerance=1e-8, accuracy=1e-7, solution_error=1e-5
            ),
        },
    ),
)
