"""The additive inverse eigenvalue problem: which diagonal gives a matrix the levels 10, ..., 80?

Example 1 of S. Friedland, J. Nocedal and M. L. Overton, SIAM J. Numer. Anal. 24, 634 (1987), on
which methods for inverse eigenvalue problems are compared since: A(c) = A0 + diag(c) with a given
A0 of size 8, started at c = (10, 20, ..., 80). The paper prints the solution and the norm of the
residual after each step of Newton's method.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eigenfit.solver import Additive, SpectralSolver, Trace

Array = NDArray[np.float64]

#: The rows of A0 to the right of its diagonal, which is zero.
UPPER: tuple[tuple[int, ...], ...] = (
    (4, -1, 1, 1, 5, -1, 1),
    (-1, 2, 1, 4, -1, 2),
    (3, 1, 3, -1, 3),
    (1, 2, -1, 4),
    (1, -1, 5),
    (-1, 6),
    (7,),
)
LEVELS: Array = np.arange(10.0, 81.0, 10.0)
#: The published solution, and the published norms of the residual at the start and after each step.
SOLUTION: Array = np.array(
    [
        11.90787610,
        19.70552151,
        30.54549819,
        40.06265749,
        51.58714029,
        64.70213143,
        70.17067582,
        71.31849917,
    ]
)
NEWTON: tuple[float, ...] = (6.4, 0.89, 0.10, 2.7e-3, 2.3e-6, 1.7e-12)


def constant() -> Array:
    """The matrix A0."""
    matrix = np.zeros((8, 8))
    matrix[np.triu_indices(8, 1)] = np.concatenate(UPPER)
    return matrix + matrix.T


def trace_fit() -> Trace:
    """The fit of the diagonal, step by step."""
    return SpectralSolver(Additive(constant())).trace([LEVELS], initial=[LEVELS])


def draw(trace: Trace, path: Path) -> None:
    """Draw the norm of the residual step by step, beside the published one."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    norms = np.sqrt(trace.loss.numpy()[0])
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "eigenfit"}):
        figure = Figure(figsize=(6, 3.4), layout="constrained")
        axes = figure.add_subplot()
        axes.semilogy(norms, "o-", label="eigenfit, Levenberg-Marquardt")
        axes.semilogy(NEWTON, "s--", label="Newton's method, published", mfc="none")
        axes.set(xlabel="step", ylabel="norm of the residual", title="diagonal from eight levels")
        axes.legend()
        figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    trace = trace_fit()
    print("norms of the residual:", np.sqrt(trace.loss.numpy()[0]))
    print("diagonal:", trace.parameters.numpy()[0, -1])
    draw(trace, Path("additive.svg"))
