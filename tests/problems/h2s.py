"""P8: rotational lines of H2S, differences between levels of five matrices."""

from __future__ import annotations

import numpy as np

from eigenfit.solver import Family, GaussNewton, LevenbergMarquardt, Newton, Status, Transitions

from .registry import Problem, Run, example

_EXAMPLE = example("h2s")
BASES = [_EXAMPLE.basis_matrices(j) for j in range(5)]
LINES = _EXAMPLE.LINES
DIFFERENCES = _EXAMPLE.difference_matrix(LINES, 4)
PAIRS = [((u.j, u.index), (v.j, v.index)) for u, v, *_ in LINES]

# Independent of eigenfit: scipy.optimize.least_squares with these matrices.
SOLUTION, STANDARD_ERRORS = np.array(
    [
        (310583.5412, 0.02955),
        (270367.7779, 0.04225),
        (141820.0079, 0.0274),
        (20.868172, 0.004255),
        (-76.251146, 0.01281),
        (117.728716, 0.01088),
        (-8.871778, 0.001694),
        (0.6430098, 0.0006827),
        (0.01036736, 0.0001556),
        (-0.0900464, 0.0007154),
        (0.153811, 0.001012),
        (-0.0332201, 0.0005075),
        (0.00307346, 6.441e-05),
        (-0.00102655, 3.595e-05),
        (0.00122022, 9.012e-06),
    ]
).T

PROBLEMS = (
    Problem(
        name="h2s",
        citation="CDMS line list of H2S; Watson's S reduction, recomputed with SciPy",
        parameterization=lambda: Family.affine(None, BASES, parameter_names=_EXAMPLE.CONSTANTS),
        reference=lambda x: [np.tensordot(x, basis, 1) for basis in BASES],
        targets=np.array([[line.frequency for line in LINES]]),
        weights=np.array([[1 / line.uncertainty for line in LINES]]),
        absolute_sigma=True,
        initial=np.concatenate([_EXAMPLE.ROUGH, np.zeros(12)])[None],
        solution=SOLUTION[None],
        standard_errors=STANDARD_ERRORS[None],
        observation=lambda: Transitions(PAIRS),
        observe=lambda levels: DIFFERENCES @ levels,
        runs={
            "LevenbergMarquardt": Run(
                LevenbergMarquardt, status=Status.STATIONARY, solution_error=1e-4
            ),
            "GaussNewton": Run(GaussNewton, status=Status.STATIONARY, solution_error=1e-4),
            "Newton": Run(Newton, status=Status.STATIONARY, solution_error=1e-4),
        },
    ),
)
