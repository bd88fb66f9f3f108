"""Ar-SO2: a published fit in the A reduction, of two states that tunnelling splits.

Levels with even Ka are those of the lower state, with odd Ka those of the upper one, for the nuclei
of oxygen have no spin. The states have rotational constants of their own and common distortion
constants, and are coupled by `Fac (Ja Jc + Jc Ja)`. `Rotor` has single states only; its matrices
make up this Hamiltonian.
"""

from __future__ import annotations

import numpy as np
import pytest

from eigenfit.solver import Family, SpectralSolver, Status, Transitions
from eigenfit.systems.rotor import operators, quantum_numbers

from .molecules import check_constants, printed

# The example ar-so2 for SPFIT of the Cologne database CDMS (H. S. P. Mueller et al., J. Mol.
# Struct. 742, 215 (2005)): upper level, lower level, MHz, error in MHz.
LINES = """
2_20 2_21 2.730 .001
3_21 3_22 13.644 .001
4_22 4_23 40.892 .001
5_23 5_24 95.242 .001
1_10 1_11 167.065 .001
6_24 6_25 189.913 .001
2_11 2_12 501.125 .001
2_11 1_10 5772.753 .001
3_13 2_12 8155.800 .004
3_03 2_02 8401.242 .004
3_12 2_11 8656.699 .001
4_14 3_13 10870.294 .004
4_04 3_03 11187.750 .001
4_32 3_31 11193.988 .004
4_31 3_30 11194.145 .004
4_23 3_22 11203.045 .004
4_22 3_21 11230.297 .004
4_13 3_12 11537.723 .004
5_15 4_14 13581.357 .004
5_05 4_04 13962.436 .004
5_33 4_32 13992.907 .004
5_32 4_31 13993.459 .004
5_24 4_23 13998.588 .004
5_23 4_22 14052.940 .004
5_14 4_13 14414.784 .004
6_16 5_15 16288.216 .004
6_06 5_05 16722.596 .004
6_25 5_24 16790.658 .004
6_24 5_23 16885.319 .004
6_15 5_14 17286.794 .004
7_17 6_16 18990.189 .004
7_07 6_06 19465.798 .004
7_26 6_25 19578.554 .004
7_25 6_24 19728.884 .004
7_16 6_15 20152.598 .004
8_18 7_17 21686.613 .004
8_08 7_07 22190.098 .004
9_09 8_08 24894.250 .004
6_24 7_16 545.296 .001
2_11 3_03 570.535 .001
4_04 3_12 1960.514 .001
1_10 2_02 3199.036 .001
5_23 6_15 3812.577 .001
4_14 4_04 7907.761 .004
3_13 3_03 8225.209 .004
2_12 2_02 8470.651 .001
1_11 1_01 8637.770 .010
7_07 6_15 8872.038 .004
4_23 5_15 9508.414 .004
3_21 4_13 10230.922 .001
8_08 7_16 10909.592 .004
1_10 0_00 11609.238 .001
3_22 4_14 11886.724 .004
9_09 8_17 12792.817 .004
2_20 3_12 13353.005 .004
2_21 3_13 14352.298 .004
10_0_10 9_18 14510.035 .004
2_11 1_01 14577.577 .001
7_34 8_26 16734.098 .004
7_35 8_27 17291.836 .004
3_12 2_02 17628.467 .004
10_29 10_19 17773.256 .004
9_28 9_18 18562.975 .004
8_27 8_17 19284.513 .004
6_33 7_25 19724.327 .004
7_26 7_16 19933.918 .004
6_34 7_26 20062.363 .004
6_25 6_15 20507.983 .004
4_13 3_03 20764.958 .004
5_24 5_14 21004.122 .004
4_23 4_13 21420.324 .004
3_22 3_12 21755.000 .004
2_21 2_11 22006.972 .004
2_20 2_12 22510.830 .004
5_32 6_24 22659.775 .004
3_21 3_13 22770.668 .004
5_33 6_25 22848.945 .004
4_22 4_14 23130.666 .004
5_23 5_15 23602.246 .004
5_14 4_04 23991.996 .004
6_24 6_16 24199.345 .004
7_25 7_17 24938.049 .004
4_31 5_23 25551.626 .004
4_32 5_24 25646.685 .004
8_26 8_18 25836.025 .004
"""

# As SPFIT prints them, with the errors of their last digits.
CONSTANTS = {
    "DeltaE": "978.920(133)",
    "A0": "9142.982(68)",
    "A1": "9139.955(156)",
    "B0": "1486.21974(119)",
    "B1": "1486.42631(204)",
    "C0": "1323.3959(93)",
    "C1": "1323.7660(97)",
    "DeltaJ": "0.0111599(40)",
    "DeltaJK": "0.3161329(251)",
    "DeltaK": "0.1758(148)",
    "deltaJ": "0.00121675(91)",
    "deltaK": "0.19007(45)",
    "PhiJ": "-0.0000004569(309)",
    "PhiJK": "-0.00004389(73)",
    "Fac": "213.382(190)",
}


def basis(j: int) -> np.ndarray:
    """`[15, 2j + 1, 2j + 1]`, in the order of `CONSTANTS`: K even in the lower state, else odd."""
    own = operators(j, "A", "I^r")
    k = np.arange(-j, j + 1)
    even, odd = np.diag((k % 2 == 0) * 1.0), np.diag((k % 2 == 1) * 1.0)
    up = np.diag(np.sqrt(j * (j + 1) - k[:-1] * (k[:-1] + 1.0)), k=-1)
    # In I^r a is z and c is y. Times i, which the phase of the upper state takes up.
    product = np.diag(k) @ (up - up.T) / 2 + (up - up.T) / 2 @ np.diag(k)
    coupling = even @ product @ odd
    found = [odd]
    for name in "ABC":
        found += [part @ own[name] @ part for part in (even, odd)]
    found += [own[name] for name in list(CONSTANTS)[7:14]]
    return np.array([*found, coupling + coupling.T])


def place(name: str) -> tuple[int, int]:
    """J, and the number of the level, which ascends with Ka - Kc."""
    j, ka, kc = quantum_numbers(name, "asymmetric")
    return j, ka - kc + j


def test_constants_and_errors_are_the_published_ones():
    lines = [line.split() for line in LINES.split("\n") if line]
    assert len(lines) == 85
    pairs = [(place(upper), place(lower)) for upper, lower, *_ in lines]
    structure = Family.affine(None, [basis(j) for j in range(11)], list(CONSTANTS))
    solver = SpectralSolver(
        structure,
        observation=Transitions(pairs),
        initial={name: printed(text)[0] * 1.001 for name, text in CONSTANTS.items()},
        sigma=[float(line[3]) for line in lines],
        absolute_sigma=True,
    )
    fit = solver.fit([[float(line[2]) for line in lines]])
    assert fit.status.numpy() == [Status.STATIONARY]
    assert np.sqrt(fit.loss[0] / 85) == pytest.approx(2.11681, abs=6e-6)
    check_constants(fit, CONSTANTS)
