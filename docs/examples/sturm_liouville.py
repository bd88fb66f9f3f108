"""The potential of a Sturm-Liouville problem from its lowest eigenvalues.

    -u''(x) + q(x) u(x) = λ u(x),  u(0) = u(π) = 0,  q(x) = sum_k c_k cos(2 k x)

with central differences at N interior points is a tridiagonal matrix, affine in the coefficients.
A Dirichlet spectrum determines the potential if it is even about π/2 (G. Borg, Acta Math. 78, 1
(1946)), as each of these cosines is. To first order λ_n = n^2 + c_0 - c_n / 2: every coefficient
has a level of its own.

The differences move the levels n^2 of q = 0 to (4 / h^2) sin^2(n h / 2), h = π / (N + 1), and those
of a smooth potential by nearly as much; `discretization_shift` is the correction of J. W. Paine,
F. R. de Hoog and R. S. Anderssen, Computing 26, 123 (1981).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eigenfit.solver import Affine, FitResult, Levels, SpectralSolver

Array = NDArray[np.float64]

#: The coefficients c_0, c_1 of the potential q(x) = 2 cos(2 x) of Mathieu's equation.
MATHIEU: Array = np.array([0.0, 2.0])

#: The lowest levels of the matrix of that potential, by the number of points.
MATHIEU_LEVELS: dict[int, Array] = {
    9: np.array([-0.12680881, 3.77195360, 8.38782128]),
    31: np.array([-0.11183628, 3.90285113, 8.98191263, 15.82759566, 24.52201943, 34.98443411]),
}


def difference_matrix(num_points: int) -> Array:
    """Build the matrix of -u'' with Dirichlet conditions.

    Args:
        num_points: the number N of interior points.

    Returns:
        `[N, N]`, tridiagonal.
    """
    spacing = np.pi / (num_points + 1)
    neighbours = np.eye(num_points, k=1) + np.eye(num_points, k=-1)
    return (2 * np.eye(num_points) - neighbours) / spacing**2


def cosine_basis(num_points: int, num_coefficients: int) -> Array:
    """Build the matrices that the coefficients of the potential multiply.

    Args:
        num_points: the number N of interior points.
        num_coefficients: how many of c_0, c_1, ... there are; more than (N + 1) / 2 are linearly
            dependent on the grid.

    Returns:
        `[num_coefficients, N, N]`, diagonal: cos(2 k x) at the points x = π i / (N + 1).
    """
    points = np.pi * np.arange(1, num_points + 1) / (num_points + 1)
    return np.array([np.diag(np.cos(2 * k * points)) for k in range(num_coefficients)])


def discretization_shift(num_points: int, num_levels: int) -> Array:
    """Compute what to subtract from levels of the differential equation before fitting the matrix.

    Args:
        num_points: the number N of interior points.
        num_levels: how many of the lowest levels.

    Returns:
        `[num_levels]`: n^2 - (4 / h^2) sin^2(n h / 2), exact for q = 0.
    """
    n = np.arange(1, num_levels + 1)
    spacing = np.pi / (num_points + 1)
    return n**2 - 4 / spacing**2 * np.sin(n * spacing / 2) ** 2


def make_solver(num_points: int, num_coefficients: int, num_levels: int) -> SpectralSolver:
    """The fit of the coefficients to the lowest levels, from a flat potential."""
    return SpectralSolver(
        Affine(
            difference_matrix(num_points),
            cosine_basis(num_points, num_coefficients),
            parameter_names=[f"c{k}" for k in range(num_coefficients)],
        ),
        observation=Levels(lowest=num_levels),
        initial=np.zeros(num_coefficients),
    )


def fit_mathieu(num_points: int, num_coefficients: int) -> FitResult:
    """Recover the potential of Mathieu's equation from the lowest levels of its matrix."""
    levels = MATHIEU_LEVELS[num_points]
    solver = make_solver(num_points, num_coefficients, len(levels))
    return solver.fit([levels])


def draw(fit: FitResult, num_points: int, path: Path) -> None:
    """Draw the potential that was found and the exact one, and the levels in it."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    coefficients = fit.parameters.numpy()[0]
    x = np.linspace(0.0, np.pi, 101)
    k = np.arange(len(coefficients))
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "eigenfit"}):
        figure = Figure(figsize=(6, 3.4), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=[2, 1])
        left.plot(x, coefficients @ np.cos(2 * np.outer(k, x)), label="found")
        left.plot(x[::5], 2 * np.cos(2 * x[::5]), "o", ms=3, label="2 cos 2x")
        left.set(xlabel="x", ylabel="potential", title=f"from {num_points} points")
        left.legend()
        levels = MATHIEU_LEVELS[num_points]
        right.hlines(levels, 0.1, 0.9, color="C1")
        right.set(xlim=(0, 1), xticks=[], ylabel="level", title="observed levels")
        figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    fit = fit_mathieu(31, 4)
    print(fit.summary(0))
    draw(fit, 31, Path("sturm_liouville.svg"))
