"""A Jacobi matrix from its spectrum and that of its lower right submatrix.

The n levels of a symmetric tridiagonal matrix and the n - 1 levels that remain without its first
row and column determine the matrix, up to the signs of its off-diagonal elements, whenever they
interlace strictly (H. Hochstadt, Linear Algebra Appl. 8, 435 (1974)). The test matrix of G. M. L.
Gladwell, T. H. Jones and N. B. Willms, J. Appl. Math. 2014, 515082, has the levels 0, 2, ..., 2n-2
and 1, 3, ..., 2n-3; in the paper it stands the other way round, and the last row and column go.

Both matrices share one parameter vector: the diagonal a_1, ..., a_n, then the off-diagonal
b_1, ..., b_(n-1).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eigenfit.solver import Family, FitResult, SpectralSolver

Array = NDArray[np.float64]

#: Squares of the off-diagonal elements of the test matrices in the paper, by size n.
PUBLISHED: dict[int, tuple[float, ...]] = {
    4: (6.0, 2.5, 1.5),
    5: (10.0, 4.5, 3.5, 2.0),
    6: (15.0, 7.0, 6.0, 4.5, 2.5),
}


def parameter_names(size: int) -> tuple[str, ...]:
    """Name the 2n - 1 parameters of the Jacobi matrix of size n."""
    return (
        *(f"a{i}" for i in range(1, size + 1)),
        *(f"b{i}" for i in range(1, size)),
    )


def basis_matrices(size: int) -> tuple[Array, Array]:
    """Build the matrices that the parameters multiply.

    Args:
        size: n.

    Returns:
        For the whole matrix `[2n - 1, n, n]`, and for that without the first row and column
        `[2n - 1, n - 1, n - 1]`, where those of a_1 and b_1 vanish.
    """
    whole = np.zeros((2 * size - 1, size, size))
    diagonal, upper = np.arange(size), np.arange(size - 1)
    whole[diagonal, diagonal, diagonal] = 1.0
    whole[size + upper, upper, upper + 1] = 1.0
    whole[size + upper, upper + 1, upper] = 1.0
    return whole, whole[:, 1:, 1:].copy()


def target_spectra(size: int) -> tuple[Array, Array]:
    """The levels 0, 2, ..., 2n - 2 and 1, 3, ..., 2n - 3 of the test matrix and its submatrix."""
    return np.arange(0.0, 2 * size - 1, 2), np.arange(1.0, 2 * size - 2, 2)


def solution(size: int) -> Array:
    """The parameters of the test matrix, with positive off-diagonal elements.

    Returns:
        `[2n - 1]`: a_i = n - 1 and b_k^2 = (n - k) (n + k - 1) / 4, but twice that for k = 1. For
        n = 4, 5 and 6 these are the published numbers.
    """
    k = np.arange(1, size)
    squares = (size - k) * (size + k - 1) / 4
    squares[0] *= 2
    return np.concatenate([np.full(size, size - 1.0), np.sqrt(squares)])


def make_solver(size: int) -> SpectralSolver:
    """The fit of a matrix and its submatrix, which share the parameters."""
    start = np.concatenate([np.full(size, size - 1.0), np.full(size - 1, size / 3)])
    return SpectralSolver(
        Family.affine(None, basis_matrices(size), parameter_names=parameter_names(size)),
        initial=start,
    )


def fit_spectra(size: int) -> FitResult:
    """Reconstruct the test matrix from its two spectra."""
    return make_solver(size).fit([np.concatenate(target_spectra(size))])


def draw(fit: FitResult, size: int, path: Path) -> None:
    """Draw the two spectra, and the off-diagonal elements beside the published ones."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    squares = fit.parameters.numpy()[0, size:] ** 2
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "eigenfit"}):
        figure = Figure(figsize=(6, 3.0), layout="constrained")
        left, right = figure.subplots(1, 2)
        for place, levels in enumerate(target_spectra(size)):
            left.vlines(levels, 0.6 - place, 1.4 - place, color=f"C{place}")
        left.set(
            yticks=[1, 0],
            yticklabels=["matrix", "submatrix"],
            xlabel="level",
            title="observed",
        )
        k = np.arange(1, size)
        right.plot(k, squares, "o", label="fitted")
        right.plot(k, PUBLISHED[size], "s", ms=11, mfc="none", label="published")
        right.set(xticks=k, xlabel="k", ylabel="$b_k^2$", title="off-diagonal elements")
        right.legend()
        figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    fit = fit_spectra(5)
    print(fit.summary(0))
    draw(fit, 5, Path("two_spectra.svg"))
