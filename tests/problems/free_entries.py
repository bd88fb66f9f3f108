"""Random spectra for matrices with free entries: a solution exists for each, a diagonal matrix."""

from __future__ import annotations

import numpy as np

from eigenfit.solver import Adam, Banded, Hermitian, LevenbergMarquardt, Symmetric, Tridiagonal

from .registry import Problem, Run


def banded(n: int, bandwidth: int, x: np.ndarray) -> np.ndarray:
    """Diagonal by diagonal, from the main one down."""
    matrix = np.zeros((n, n))
    position = 0
    for k in range(bandwidth + 1):
        for i in range(n - k):
            matrix[i + k, i] = matrix[i, i + k] = x[position]
            position += 1
    assert position == len(x)
    return matrix


def hermitian(n: int, x: np.ndarray) -> np.ndarray:
    """The diagonal; then, for each diagonal below it, real parts and after them imaginary parts."""
    matrix = np.diag(x[:n]).astype(complex)
    position = n
    for k in range(1, n):
        for i in range(n - k):
            entry = x[position + i] + 1j * x[position + n - k + i]
            matrix[i + k, i], matrix[i, i + k] = entry, entry.conjugate()
        position += 2 * (n - k)
    assert position == len(x)
    return matrix


def _spectra(rows: int, n: int, seed: int) -> np.ndarray:
    return np.sort(np.random.default_rng(seed).normal(size=(rows, n)), axis=1)


_LM = {"LevenbergMarquardt": Run(LevenbergMarquardt)}
_SOURCE = "random; any real spectrum is that of a diagonal matrix"

PROBLEMS = (
    Problem(
        name="symmetric_random",
        citation=_SOURCE,
        parameterization=lambda: Symmetric(4),
        reference=lambda x: banded(4, 3, x),
        targets=_spectra(20, 4, seed=1),
        runs=_LM,
    ),
    Problem(
        name="banded_random",
        citation=_SOURCE,
        parameterization=lambda: Banded(6, 2),
        reference=lambda x: banded(6, 2, x),
        targets=_spectra(20, 6, seed=2),
        runs=_LM,
    ),
    Problem(
        name="tridiagonal_random",
        citation=_SOURCE,
        parameterization=lambda: Tridiagonal(5),
        reference=lambda x: banded(5, 1, x),
        targets=_spectra(20, 5, seed=3),
        runs=_LM | {"Adam": Run(lambda: Adam(learning_rate=3e-3), tolerance=1e-7, accuracy=1e-6)},
    ),
    Problem(
        name="hermitian_random",
        citation=_SOURCE,
        parameterization=lambda: Hermitian(4),
        reference=lambda x: hermitian(4, x),
        targets=_spectra(20, 4, seed=4),
        runs=_LM,
    ),
)
