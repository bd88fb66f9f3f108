"""The masses of beads on a string from the frequencies of the string.

S. J. Cox, M. Embree and J. M. Hokanson, "One can hear the composition of a string: experiments with
an inverse eigenvalue problem", SIAM Review 54, 157 (2012). A light string under the tension F
carries n point masses; transverse vibrations u exp(i ω t) obey K u = λ M u with λ = ω^2 / F, K from
the lengths of string between the beads and M the diagonal matrix of the masses. With the inverse
masses w = 1 / m this is the symmetric problem of the matrix W^(1/2) K W^(1/2), W = diag(w).

Lengths are in m, masses in kg, λ in s^-2 N^-1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eigenfit.solver import Affine, FitResult, Generalized, SpectralSolver

Array = NDArray[np.float64]

#: Lengths of string from the one end to the first bead, between the beads, and to the other end.
LENGTHS: Array = np.array([0.257, 0.203, 0.203, 0.203, 0.257])

#: The masses of the beads.
MASSES: Array = np.array([30.783e-3, 17.804e-3, 17.804e-3, 30.783e-3])

#: The levels ω^2 / F of that string.
LEVELS: Array = np.array([71.07979, 214.49933, 492.03518, 901.98662])


def stiffness_matrix(lengths: ArrayLike) -> Array:
    """Build the stiffness matrix of a string under unit tension.

    Args:
        lengths: `[n + 1]`, the lengths of string beside and between n beads.

    Returns:
        `[n, n]`, tridiagonal and positive definite.
    """
    inverse = 1 / np.asarray(lengths, dtype=float)
    return (
        np.diag(inverse[:-1] + inverse[1:])
        - np.diag(inverse[1:-1], k=1)
        - np.diag(inverse[1:-1], k=-1)
    )


def mirror_basis(num_beads: int) -> Array:
    """Build the matrices of the masses of a string that is its own mirror image.

    Args:
        num_beads: n.

    Returns:
        `[ceil(n / 2), n, n]`, diagonal: 1 at a bead and at its mirror image, from the ends inwards.
    """
    identity = np.eye(num_beads)
    half = range((num_beads + 1) // 2)
    return np.array([np.diag(np.maximum(identity[i], identity[-1 - i])) for i in half])


def make_solver() -> SpectralSolver:
    """The fit of `K u = λ M u` with the masses of a mirror-symmetric string."""
    masses = Affine(None, mirror_basis(len(MASSES)), parameter_names=["outer", "inner"])
    return SpectralSolver(Generalized(stiffness_matrix(LENGTHS), masses), initial=[0.02, 0.02])


def fit_masses() -> FitResult:
    """Weigh the beads by the frequencies of the string."""
    return make_solver().fit([LEVELS])


def draw(fit: FitResult, path: Path) -> None:
    """Draw the string in its four modes; the beads have the fitted masses."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    outer, inner = fit.parameters.numpy()[0]
    masses = np.array([outer, inner, inner, outer])
    root = np.sqrt(masses)
    _, modes = np.linalg.eigh(stiffness_matrix(LENGTHS) / np.outer(root, root))
    places = np.cumsum(LENGTHS)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "eigenfit"}):
        figure = Figure(figsize=(6, 3.6), layout="constrained")
        panels = figure.subplots(4, 1, sharex=True)
        for axes, level, mode in zip(panels, LEVELS, (modes / root[:, None]).T, strict=True):
            shape = mode / np.abs(mode).max() * np.sign(mode[0])
            axes.plot([0.0, *places], [0.0, *shape, 0.0], color="0.5", lw=1)
            axes.scatter(places[:-1], shape, s=masses * 3e3, color="C0", zorder=2)
            axes.set(ylim=(-1.5, 1.5), yticks=[], ylabel=f"{level:.1f}")
        panels[0].set_title(f"beads of {outer * 1e3:.3f} and {inner * 1e3:.3f} g")
        panels[-1].set_xlabel("place on the string in m")
        figure.supylabel("level in 1/(s$^2$ N)")
        figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    fit = fit_masses()
    print(fit.summary(0))
    draw(fit, Path("beaded_string.svg"))
