"""The blocks of a spin Hamiltonian: of total S_z, or of the total spin.

Without a magnetic field the Hamiltonian is even under time reversal, which takes M to -M. So the
blocks of M and -M have the same levels, and those with M >= 0 are enough. Where the total spin is
conserved as well, each multiplet S has one state with M = S, which S+ takes to 0. These states span
the block S.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np

from .spin_operators import Sparse, SpinSpace

# Entries below this, relative to the largest, are rounding errors.
_ROUNDING = 1e-12


def breaks_m(space: SpinSpace, matrix: Sparse) -> bool:
    """Whether a matrix couples states of different M."""
    entries = matrix.tocoo()
    across = space.moments[entries.row] != space.moments[entries.col]
    return _is_larger(entries.data[across], entries.data)


def breaks_s(space: SpinSpace, matrix: Sparse) -> bool:
    """Whether a matrix does not commute with the total spin."""
    if breaks_m(space, matrix):
        return True
    plus = space.total("plus")
    return _is_larger((matrix @ plus - plus @ matrix).data, (matrix @ plus).data)


def moment_blocks(
    space: SpinSpace, matrices: Sequence[Sparse]
) -> tuple[list[str], list[list[np.ndarray]]]:
    """The blocks of M >= 0, ascending.

    Args:
        space: the product space.
        matrices: that conserve M.

    Returns:
        The names of the blocks, such as `M=3/2`, and for each the matrices in it, dense.
    """
    names, blocks = [], []
    for moment in _values(space.moments):
        states = np.flatnonzero(space.moments == moment)
        names.append(f"M={Fraction(moment)}")
        blocks.append([matrix[states][:, states].toarray() for matrix in matrices])
    return names, blocks


def multiplet_blocks(
    space: SpinSpace, matrices: Sequence[Sparse]
) -> tuple[list[str], list[list[np.ndarray]]]:
    """The blocks of S, ascending, with one state for each multiplet.

    Args:
        space: the product space.
        matrices: that conserve the total spin.

    Returns:
        The names of the blocks, such as `S=3/2`, and for each the matrices in it, dense.
    """
    names, blocks = [], []
    plus = space.total("plus")
    for moment in _values(space.moments):
        states = np.flatnonzero(space.moments == moment)
        above = np.flatnonzero(space.moments == moment + 1)
        if len(states) == len(above):
            continue
        # S+ takes the states M onto all of the states M + 1, so its rows are independent. What is
        # orthogonal to them it takes to 0, and that has M = S.
        rows = plus[above][:, states].toarray()
        basis = np.linalg.qr(rows.T, mode="complete").Q[:, len(above) :]
        names.append(f"S={Fraction(moment)}")
        blocks.append([_inside(matrix[states][:, states], basis) for matrix in matrices])
    return names, blocks


def _values(moments: np.ndarray) -> Iterable[float]:
    return map(float, np.unique(moments[moments >= 0]))


def _inside(matrix: Sparse, basis: np.ndarray) -> np.ndarray:
    found = basis.T @ (matrix @ basis)
    largest = max(np.abs(matrix.data), default=0.0)
    return np.where(np.abs(found) > _ROUNDING * largest, (found + found.conj().T) / 2, 0.0)


def _is_larger(part: np.ndarray, whole: np.ndarray) -> bool:
    """Whether any entry of a part is more than a rounding error of the whole."""
    return bool(part.size) and np.abs(part).max() > _ROUNDING * np.abs(whole).max()
