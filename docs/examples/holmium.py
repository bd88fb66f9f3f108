"""The crystal field of Ho3+ in KY3F10 from 13 measured levels of its ground multiplet 5I8.

The levels are those of M. Mujaji and J.-P. R. Wells, in cm^-1. They are fitted by the five
parameters of the point group C4v inside the multiplet. The fit starts at the parameters of a
calculation in the full configuration 4f^10, (-669, -1269, 344, 525, 9), and comes out near them,
with an rms of 5.2 cm^-1. That is what the other multiplets do to the levels of this one.

The zero of the levels is unknown (`relative_to="mean"`), and a doublet is one datum.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import stevens

from eigenfit.report import level_diagram
from eigenfit.solver import FitResult, Levels, SpectralSolver
from eigenfit.systems import CrystalField


def make_solver() -> SpectralSolver:
    """Compare the means of the multiplets, up to an unknown zero."""
    field = CrystalField("Ho3+", point_group="C4v", convention="wybourne", unit="cm^-1")
    observed = Levels("mean", multiplicity=stevens.MULTIPLICITY.tolist())
    return SpectralSolver(field, observation=observed)


def fit_levels(solver: SpectralSolver) -> FitResult:
    """Fit the measured levels from the published parameters."""
    return solver.fit([stevens.OBSERVED], initial=[stevens.PUBLISHED])


def draw(fit: FitResult, path: Path) -> None:
    """Draw observed and fitted levels side by side."""
    from matplotlib import rc_context

    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "eigenfit"}):
        level_diagram(fit).savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    fit = fit_levels(make_solver())
    print(fit.summary(0))
    print(f"\nrms {np.sqrt(fit.loss[0] / len(stevens.OBSERVED)):.2f} cm^-1")
    draw(fit, Path("holmium.svg"))
