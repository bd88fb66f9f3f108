"""P6: silicon in the sp3s* model, three wave vectors in one family."""

from __future__ import annotations

import numpy as np

from eigenfit.solver import Family, LevenbergMarquardt, Status

from .registry import Problem, Run, example

_EXAMPLE = example("silicon")
BASES = [_EXAMPLE.basis_matrices(k) for k in _EXAMPLE.POINTS.values()]

PROBLEMS = (
    Problem(
        name="silicon",
        citation="Vogl, Hjalmarson & Dow, J. Phys. Chem. Solids 44, 365 (1983)",
        parameterization=lambda: Family.affine(None, BASES),
        reference=lambda x: [np.tensordot(x, basis, 1) for basis in BASES],
        targets=np.concatenate([_EXAMPLE.LEVELS[k] for k in _EXAMPLE.POINTS])[None],
        initial=_EXAMPLE.PUBLISHED[None] * (1 + 0.03 * np.array([1, -1, 1, -1, 1, -1, 1, -1])),
        solution=_EXAMPLE.PUBLISHED[None],
        # Levels are printed to five decimals.
        runs={
            "LevenbergMarquardt": Run(
                LevenbergMarquardt, status=Status.STATIONARY, solution_error=5e-5
            )
        },
    ),
)
