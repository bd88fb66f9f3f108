"""The rotational spectrum of H2S in Watson's S reduction.

The rotational Hamiltonian of an asymmetric top that is not rigid is a linear combination of
constant matrices, one combination for every total angular momentum J, all with the same constants.
In the S reduction (J. K. G. Watson, in "Vibrational Spectra and Structure", vol. 6, ed. J. R.
Durig, Elsevier 1977, p. 1) it is, to the sixth power of the angular momentum,

    H = (B + C) / 2 J^2 + (A - (B + C) / 2) Jz^2 + (B - C) / 4 (J+^2 + J-^2)
        - D_J J^4 - D_JK J^2 Jz^2 - D_K Jz^4 + d_1 J^2 (J+^2 + J-^2) + d_2 (J+^4 + J-^4)
        + H_J J^6 + H_JK J^4 Jz^2 + H_KJ J^2 Jz^4 + H_K Jz^6
        + h_1 J^4 (J+^2 + J-^2) + h_2 J^2 (J+^4 + J-^4) + h_3 (J+^6 + J-^6).

In the representation I^r the axes x, y, z are the principal axes b, c, a. The lines are those of
the Cologne Database for Molecular Spectroscopy, CDMS (H. S. P. Mueller, F. Schloeder, J. Stutzki,
G. Winnewisser, J. Mol. Struct. 742, 215 (2005)). Frequencies and constants are in MHz.

Matrices are in the basis |J, K> with K ascending: row 0 is K = -J.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from eigenfit.solver import Family, FitResult, SpectralSolver, Transitions

Array = NDArray[np.float64]

#: The constants in the order of the basis matrices: rigid rotor, quartic and sextic distortion.
CONSTANTS: tuple[str, ...] = (
    *("A", "B", "C"),
    *("D_J", "D_JK", "D_K", "d_1", "d_2"),
    *("H_J", "H_JK", "H_KJ", "H_K", "h_1", "h_2", "h_3"),
)

#: How many of the constants make the Hamiltonian up to the quartic distortion.
NUM_QUARTIC = 8


class Level(NamedTuple):
    """A rotational level by its label J_{Ka Kc}."""

    j: int
    ka: int
    kc: int

    @property
    def index(self) -> int:
        """Its number among the 2J + 1 levels of this J, ascending from 0 for the lowest.

        The levels of one J ascend with tau = Ka - Kc from -J to J, for A > B > C.
        """
        return self.ka - self.kc + self.j


class Line(NamedTuple):
    """A measured transition: `frequency` is the energy of `upper` minus that of `lower`, in MHz."""

    upper: Level
    lower: Level
    frequency: float
    uncertainty: float = 0.07


def _line(label: str, frequency: float, *uncertainty: float) -> Line:
    upper, lower = (Level(*map(int, digits)) for digits in label.split("-"))
    return Line(upper, lower, frequency, *uncertainty)


#: The measured lines, labelled J Ka Kc of the upper and of the lower level.
LINES: tuple[Line, ...] = (
    _line("331-404", 35028.15),
    _line("110-101", 168762.76237, 0.01),
    _line("414-321", 204140.17),
    _line("220-211", 216710.435, 0.01),
    _line("330-321", 300505.56),
    _line("321-312", 369101.45),
    _line("431-422", 369126.912),
    _line("313-220", 392617.84),
    _line("211-202", 393450.49),
    _line("440-431", 424314.82),
    _line("111-000", 452390.33),
    _line("221-212", 505565.23),
    _line("331-322", 568050.557),
    _line("441-432", 650374.186),
    _line("422-413", 665393.738),
    _line("202-111", 687303.468),
    _line("312-303", 708470.43),
    _line("212-101", 736034.096),
    _line("322-313", 747301.89),
    _line("432-423", 765937.91),
    _line("423-330", 930145.832, 0.1),
    _line("313-202", 1002778.698, 0.1),
    _line("413-404", 1018347.23, 0.1),
    _line("423-414", 1026511.165, 0.1),
    _line("221-110", 1072836.548, 0.1),
    _line("404-313", 1280325.29, 0.5),
    _line("414-303", 1281714.08, 0.5),
    _line("413-322", 1551369.73, 0.5),
)


def basis_matrices(j: int) -> Array:
    """Build the matrices that the constants multiply in the Hamiltonian of one J.

    Those of d_2, h_2 and h_3 couple K with K +- 4 and K +- 6 and vanish for J < 2 or J < 3; for
    J = 0 all vanish.

    Args:
        j: the total angular momentum.

    Returns:
        `[15, 2j + 1, 2j + 1]`, real symmetric, in the order of `CONSTANTS`, the signs of the
        definition above included.
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


def difference_matrix(lines: Sequence[Line], max_j: int) -> Array:
    """Build the matrix that takes levels to the frequencies of lines.

    Args:
        lines: the lines.
        max_j: the largest J.

    Returns:
        `[len(lines), (max_j + 1)^2]`: +1 at the upper and -1 at the lower level of each line. The
        levels run through J = 0, 1, ..., max_j, ascending within each J, so that those of J begin
        at J^2.
    """
    differences = np.zeros((len(lines), (max_j + 1) ** 2))
    for row, line in zip(differences, lines, strict=True):
        row[line.upper.j**2 + line.upper.index] = 1.0
        row[line.lower.j**2 + line.lower.index] = -1.0
    return differences


#: Rough A, B, C in MHz to start from, without distortion: from the lines 1_11-0_00 = A + C and
#: 1_10-1_01 = A - C, and from the planarity of the molecule, 1/C = 1/A + 1/B.
ROUGH: Array = np.array([310576.5, 260982.0, 141813.8])


def make_solver(num_constants: int = len(CONSTANTS)) -> SpectralSolver:
    """The fit of the lines: one matrix for each J, all with the same constants.

    Args:
        num_constants: 15, or 8 for the Hamiltonian up to the quartic distortion.
    """
    names = CONSTANTS[:num_constants]
    bases = [basis_matrices(j)[:num_constants] for j in range(5)]
    pairs = [((line.upper.j, line.upper.index), (line.lower.j, line.lower.index)) for line in LINES]
    start = np.zeros(num_constants)
    start[:3] = ROUGH
    return SpectralSolver(
        Family.affine(None, bases, parameter_names=names),
        observation=Transitions(pairs),
        initial=start,
        absolute_sigma=True,
    )


def fit_lines(solver: SpectralSolver) -> FitResult:
    """Fit the measured frequencies, weighted by their uncertainties."""
    frequencies = [[line.frequency for line in LINES]]
    weights = [[1 / line.uncertainty for line in LINES]]
    return solver.fit(frequencies, weights=weights)


if __name__ == "__main__":
    for count in (NUM_QUARTIC, len(CONSTANTS)):
        fit = fit_lines(make_solver(count))
        rms = np.sqrt(fit.loss[0] / len(LINES))
        print(f"{count} constants (MHz), weighted rms {rms:.3f}\n\n{fit.summary(0)}\n")
