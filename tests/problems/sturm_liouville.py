"""P3: the potential of Mathieu's equation from the lowest levels of its matrix."""

from __future__ import annotations

import numpy as np

from eigenfit.solver import Affine, Levels, LevenbergMarquardt, Status

from .registry import Problem, Run, example

_EXAMPLE = example("sturm_liouville")


def _problem(points: int, coefficients: int, status: Status) -> Problem:
    constant = _EXAMPLE.difference_matrix(points)
    basis = _EXAMPLE.cosine_basis(points, coefficients)
    levels = _EXAMPLE.MATHIEU_LEVELS[points]
    solution = np.zeros((1, coefficients))
    solution[0, 1] = 2.0
    return Problem(
        name=f"sturm_liouville_{points}",
        citation="-u'' + 2 cos(2x) u on (0, pi), central differences; recomputed with NumPy",
        parameterization=lambda: Affine(constant, basis),
        reference=lambda x: constant + np.tensordot(x, basis, 1),
        targets=levels[None],
        initial=np.zeros((1, coefficients)),
        solution=solution,
        observation=lambda: Levels(lowest=len(levels)),
        observe=lambda all_levels: all_levels[: len(levels)],
        runs={"LevenbergMarquardt": Run(LevenbergMarquardt, status=status, solution_error=2e-7)},
    )


# Levels are printed to eight decimals, and there are more of them than coefficients. Beside the
# largest of six that is within the tolerance, beside the largest of three it is not.
PROBLEMS = (_problem(9, 2, Status.STATIONARY), _problem(31, 4, Status.CONVERGED))
