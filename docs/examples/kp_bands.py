"""Five bands near the point k = 0 of a crystal, by the k.p method.

The bands were asked about on Mathematica Stack Exchange (question 17944): five bands at eleven wave
vectors, to be fitted by 15 parameters of a Hermitian matrix H(k) whose couplings are constant or
grow with k. All eleven matrices share the parameters. Turning two coupled bands into each other
changes no level, so four combinations of the parameters are not determined, and the parameters have
infinite standard errors. The fitted bands are determined all the same.

The best rms deviation known is 1.3807e-4. The model cannot follow the bands closely: the sum of its
levels is the trace of H(k), which does not depend on k, while the sum of the given bands falls by
8e-4.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eigenfit.solver import Affine, FitResult, SpectralSolver, Status, Sweep

Array = NDArray[np.float64]

#: Wave vectors, and the five bands at each.
POINTS: Array = np.arange(-5, 6) * 1e-3
BANDS: Array = np.array(
    [
        [-0.418971, 1.24115, 2.6321, 3.07757, 4.40013],
        [-0.418735, 1.24086, 2.63201, 3.07785, 4.40028],
        [-0.418551, 1.24063, 2.63194, 3.07806, 4.4004],
        [-0.41842, 1.24047, 2.63189, 3.07822, 4.40048],
        [-0.418342, 1.24038, 2.63185, 3.07831, 4.40053],
        [-0.418316, 1.24034, 2.63184, 3.07834, 4.40055],
        [-0.418342, 1.24038, 2.63185, 3.07831, 4.40053],
        [-0.41842, 1.24047, 2.63189, 3.07822, 4.40048],
        [-0.418548, 1.24063, 2.63194, 3.07807, 4.4004],
        [-0.418728, 1.24085, 2.63201, 3.07785, 4.40028],
        [-0.418959, 1.24114, 2.63211, 3.07758, 4.40012],
    ]
)
#: The couplings by name: row, column, factor.
CONSTANT: dict[str, tuple[int, int, complex]] = {"T6": (0, 2, -1j), "T7": (3, 4, -1j)}
GROWING: dict[str, tuple[int, int, complex]] = {
    "T8": (0, 1, 1),
    "T9": (0, 3, 1),
    "T10": (0, 4, -1j),
    "T11": (1, 2, -1j),
    "T12": (1, 3, 1),
    "T13": (1, 4, 1j),
    "T14": (2, 3, -1j),
    "T15": (2, 4, 1),
}
#: The largest number of wave vectors, those of the curves in the figure.
LIMIT: int = 41


def coupling(row: int, column: int, factor: complex) -> NDArray[np.complex128]:
    """The Hermitian matrix with this element."""
    matrix = np.zeros((5, 5), complex)
    matrix[row, column], matrix[column, row] = factor, np.conj(factor)
    return matrix


def bands() -> Sweep:
    """H(k) = H0 + k H1, with k as the condition."""
    energies = [np.diag(row).astype(complex) for row in np.eye(5)]
    fixed = Affine(
        None,
        [*energies, *(coupling(*place) for place in CONSTANT.values())],
        parameter_names=[*(f"T{i}" for i in range(1, 6)), *CONSTANT],
    )
    growing = Affine(None, [coupling(*place) for place in GROWING.values()], list(GROWING))
    return Sweep([fixed, growing], limit=LIMIT, conditions=["k"])


def fit_bands(solver: SpectralSolver) -> FitResult:
    """Fit all bands from eight random starts at once; the best row is the answer."""
    start = np.random.default_rng(0).normal(size=(8, 15))
    return solver.fit(np.tile(BANDS.ravel(), (8, 1)), conditions=POINTS, initial=start)


def draw(solver: SpectralSolver, fit: FitResult, row: int, path: Path) -> None:
    """Draw how far each band bends from its energy at k = 0."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    k = np.linspace(-6e-3, 6e-3, LIMIT)
    curves = solver.spectrum(fit.parameters[row : row + 1], conditions=k).numpy().reshape(-1, 5)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "eigenfit"}):
        figure = Figure(figsize=(6, 3.4), layout="constrained")
        axes = figure.add_subplot()
        middle = curves[LIMIT // 2]
        for band in range(5):
            (line,) = axes.plot(k, (curves[:, band] - middle[band]) * 1e3, label=f"{band}")
            axes.plot(POINTS, (BANDS[:, band] - middle[band]) * 1e3, "o", ms=3, c=line.get_color())
        axes.set(xlabel="wave vector", ylabel="1000 x (energy - energy at 0)", title="five bands")
        figure.legend(title="band", loc="outside right upper")
        figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    solver = SpectralSolver(bands())
    fit = fit_bands(solver)
    best = int(np.argmin(fit.loss))
    rms = np.sqrt(fit.loss.numpy() / BANDS.size)
    print(f"rms of eight starts: {' '.join(f'{value:.4e}' for value in sorted(rms))}")
    print(f"of the best, {Status(int(fit.status[best])).name}: {fit.parameters.numpy()[best]}")
    draw(solver, fit, best, Path("kp_bands.svg"))
