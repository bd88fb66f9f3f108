"""Levels of S = 1 in magnetic fields: the fields are data.

    H = D (S_z^2 - 2/3) + E (S_x^2 - S_y^2) + g muB B.S

in GHz and tesla. The levels were observed in eight fields, along x and along z, with random errors
of 0.1 GHz; they are made here. The structure is a `Sweep`, so that the fields are an argument of
the fit, and the same solver gives the fitted levels in the 120 fields of the lines in the figure.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eigenfit.solver import Affine, FitResult, SpectralSolver, Spin, Sweep

Array = NDArray[np.float64]

#: The parameters from which the data are made: D and E in GHz, and g.
TRUTH: dict[str, float] = {"D": 2.1, "E": 0.3, "g": 2.0}
START: tuple[float, float, float] = (1.8, 0.2, 2.1)
#: The Bohr magneton in GHz/T, and the error of a level in GHz.
BOHR, SIGMA = 13.99624493, 0.1
#: Fields in T, and the largest number of them in a fit.
STRENGTHS: Array = np.array([0.02, 0.06, 0.1, 0.14])
LIMIT: int = 120


def triplet() -> Sweep:
    """The Hamiltonian at the fields `[B_x, B_y, B_z]` of each row."""
    s = Spin(1)
    zero_field = Affine(
        None,
        [s.z @ s.z - 2 / 3 * np.eye(3), s.x @ s.x - s.y @ s.y],
        parameter_names=["D", "E"],
    )
    zeeman = [Affine(None, [BOHR * m], parameter_names=["g"]) for m in (s.x, s.y, s.z)]
    return Sweep([zero_field, *zeeman], limit=LIMIT, conditions=["Bx", "By", "Bz"])


def make_solver() -> SpectralSolver:
    """The solver for any fields."""
    return SpectralSolver(triplet(), sigma=SIGMA, absolute_sigma=True)


def fields(strengths: Array) -> Array:
    """The fields along x, then those along z; `[2 k, 3]` for k strengths."""
    along = strengths[:, None]
    return np.concatenate([along * [1.0, 0.0, 0.0], along * [0.0, 0.0, 1.0]])


def measure(solver: SpectralSolver) -> Array:
    """Make the levels `[1, 24]` in eight fields."""
    measured = fields(STRENGTHS)
    # The spectrum has room for as many fields as the limit; it is NaN after those that were given.
    exact = solver.spectrum([list(TRUTH.values())], conditions=measured).numpy()
    exact = exact[:, : 3 * len(measured)]
    return exact + SIGMA * np.random.default_rng(3).normal(size=exact.shape)


def run(solver: SpectralSolver, levels: Array) -> FitResult:
    """Fit the levels; their fields are an argument."""
    return solver.fit(levels, conditions=fields(STRENGTHS), initial=[START])


def draw(solver: SpectralSolver, fit: FitResult, levels: Array, path: Path) -> None:
    """Draw observed levels and fitted lines, for both directions of the field."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    strengths = np.linspace(0.0, 0.16, LIMIT // 2)
    lines = solver.spectrum(fit.parameters, conditions=fields(strengths)).numpy()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "eigenfit", "font.size": 12}):
        figure = Figure(figsize=(6, 3.4), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        # One row of three levels for each field: first the fields along x, then those along z.
        fitted = np.split(lines.reshape(-1, 3), 2)
        observed = np.split(levels.reshape(-1, 3), 2)
        for axes, direction, line, points in zip(panels, "xz", fitted, observed, strict=True):
            axes.plot(strengths, line[:, 0], color="C0", label="fitted")
            axes.plot(strengths, line[:, 1:], color="C0")
            axes.plot(np.repeat(STRENGTHS, 3), points.ravel(), "o", color="C1", label="observed")
            axes.set(xlabel="field in T", title=f"field along {direction}")
        panels[0].set_ylabel("level in GHz")
        panels[0].legend()
        figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    solver = make_solver()
    levels = measure(solver)
    fit = run(solver, levels)
    print(fit.summary(0))
    draw(solver, fit, levels, Path("triplet_in_field.svg"))
