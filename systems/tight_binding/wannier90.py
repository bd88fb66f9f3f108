"""Hamiltonians in Wannier functions, from the files `seedname_hr.dat` of Wannier90."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .hoppings import Cell, Hoppings, structure_of
from .imported import Imported

# The file has six decimals: what should be conjugate differs by as much.
_DIGITS = 1e-5


def read_hr(path: str) -> dict[Cell, NDArray[np.complex128]]:
    """Read `seedname_hr.dat`: the matrices `<0 m| H |R n>` by cell R, divided by its degeneracy.

    The lines are: a comment, the number of Wannier functions, that of cells, the degeneracies of
    the cells, fifteen in a line, and then for each cell, n and m the numbers R1 R2 R3 m n Re Im.

    Args:
        path: the file.

    Returns:
        `[n, n]` by cell, in eV. `H(k)` is their sum times `exp(i k.R)`.

    Raises:
        ValueError: with the number of the line, for what cannot be read, and for a Hamiltonian that
            is not Hermitian.
    """
    rows = Path(path).read_text(encoding="latin-1").splitlines()
    size, cells = (_whole(path, rows, number)[0] for number in (1, 2))
    degeneracies: list[int] = []
    number = 3
    while len(degeneracies) < cells:
        degeneracies += _whole(path, rows, number)
        number += 1
    entries = rows[number : number + cells * size**2]
    try:
        table = np.array([row.split() for row in entries], float)
    except ValueError:
        table = np.zeros((0, 0))
    if len(degeneracies) != cells or table.shape != (cells * size**2, 7):
        raise ValueError(
            f"read_hr: {path} must have {cells} degeneracies and, from line {number + 1} on, "
            f"{cells * size**2} lines of seven numbers, R1 R2 R3 m n Re Im, for {size} Wannier "
            f"functions and {cells} cells; it has {len(degeneracies)} and {len(entries)}, or some "
            "lines are not seven numbers."
        )
    table = table.reshape(cells, size**2, 7)
    found = {}
    for block, degeneracy in zip(table, degeneracies, strict=True):
        cell = tuple(int(part) for part in block[0, :3])
        matrix = np.zeros((size, size), complex)
        m, n = block[:, 3].astype(int) - 1, block[:, 4].astype(int) - 1
        matrix[m, n] = block[:, 5] + 1j * block[:, 6]
        found[cell] = matrix / degeneracy
    _check_hermitian(path, found)
    return found


def _whole(path: str, rows: Sequence[str], number: int) -> list[int]:
    """The whole numbers in a line."""
    text = rows[number] if number < len(rows) else ""
    try:
        found = [int(part) for part in text.split()]
    except ValueError:
        found = []
    if not found or min(found) < 1:
        raise ValueError(
            f"read_hr: {path}, line {number + 1} must be whole numbers from 1, got {text!r}."
        )
    return found


def _check_hermitian(path: str, matrices: Mapping[Cell, NDArray[np.complex128]]) -> None:
    for cell, matrix in matrices.items():
        back = matrices.get(tuple(-part for part in cell))
        if back is None or np.abs(matrix - back.conj().T).max() > _DIGITS:
            raise ValueError(
                f"read_hr: {path} is not Hermitian: the matrix of the cell {list(cell)} must be "
                "the conjugate transpose of that of the opposite cell."
            )


def from_wannier90(
    path: str,
    shifted: dict[str, list[tuple[int, int, list[int]]]] | None = None,
    scaled: dict[str, list[tuple[int, int, list[int]]]] | None = None,
    k_points: dict[str, list[float]] | None = None,
    limit: int = 1,
) -> Imported:
    """The Hamiltonian of `seedname_hr.dat`, in eV, with named groups of elements free.

    All elements are constant but for the groups. The conjugate of an element belongs to its group
    by itself. Wave vectors are in units of the reciprocal lattice vectors.

    Args:
        path: the file.
        shifted: groups by name; the parameter, in eV, is added to each of its elements and starts
            at 0: `{"Ed": [(1, 1, [0, 0, 0]), (2, 2, [0, 0, 0])]}` moves two on-site energies. An
            element is (m, n, R), with Wannier functions numbered from 1, as in the file.
        scaled: groups by name; the parameter multiplies each of its elements and starts at 1.
        k_points: see `TightBinding`.
        limit: see `TightBinding`.

    Returns:
        The structure, and 0 or 1 by name: the values at which it is the Hamiltonian of the file.

    Raises:
        ValueError: for what `read_hr` cannot read, for elements that are not in the file, and if
            no group is free.
    """
    matrices = {cell: matrix.copy() for cell, matrix in read_hr(path).items()}
    size = len(next(iter(matrices.values())))
    made, values = Hoppings(size, 3), {}
    for start, groups in ((0.0, shifted or {}), (1.0, scaled or {})):
        for name, elements in groups.items():
            if name in values or not elements:
                raise ValueError(
                    f"from_wannier90: the group {name!r} must have elements, and a name of its own."
                )
            values[name] = start
            for element in elements:
                _free(made, matrices, name, element, scale=bool(start))
    if not values:
        raise ValueError(
            "from_wannier90: nothing is free; name groups of elements in shifted or scaled."
        )
    numbers = range(size)
    for cell, matrix in matrices.items():
        if cell == made.home:
            made.add_energy(None, (matrix + matrix.conj().T) / 2)
        elif cell > made.home:
            back = matrices[tuple(-part for part in cell)]
            made.add(None, cell, (matrix + back.conj().T) / 2, numbers, numbers)
    structure = structure_of(
        made,
        2 * np.pi * np.eye(3),
        ["k1", "k2", "k3"],
        points=k_points,
        limit=limit,
        unit="eV",
    )
    structure.parameter_units = dict.fromkeys(shifted or {}, "eV")  # a factor has none
    return Imported(structure, values)


def _free(
    made: Hoppings,
    matrices: dict[Cell, NDArray[np.complex128]],
    name: str,
    element: Any,
    *,
    scale: bool,
) -> None:
    """Make an element and its conjugate a parameter; a scaled one is no constant any more."""
    m, n, cell = 0, 0, None
    with contextlib.suppress(TypeError, ValueError):
        m, n, cell = int(element[0]), int(element[1]), tuple(map(int, element[2]))
    if cell not in matrices or not (1 <= m <= made.size and 1 <= n <= made.size):
        raise ValueError(
            f"from_wannier90: the group {name!r} has the element {element!r}; it must be (m, n, R) "
            f"with m and n from 1 to {made.size} and a cell R of the file, such as "
            "(1, 1, [0, 0, 0])."
        )
    i, j = m - 1, n - 1
    back = tuple(-part for part in cell)
    value = matrices[cell][i, j] if scale else 1.0
    if scale:
        matrices[cell][i, j] = matrices[back][j, i] = 0.0
    if i == j and cell == made.home:
        matrix = np.zeros((made.size, made.size), complex)
        matrix[i, i] = np.real(value)
        made.add_energy(name, matrix)
    else:
        made.add(name, cell, [[value]], [i], [j])
