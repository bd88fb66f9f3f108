"""Lines of S = 1 in magnetic fields where nothing was measured, with standard errors.

    H = D (S_z^2 - 2/3) + g muB (B_x S_x + B_z S_z)

in GHz and tesla. The two lines from the lowest level were observed in five weak fields, at 30
degrees to the axis, with random errors of 0.05 GHz; they are made here. The fit predicts both lines
in fields five times as strong, and the third line, which was not observed at all. The errors grow
away from the data: the weak fields hardly determine g along x, and the strong ones need it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eigenfit.solver import Affine, FitResult, SpectralSolver, Spin, Sweep, Transitions

Array = NDArray[np.float64]

#: The parameters from which the data are made: D in GHz, and g along x and z.
TRUTH: dict[str, float] = {"D": 2.87, "gx": 2.1, "gz": 1.9}
START: tuple[float, float, float] = (3.0, 2.0, 2.0)
#: The Bohr magneton in GHz/T, and the error of a line in GHz.
BOHR, SIGMA = 13.99624493, 0.05
#: Fields of the measurement in T, and the number of fields of a prediction.
STRENGTHS: Array = np.array([0.01, 0.015, 0.02, 0.025, 0.03])
LIMIT: int = 60
#: Pairs of levels: the first two lines were observed.
LINES: list[tuple[int, int]] = [(1, 0), (2, 0), (2, 1)]


def fields(strengths: Array) -> Array:
    """Fields at 30 degrees to the axis: `[k, 2]`, along x and z."""
    angle = np.radians(30.0)
    return strengths[:, None] * [np.sin(angle), np.cos(angle)]


def make_solver() -> SpectralSolver:
    """Compare the two lines at the fields of each row."""
    s = Spin(1)
    terms = [
        Affine(None, [matrix], parameter_names=[name])
        for name, matrix in (
            ("D", s.z @ s.z - 2 / 3 * np.eye(3)),
            ("gx", BOHR * s.x),
            ("gz", BOHR * s.z),
        )
    ]
    centre = Sweep(terms, limit=LIMIT, conditions=["Bx", "Bz"])
    return SpectralSolver(
        centre, observation=Transitions(LINES[:2]), sigma=SIGMA, absolute_sigma=True
    )


def measure(solver: SpectralSolver) -> Array:
    """Make the two lines in five fields: `[1, 10]`."""
    levels = solver.spectrum([list(TRUTH.values())], conditions=fields(STRENGTHS)).numpy()
    levels = levels[0].reshape(LIMIT, 3)[: len(STRENGTHS)]
    exact = levels[:, 1:] - levels[:, :1]
    return (exact + SIGMA * np.random.default_rng(1).normal(size=exact.shape)).reshape(1, -1)


def run(solver: SpectralSolver, lines: Array) -> FitResult:
    """Fit the lines; their fields are an argument."""
    return solver.fit(lines, conditions=fields(STRENGTHS), initial=[START])


def predict(fit: FitResult, strengths: Array) -> tuple[Array, Array]:
    """All three lines in other fields, and their standard errors; `[fields, 3]` each."""
    found = fit.predict(Transitions(LINES), conditions=fields(strengths))
    values, errors = (
        field.numpy()[0].reshape(-1, len(LINES))[: len(strengths)]
        for field in (found.values, found.standard_errors)
    )
    return values, errors


def draw(fit: FitResult, lines: Array, path: Path) -> None:
    """Draw the predicted lines with bands of two standard errors, and what was observed."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    strengths = np.linspace(0.0, 0.15, LIMIT)
    values, errors = predict(fit, strengths)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "eigenfit", "font.size": 12}):
        figure = Figure(figsize=(6, 3.4), layout="constrained")
        axes = figure.add_subplot()
        for k, (upper, lower) in enumerate(LINES):
            low, high = values[:, k] - 2 * errors[:, k], values[:, k] + 2 * errors[:, k]
            axes.fill_between(strengths, low, high, color=f"C{k}", alpha=0.3, lw=0)
            axes.plot(strengths, values[:, k], color=f"C{k}", label=f"{upper} - {lower}")
        for k, observed in enumerate(lines.reshape(-1, 2).T):
            axes.errorbar(STRENGTHS, observed, SIGMA, fmt="o", ms=4, color=f"C{k}", capsize=2)
        axes.set(xlabel="field in T", ylabel="line in GHz", title="predicted, with 2 sigma")
        axes.legend(title="levels")
        figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    solver = make_solver()
    lines = measure(solver)
    fit = run(solver, lines)
    print(fit.summary(0))
    strengths = np.array([0.02, 0.05, 0.15])
    for field, value, error in zip(strengths, *predict(fit, strengths), strict=True):
        text = "  ".join(f"{v:6.3f} +- {e:.3f}" for v, e in zip(value, error, strict=True))
        print(f"{field:.2f} T: {text} GHz")
    draw(fit, lines, Path("predicted_lines.svg"))
