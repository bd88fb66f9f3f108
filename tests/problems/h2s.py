"""P8: rotational lines of H2S, differences between levels of five matrices."""

from __future__ import annotations

import numpy as np

from eigenfit.solver import Family, GaussNewton, LevenbergMarquardt, Newton, Status, Transitions

from .registry import Problem, Run, example

_EXAMPLE = example("h2s")
LINES = _EXAMPLE.LINES

# The constants in the order of the basis matrices: rigid rotor, quartic and sextic distortion.
CONSTANTS = (
    *("A", "B", "C"),
    *("D_J", "D_JK", "D_K", "d_1", "d_2"),
    *("H_J", "H_JK", "H_KJ", "H_K", "h_1", "h_2", "h_3"),
)


def basis_matrices(j: int) -> np.ndarray:
    """Build the matrices that the constants multiply in the Hamiltonian of one J.

    Those of d_2, h_2 and h_3 couple K with K +- 4 and K +- 6 and vanish for J < 2 or J < 3; for
    J = 0 all vanish.

    Args:
        j: the total angular momentum.

    Returns:
        `[15, 2j + 1, 2j + 1]`, real symmetric, in the order of `CONSTANTS`, with the signs
        of the example, in the basis |J, K> with K ascending.
    """
    k = np.arange(-j, j + 1)
    identity = np.eye(2 * j + 1)
    squared = float(j * (j + 1))
    z2 = np.diag(k**2.0)
    raising = np.diag(np.sqrt(squared - k[:-1] * k[1:]), k=-1)
    double, fourfold, sixfold = (
        power + power.T for power in (np.linalg.matrix_power(raising, q) for q in (2, 4, 6))
    )
    perpendicular = (squared * identity - z2) / 2
    return np.array(
        [
            z2,
            perpendicular + double / 4,
            perpendicular - double / 4,
            -(squared**2) * identity,
            -squared * z2,
            -(z2**2),
            squared * double,
            fourfold,
            squared**3 * identity,
            squared**2 * z2,
            squared * z2**2,
            z2**3,
            squared**2 * double,
            squared * fourfold,
            sixfold,
        ]
    )


def level_of(name: str) -> tuple[int, int]:
    """J, and the number among its 2J + 1 levels, which ascend with Ka - Kc from -J to J."""
    j, ka, kc = (int(digit) for digit in name.replace("_", ""))
    return j, ka - kc + j


PAIRS = [(level_of(line.upper), level_of(line.lower)) for line in LINES]
BASES = [basis_matrices(j) for j in range(5)]
# +1 at the upper and -1 at the lower level of each line; the levels of J begin at J^2.
DIFFERENCES = np.zeros((len(LINES), 25))
for row, levels in zip(DIFFERENCES, PAIRS, strict=True):
    for sign, (j, index) in zip((1.0, -1.0), levels, strict=True):
        row[j**2 + index] = sign

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
        parameterization=lambda: Family.affine(None, BASES, parameter_names=CONSTANTS),
        reference=lambda x: [np.tensordot(x, basis, 1) for basis in BASES],
        targets=np.array([[line.frequency for line in LINES]]),
        weights=np.array([[1 / line.uncertainty for line in LINES]]),
        absolute_sigma=True,
        initial=np.array([*_EXAMPLE.ROUGH.values(), *[0.0] * 12])[None],
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
