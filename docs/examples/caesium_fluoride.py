"""Hyperfine lines of CsF in a molecular beam.

The lines were measured by J. C. Zorn and coworkers; they are the example `csf` of SPFIT. In the
state N = 1 of the rotation, N is coupled with the spin I1 = 7/2 of Cs to F1, and F1 with the spin
I2 = 1/2 of F to F. The 48 states are six multiplets (F1, F), known by F1 + 1/2 and F. With Q the
quadrupole tensor of Cs,

    H = eQq Q + C1 I1.N + C2 I2.N + S (tensor interaction of I1 and I2) + J I1.I2.

F is conserved, so `split_by` takes the matrix apart into blocks with F = 2, 3, 4 and 5. Of each
multiplet one state is kept, the one with M = F. The unit is MHz.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eigenfit.solver import (
    Affine,
    Family,
    FitResult,
    SpectralSolver,
    Spin,
    Transitions,
    embed,
    split_by,
)

Array = NDArray[np.float64]

#: The published constants: 1.5 eQq, C1, C2, 3 S, J.
PUBLISHED: dict[str, float] = {
    "1.5 eQq": 1.85561,
    "C1": 6.881e-4,
    "C2": 0.015044,
    "3S": -2.943e-3,
    "J": 6.185e-4,
}

#: Lines between two multiplets (F1 + 1/2, F), with errors of the last digits.
LINES: str = """43-55 .22460(25), 44-55 .22805(15), 43-54 .24580(25), 44-54 .24905(20),
43-32 .30490(20), 44-32 .30810(15), 43-33 .31440(30), 44-33 .31760(15), 44-43 .0028(2),
32-33 .0088(3), 55-54 .02135(25), 54-32 .0592(2), 54-33 .0682(3), 55-33 .0894(2)"""

#: The multiplets from the lowest to the highest. They are measured as distances, without a sign.
ORDER: tuple[str, ...] = ("33", "32", "54", "55", "43", "44")


def dot(one: list[Array], other: list[Array]) -> Array:
    """The scalar product of two vectors of operators."""
    return np.real(np.sum([a @ b for a, b in zip(one, other, strict=True)], axis=0))


def hamiltonian() -> Family:
    """The blocks of F, with one state of each multiplet."""
    spins = [Spin(1), Spin(7 / 2), Spin(1 / 2)]
    rotation, caesium, fluorine = (
        [embed(getattr(spin, axis), site, spins) for axis in "xyz"]
        for site, spin in enumerate(spins)
    )
    first, second, direct = dot(caesium, rotation), dot(fluorine, rotation), dot(caesium, fluorine)
    s = 7 / 2
    shape = 3 * first @ first + 1.5 * first - s * (s + 1) * 2 * np.eye(48)
    quadrupole = -shape / (2 * s * (2 * s - 1) * 5) / 1.5
    tensor = -(3 * first @ second + 3 * second @ first - 4 * direct) / 15
    total = [sum(parts) for parts in zip(rotation, caesium, fluorine, strict=True)]
    return split_by(
        Affine(None, [quadrupole, first, second, tensor, direct], list(PUBLISHED)),
        {"F2": dot(total, total), "M": total[2]},
        keep=lambda F2, M: bool(np.isclose(F2, M * (M + 1))),
    )


def level(multiplet: str) -> tuple[str, int]:
    """The block of a multiplet, and its number among those of the same F."""
    f = int(multiplet[1])
    same = [other for other in ORDER if int(other[1]) == f]
    return f"F2={f * (f + 1)}, M={f}", same.index(multiplet)


def read_lines() -> tuple[list[tuple[str, str]], Array, Array]:
    """The pairs of multiplets, upper first, with frequencies and errors in MHz."""
    found = re.findall(r"(\d\d)-(\d\d) (\.\d+)\((\d+)\)", LINES)
    pairs = [sorted(line[:2], key=ORDER.index)[::-1] for line in found]
    sigma = [int(digits) * 10.0 ** (1 - len(value)) for *_, value, digits in found]
    return (
        [(upper, lower) for upper, lower in pairs],
        np.array([float(line[2]) for line in found]),
        np.array(sigma),
    )


def fit_lines() -> FitResult:
    """Fit the lines; the start is a few per cent off the published constants."""
    pairs, frequencies, sigma = read_lines()
    solver = SpectralSolver(
        hamiltonian(),
        observation=Transitions([(level(upper), level(lower)) for upper, lower in pairs]),
        sigma=sigma,
        absolute_sigma=True,
    )
    start = np.array([*PUBLISHED.values()]) * [1.01, 0.95, 1.05, 0.95, 1.05]
    return solver.fit([frequencies], initial=[start])


def draw(fit: FitResult, path: Path) -> None:
    """Draw the multiplets and the lines between them."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    pairs, *_ = read_lines()
    counts = {2: 1, 3: 2, 4: 2, 5: 1}
    values = np.split(fit.eigenvalues.numpy()[0], np.cumsum([*counts.values()])[:-1])
    energy = {}
    for f, own in zip(counts, values, strict=True):
        same = [one for one in ORDER if int(one[1]) == f]
        energy |= dict(zip(same, own, strict=True))
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "eigenfit"}):
        figure = Figure(figsize=(6, 3.6), layout="constrained")
        axes = figure.add_subplot()
        for name, value in energy.items():
            axes.axhline(value, color="0.7", lw=1)
            axes.annotate(
                f"F1 = {int(name[0]) * 2 - 1}/2, F = {name[1]}",
                (len(pairs), value),
                xytext=(4, -9 if name in ("33", "54", "43") else 3),
                textcoords="offset points",
                fontsize=8,
            )
        for place, ((upper, lower), pull) in enumerate(
            zip(pairs, fit.residuals.numpy()[0] / read_lines()[2], strict=True)
        ):
            axes.plot([place] * 2, [energy[lower], energy[upper]], color="C0", marker="_")
            axes.annotate(
                f"{pull:.1f}",
                (place, energy[upper]),
                xytext=(0, 12),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )
        axes.set(
            xlim=(-0.7, len(pairs) + 3.4),
            xticks=[],
            ylabel="level in MHz",
            title="14 lines of CsF; observed - fitted in standard errors",
        )
        axes.margins(y=0.15)
        figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    fit = fit_lines()
    print(fit.summary(0))
    print(f"\nweighted rms {np.sqrt(fit.loss[0] / fit.residuals.shape[1]):.5f}")
    draw(fit, Path("caesium_fluoride.svg"))
