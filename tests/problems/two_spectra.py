"""P2(a): a Jacobi matrix from its spectrum and that of its submatrix."""

from __future__ import annotations

import numpy as np

from eigenfit.solver import Family, LevenbergMarquardt, LiftAndProjection

from .registry import Problem, Run, example

_EXAMPLE = example("two_spectra")


def _problem(size: int) -> Problem:
    whole, part = _EXAMPLE.basis_matrices(size)
    solution = np.concatenate([np.full(size, size - 1.0), np.sqrt(_EXAMPLE.PUBLISHED[size])])
    return Problem(
        name=f"two_spectra_{size}",
        citation="Gladwell, Jones & Willms, doi 10.1155/2014/515082",
        parameterization=lambda: Family.affine(None, [whole, part]),
        reference=lambda x: [np.tensordot(x, basis, 1) for basis in (whole, part)],
        targets=np.concatenate(_EXAMPLE.target_spectra(size))[None],
        initial=np.concatenate([np.full(size, size - 1.0), np.full(size - 1, size / 3)])[None],
        solution=solution[None],
        runs={
            "LevenbergMarquardt": Run(LevenbergMarquardt, solution_error=1e-7),
            "LiftAndProjection": Run(lambda: LiftAndProjection(doubled=True), solution_error=1e-7),
        },
    )


PROBLEMS = tuple(_problem(size) for size in (4, 6))
