"""The rotational spectrum of H2S in Watson's S reduction.

The rotational Hamiltonian of an asymmetric top that is not rigid is a linear combination of
constant matrices, one combination for every total angular momentum J, all with the same constants.
In the S reduction (J. K. G. Watson, in "Vibrational Spectra and Structure", vol. 6, ed. J. R.
Durig, Elsevier 1977, p. 1) it is, to the sixth power of the angular momentum,

    H = (B + C) / 2 J^2 + (A - (B + C) / 2) Jz^2 + (B - C) / 4 (J+^2 + J-^2)
        - DJ J^4 - DJK J^2 Jz^2 - DK Jz^4 + d1 J^2 (J+^2 + J-^2) + d2 (J+^4 + J-^4)
        + HJ J^6 + HJK J^4 Jz^2 + HKJ J^2 Jz^4 + HK Jz^6
        + h1 J^4 (J+^2 + J-^2) + h2 J^2 (J+^4 + J-^4) + h3 (J+^6 + J-^6).

In the representation I^r the axes x, y, z are the principal axes b, c, a. `Rotor` has these
matrices. The lines are those of the Cologne Database for Molecular Spectroscopy, CDMS
(H. S. P. Mueller, F. Schloeder, J. Stutzki, G. Winnewisser, J. Mol. Struct. 742, 215 (2005)).
Frequencies and constants are in MHz.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from eigenfit.report import normalized_residuals
from eigenfit.solver import FitResult, SpectralSolver
from eigenfit.systems import Rotor


class Line(NamedTuple):
    """A measured transition: `frequency` is the energy of `upper` minus that of `lower`, in MHz."""

    upper: str
    lower: str
    frequency: float
    uncertainty: float = 0.07


def _line(label: str, frequency: float, *uncertainty: float) -> Line:
    upper, lower = (f"{digits[0]}_{digits[1:]}" for digits in label.split("-"))
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

#: Rough A, B, C to start from, without distortion: from the lines 1_11-0_00 and 1_10-1_01, which
#: are A + C and A - C, and from the planarity of the molecule, 1/C = 1/A + 1/B.
ROUGH: dict[str, float] = {"A": 310576.5, "B": 260982.0, "C": 141813.8}


def make_solver(order: str = "sextic") -> SpectralSolver:
    """The fit of the lines.

    Args:
        order: "sextic" for 15 constants, or "quartic" for 8.
    """
    rotor = Rotor(max_j=4, order=order, lines=[(line.upper, line.lower) for line in LINES])
    start = dict.fromkeys(rotor.parameter_names, 0.0) | ROUGH
    return SpectralSolver(rotor, initial=start, absolute_sigma=True)


def fit_lines(solver: SpectralSolver) -> FitResult:
    """Fit the measured frequencies, weighted by their uncertainties."""
    frequencies = [[line.frequency for line in LINES]]
    weights = [[1 / line.uncertainty for line in LINES]]
    return solver.fit(frequencies, weights=weights)


def draw(fit: FitResult, path: Path) -> None:
    """Draw observed minus fitted, in standard errors, line by line."""
    from matplotlib import rc_context

    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "eigenfit"}):
        normalized_residuals(fit).savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    for order in ("quartic", "sextic"):
        fit = fit_lines(make_solver(order))
        rms = np.sqrt(fit.loss[0] / len(LINES))
        print(f"{order} (MHz), weighted rms {rms:.3f}\n\n{fit.summary(0)}\n")
    draw(fit, Path("h2s.svg"))
