"""What is measured: structured matrices, and targets and starts drawn for them.

Everything is NumPy, so that no peer's arithmetic decides what the right answer is.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

# Of the crystal field: what the levels of a Monte Carlo sample differ by, cm^-1.
_MEASUREMENT_ERROR = 0.1


@dataclasses.dataclass(frozen=True)
class Problem:
    """`A(x) = A0 + sum_j x_j B_j`, and how spectra for it are drawn.

    Attributes:
        name: in the report.
        constant: `[n, n]`, A0.
        basis: `[p, n, n]`, the B_j.
        centre: `[p]`, the mean of the solutions.
        spread: `[p]`, their standard deviation.
        structure: what a user of eigenfit would call it.
        near: how far starts are from solutions, in units of the spread. So near that 99 % of rows
            can be solved from there at all: levels cross, and beyond that other minima begin.
        lowest: how many of the lowest levels are observed; None for all.
        measured: `[m]`, measured levels, which the structure does not match exactly; None where
            targets are the levels of a member.
    """

    name: str
    constant: np.ndarray
    basis: np.ndarray
    centre: np.ndarray
    spread: np.ndarray
    structure: str = "affine"
    near: float = 0.1
    lowest: int | None = None
    measured: np.ndarray | None = None

    @property
    def size(self) -> int:
        return self.constant.shape[-1]

    @property
    def num_parameters(self) -> int:
        return len(self.basis)

    @property
    def num_targets(self) -> int:
        return self.size if self.lowest is None else self.lowest

    def matrix(self, x: np.ndarray) -> np.ndarray:
        """`[B, p]` or `[p]` to `[B, n, n]` or `[n, n]`."""
        return self.constant + np.tensordot(x, self.basis, axes=1)

    def levels(self, x: np.ndarray) -> np.ndarray:
        """The observed levels, `[B, m]`; in blocks, for memory is measured beside this."""
        blocks = np.array_split(x, max(1, len(x) * self.size**2 // 2**22))
        found = [np.linalg.eigvalsh(self.matrix(block)) for block in blocks]
        return np.concatenate(found)[:, : self.num_targets]


class Task(NamedTuple):
    """Spectra to fit, `[B, m]`, and where to start, `[B, p]`."""

    targets: np.ndarray
    starts: np.ndarray

    def rows(self, count: int) -> Task:
        """The first rows."""
        return Task(self.targets[:count], self.starts[:count])


def draw(problem: Problem, rows: int, seed: int = 0) -> Task:
    """Solvable targets and starts near a solution; the first rows do not depend on `rows`."""
    solutions, offsets = _normal((2, problem.num_parameters), rows, seed)
    starts = problem.near * problem.spread * offsets
    if problem.measured is not None:
        # Partners of a degenerate level are one measured number.
        distinct, place = np.unique(problem.measured, return_inverse=True)
        error = _MEASUREMENT_ERROR * _normal((1, len(distinct)), rows, seed + 1)[0]
        targets = np.sort((distinct + error)[:, place], axis=1)
        return Task(targets, problem.centre + starts)
    solutions = problem.centre + problem.spread * solutions
    return Task(problem.levels(solutions), solutions + starts)


def _normal(shape: tuple[int, int], rows: int, seed: int) -> np.ndarray:
    """`[k, rows, p]` from `(k, p)`, drawn row by row."""
    drawn = np.random.default_rng(seed).normal(size=(rows, *shape))
    return np.ascontiguousarray(np.moveaxis(drawn, 0, 1))


def entry(size: int, row: int, column: int) -> np.ndarray:
    """The symmetric matrix of one free entry."""
    matrix = np.zeros((size, size))
    matrix[row, column] = matrix[column, row] = 1.0
    return matrix


def dense(size: int) -> Problem:
    """Every entry free, diagonal by diagonal."""
    places = [(k + d, k) for d in range(size) for k in range(size - d)]
    return _free(f"dense {size} x {size}", "symmetric", [entry(size, *at) for at in places])


def toeplitz(size: int) -> Problem:
    """Constant diagonals."""
    basis = [np.eye(size, k=k) + (np.eye(size, k=-k) if k else 0) for k in range(size)]
    return _free(f"Toeplitz n={size}", "toeplitz", basis)


def jacobi(size: int) -> Problem:
    """Tridiagonal: the diagonal, then the entries beside it."""
    places = [(k, k) for k in range(size)] + [(k + 1, k) for k in range(size - 1)]
    return _free(f"Jacobi n={size}", "tridiagonal", [entry(size, *at) for at in places])


def additive(size: int, seed: int = 1) -> Problem:
    """A diagonal that is added to a given matrix."""
    constant = _random_matrix(np.random.default_rng(seed), size, 1.0)
    np.fill_diagonal(constant, 0.0)
    basis = [entry(size, k, k) for k in range(size)]
    return _free(f"additive n={size}", "additive", basis, constant)


def affine(size: int, count: int, seed: int = 2) -> Problem:
    """Random real matrices, all of the same size."""
    generator = np.random.default_rng(seed)
    matrices = [_random_matrix(generator, size, size**-0.5) for _ in range(count + 1)]
    return _free(f"affine n={size}, p={count}", "affine", matrices[1:], matrices[0])


def hermitian(size: int, count: int, seed: int = 3) -> Problem:
    """Random complex Hermitian matrices."""
    generator = np.random.default_rng(seed)
    matrices = []
    for _ in range(count + 1):
        matrix = generator.normal(size=(size, size)) + 1j * generator.normal(size=(size, size))
        matrices.append((matrix + matrix.conj().T) / (2.0 * size**0.5))
    return _free(f"Hermitian n={size}, p={count}", "affine", matrices[1:], matrices[0])


def large(size: int, count: int = 5, lowest: int = 10, seed: int = 4) -> Problem:
    """A chain of coupled sites with smooth potentials, of which few levels are observed.

    Random matrices of this size would have their lowest levels at the edge of a semicircle, closer
    than any measured ones.
    """
    generator = np.random.default_rng(seed)
    place = np.linspace(0.0, 1.0, size)
    kinetic = (size / 16) ** 2 * (2 * np.eye(size) - np.eye(size, k=1) - np.eye(size, k=-1))
    potentials = [np.diag(np.cos(np.pi * (k + 1) * place)) for k in range(count)]
    mixing = [_random_matrix(generator, size, 0.2 * size**-0.5) for _ in range(count)]
    basis = [v + m for v, m in zip(potentials, mixing, strict=True)]
    name = f"affine n={size}, p={count}, lowest {lowest}"
    return dataclasses.replace(_free(name, "affine", basis, kinetic), lowest=lowest)


def crystal_field() -> Problem:
    """P7, Ho3+ in KY3F10: 17 measured levels, five parameters and the zero of energy."""
    stevens = _example("stevens")
    _, basis = stevens.wybourne_basis()
    # The least-squares solution, from scipy.optimize.curve_fit.
    centre = np.array([-612.929, -1247.029, 346.161, 494.989, -8.173, 141.755])
    return Problem(
        name="Ho3+ (P7)",
        constant=np.zeros((17, 17)),
        basis=np.concatenate([basis, np.eye(17)[None]]),
        centre=centre,
        spread=np.abs(centre),
        measured=_filled(stevens.targets_by_level()),
    )


def speed_problems() -> list[Problem]:
    """Those of the speed table."""
    return [
        dense(3),
        dataclasses.replace(toeplitz(8), near=0.005),
        dataclasses.replace(toeplitz(16), near=0.002),
        affine(32, 8),
        affine(64, 16),
        crystal_field(),
        hermitian(14, 6),
    ]


def _filled(levels: np.ndarray) -> np.ndarray:
    """The second partner of a doublet, NaN in the table, has the level of the first."""
    return np.where(np.isnan(levels), np.roll(levels, 1), levels)


def _free(
    name: str, structure: str, basis: list[np.ndarray], constant: np.ndarray | None = None
) -> Problem:
    """Parameters drawn from the standard normal distribution."""
    stacked = np.stack(basis)
    constant = np.zeros(stacked.shape[1:], stacked.dtype) if constant is None else constant
    return Problem(
        name, constant, stacked, np.zeros(len(basis)), np.ones(len(basis)), structure=structure
    )


def _random_matrix(generator: np.random.Generator, size: int, scale: float) -> np.ndarray:
    """Symmetric with normally distributed entries."""
    matrix = scale * generator.normal(size=(size, size))
    return (matrix + matrix.T) / 2.0


def _example(name: str):
    """An example of the documentation, which writes the matrices; imported by its path."""
    path = Path(__file__).resolve().parents[1] / "docs" / "examples" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"example_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
