"""P7: the crystal field of Ho3+ (5I8) in KY3F10, from 13 measured levels."""

from __future__ import annotations

import numpy as np

from eigenfit.solver import Affine, GaussNewton, LevenbergMarquardt, Newton, Status

from .registry import Problem, Run, example

_STEVENS = example("stevens")
_NAMES, _BASIS = _STEVENS.wybourne_basis()
#: The five crystal-field matrices and, for the unknown zero of energy, the identity.
BASIS = np.concatenate([_BASIS, np.eye(_BASIS.shape[-1])[None]])
NAMES = (*_NAMES, "E0")
TARGETS = _STEVENS.targets_by_level()
START = np.array([*_STEVENS.PUBLISHED, 140.0])

# Independent of eigenfit: scipy.optimize.least_squares and curve_fit from the same start.
SOLUTION = np.array([-612.929, -1247.029, 346.161, 494.989, -8.173, 141.755])
STANDARD_ERRORS = np.array([30.755, 41.554, 44.601, 19.285, 35.374, 1.992])
RMS = 5.2441

PROBLEMS = (
    Problem(
        name="crystal_field",
        citation="Ho3+ in KY3F10, levels of Mujaji & Wells; parameters recomputed with SciPy",
        parameterization=lambda: Affine(None, BASIS, parameter_names=NAMES),
        reference=lambda x: np.einsum("j,jab->ab", x, BASIS),
        targets=TARGETS[None],
        initial=START[None],
        solution=SOLUTION[None],
        rms=RMS,
        rms_error=1e-4,
        runs={
            "LevenbergMarquardt": Run(
                LevenbergMarquardt, status=Status.STATIONARY, solution_error=2e-3
            ),
            "GaussNewton": Run(GaussNewton, status=Status.STATIONARY, solution_error=2e-3),
            "Newton": Run(Newton, status=Status.STATIONARY, solution_error=2e-3),
        },
    ),
)
