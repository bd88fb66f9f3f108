"""P5: the masses of beads on a string from its frequencies, as a generalized problem."""

from __future__ import annotations

import numpy as np

from eigenfit.solver import Affine, Generalized, LevenbergMarquardt, Status

from .registry import Problem, Run, example

_EXAMPLE = example("beaded_string")
STIFFNESS = _EXAMPLE.stiffness_matrix(_EXAMPLE.LENGTHS)
BASIS = _EXAMPLE.mirror_basis(len(_EXAMPLE.MASSES))


def _reference(masses: np.ndarray) -> np.ndarray:
    """Inverse square roots of the masses on both sides of the stiffness."""
    root = 1 / np.sqrt(np.diag(np.tensordot(masses, BASIS, 1)))
    return root[:, None] * STIFFNESS * root[None, :]


PROBLEMS = (
    Problem(
        name="beaded_string",
        citation="Cox, Embree & Hokanson, SIAM Review 54, 157 (2012)",
        parameterization=lambda: Generalized(STIFFNESS, Affine(None, BASIS)),
        reference=_reference,
        positive=True,
        targets=_EXAMPLE.LEVELS[None],
        initial=np.array([[0.02, 0.02]]),
        solution=_EXAMPLE.MASSES[None, :2],
        # Four levels, printed to five decimals, for two masses.
        runs={
            "LevenbergMarquardt": Run(
                LevenbergMarquardt, status=Status.STATIONARY, solution_error=1e-8
            )
        },
    ),
)
