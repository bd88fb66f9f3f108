"""The band structure of silicon in the sp3s* tight-binding model.

P. Vogl, H. P. Hjalmarson and J. D. Dow, J. Phys. Chem. Solids 44, 365 (1983): five orbitals
s, px, py, pz, s* on each of the two atoms of the unit cell, coupled to the nearest neighbours only.
For the diamond structure, where the two atoms are alike, the 10 x 10 Hamiltonian of every wave
vector is a linear combination of constant Hermitian matrices with the same eight parameters, in eV.

The bond matrix elements V are four times those of a single bond, as in the paper. The sign of `Vsp`
and that of `Vs*p` have no effect on the levels: they change with the signs of the orbitals s and
s*.

Matrices are in the basis (s, px, py, pz, s*) of the first atom, at the origin, then of the second,
at (1, 1, 1) a / 4.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eigenfit.solver import Family, FitResult, SpectralSolver

Array = NDArray[np.float64]

#: The parameters in the order of the basis matrices.
PARAMETERS: tuple[str, ...] = ("Es", "Ep", "Es*", "Vss", "Vxx", "Vxy", "Vsp", "Vs*p")

#: Their values for silicon in the paper, eV.
PUBLISHED: Array = np.array([-4.2, 1.715, 6.685, -8.3, 1.715, 4.575, 5.7292, 5.3749])

#: Wave vectors of high symmetry in units of 2 pi / a.
POINTS: dict[str, tuple[float, float, float]] = {
    "Γ": (0.0, 0.0, 0.0),
    "X": (1.0, 0.0, 0.0),
    "L": (0.5, 0.5, 0.5),
}

#: The levels of the published parameters, eV, ascending.
LEVELS: dict[str, Array] = {
    "Γ": np.repeat([-12.5, 0.0, 3.43, 4.1, 6.685], [1, 3, 3, 1, 2]),
    "X": np.repeat([-8.27372, -2.86, 1.63003, 6.29, 10.84369], 2),
    "L": np.repeat(
        [-10.08106, -7.07901, -1.43, 2.49572, 2.50983, 4.86, 9.21579, 11.33873],
        [1, 1, 2, 1, 1, 2, 1, 1],
    ),
}

# The four neighbours of an atom of the first kind, in units of a / 4.
_NEIGHBOURS: Array = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=float)


def basis_matrices(wave_vector: ArrayLike) -> NDArray[np.complex128]:
    """Build the matrices that the parameters multiply in the Hamiltonian of one wave vector.

    Args:
        wave_vector: `[3]`, k in units of 2 pi / a.

    Returns:
        `[8, 10, 10]`, complex Hermitian, in the order of `PARAMETERS`. Some vanish at wave vectors
        of high symmetry: at Γ those of Vxy, Vsp and Vs*p, at X those of Vss and Vxx.
    """
    phases = np.exp(0.5j * np.pi * (_NEIGHBOURS @ np.asarray(wave_vector, dtype=float)))
    # g_0 to g_3 of the paper: the phases summed with the signs of 1, x, y, z at the neighbours.
    g = np.concatenate([[phases.sum()], _NEIGHBOURS.T @ phases]) / 4
    s, px, py, pz, s_star = range(5)
    p = (px, py, pz)

    onsite = np.zeros((3, 5, 5))
    bonds = np.zeros((5, 5, 5), dtype=complex)
    for energy, orbitals in zip(onsite, ((s,), p, (s_star,)), strict=True):
        energy[orbitals, orbitals] = 1.0
    ss, xx, xy, sp, s_star_p = bonds
    ss[s, s] = g[0]
    xx[p, p] = g[0]
    # The product of two coordinates has the sign of the third.
    for i, j, k in ((px, py, pz), (py, pz, px), (pz, px, py)):
        xy[i, j] = xy[j, i] = g[k]
    for bond, orbital in ((sp, s), (s_star_p, s_star)):
        bond[orbital, p] = g[1:]
        bond[p, orbital] = -g[1:]

    nothing = np.zeros((5, 5))
    blocks = [np.block([[e, nothing], [nothing, e]]) for e in onsite]
    blocks += [np.block([[nothing, v], [v.conj().T, nothing]]) for v in bonds]
    return np.array(blocks, dtype=complex)


def make_solver() -> SpectralSolver:
    """The fit of the levels at all `POINTS` at once: one matrix for each, shared parameters.

    It starts from eight guesses around the published values, each parameter off by some 10 %.
    """
    bases = [basis_matrices(k) for k in POINTS.values()]
    off = 1 + 0.1 * np.random.default_rng(1).normal(size=(8, len(PARAMETERS)))
    return SpectralSolver(
        Family.affine(None, bases, parameter_names=PARAMETERS), initial=PUBLISHED * off
    )


def fit_levels(solver: SpectralSolver) -> FitResult:
    """Fit the levels at Γ, X and L, one after the other."""
    return solver.fit([np.concatenate([LEVELS[point] for point in POINTS])])


def draw(fit: FitResult, path: Path) -> None:
    """Draw the fitted bands from L over Γ to X, and the levels at these points."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    corners = [np.array(POINTS[name]) for name in "LΓX"]
    lengths = [float(np.linalg.norm(b - a)) for a, b in pairwise(corners)]
    steps = np.linspace(0.0, 1.0, 31)[:, None]
    wave_vectors = np.concatenate([a + steps * (b - a) for a, b in pairwise(corners)])
    places = np.concatenate([steps * lengths[0], lengths[0] + steps * lengths[1]])[:, 0]
    parameters = fit.parameters.numpy()[0]
    bands = [
        np.linalg.eigvalsh(np.tensordot(parameters, basis_matrices(k), 1)) for k in wave_vectors
    ]
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "eigenfit"}):
        figure = Figure(figsize=(6, 3.8), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(places, bands, color="C0")
        corner_places = [0.0, lengths[0], sum(lengths)]
        for name, place in zip("LΓX", corner_places, strict=True):
            axes.plot([place] * 10, LEVELS[name], "o", color="C1", clip_on=False, ms=4)
            axes.axvline(place, color="0.8", lw=0.8, zorder=0)
        axes.set(
            xlim=(0.0, sum(lengths)),
            xticks=corner_places,
            xticklabels=list("LΓX"),
            ylabel="energy in eV",
            title="bands of silicon",
        )
        figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    fit = fit_levels(make_solver())
    print(fit.summary(0))
    draw(fit, Path("silicon.svg"))
