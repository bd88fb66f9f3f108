"""Hoppings between orbitals of a crystal, and the Hamiltonian of a wave vector made of them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from ...solver import Affine, Family, Parameterization, Sweep

Cell = tuple[int, ...]
Matrix = NDArray[Any]  # complex


class Hoppings:
    """The matrices `T_R` of `H(k) = sum_R T_R exp(i k.R)`, each times a parameter or a constant.

    `T_R[i, j]` is the amplitude between orbital i in the home cell and orbital j in the cell R. The
    phases are those of the cells alone; positions inside a cell would only change the phases of the
    orbitals, which the levels do not depend on.
    """

    def __init__(self, size: int, dimensions: int):
        """Set the number of orbitals in a cell, and that of lattice vectors."""
        self.size = size
        self.home: Cell = (0,) * dimensions
        # By parameter, None for constants, and by cell.
        self.matrices: dict[str | None, dict[Cell, Matrix]] = {}

    def add(
        self, name: str | None, cell: Sequence[int], block: Any, rows: Any, columns: Any
    ) -> None:
        """Add a block of amplitudes and its conjugate in the opposite direction.

        Args:
            name: of the parameter that multiplies it, or None.
            cell: R of the second orbitals.
            block: `[a, b]`.
            rows: the a orbitals in the home cell.
            columns: the b orbitals in the cell R.
        """
        block = np.asarray(block, complex)
        here, there = tuple(cell), tuple(-number for number in cell)
        self._matrix(name, here)[np.ix_(rows, columns)] += block
        self._matrix(name, there)[np.ix_(columns, rows)] += block.conj().T

    def add_energy(self, name: str | None, matrix: Any) -> None:
        """Add a Hermitian matrix `[n, n]` inside the home cell."""
        self._matrix(name, self.home)[:] += np.asarray(matrix)

    def _matrix(self, name: str | None, cell: Cell) -> Matrix:
        cells = self.matrices.setdefault(name, {})
        return cells.setdefault(cell, np.zeros((self.size, self.size), complex))

    @property
    def names(self) -> list[str]:
        """The parameters, in the order in which they were added."""
        return [name for name in self.matrices if name is not None]

    def at(self, name: str | None, phases: Mapping[Cell, float]) -> Matrix:
        """The matrix of a parameter, or that of the constants, at one wave vector.

        Args:
            name: of the parameter, or None.
            phases: `k.R` by cell.
        """
        found = np.zeros((self.size, self.size), complex)
        for cell, matrix in self.matrices.get(name, {}).items():
            found += np.exp(1j * phases[cell]) * matrix
        return (found + found.conj().T) / 2


def at_wave_vectors(
    hoppings: Hoppings, to_phases: NDArray[np.float64], points: Mapping[str, Sequence[float]]
) -> Family:
    """One member for each of given wave vectors.

    Args:
        hoppings: the hoppings.
        to_phases: `[d, e]`, from a wave vector to its phases k.R of the e lattice vectors.
        points: the wave vectors by name.
    """
    names = hoppings.names
    cells = {cell for matrices in hoppings.matrices.values() for cell in matrices}
    constants, bases = [], []
    for point in points.values():
        along = np.asarray(point, float) @ to_phases
        phases = {cell: float(along @ cell) for cell in cells}
        constants.append(hoppings.at(None, phases))
        bases.append(np.array([hoppings.at(name, phases) for name in names]))
    if not any(np.imag(matrices).any() for matrices in (*constants, *bases)):
        constants, bases = [np.real(each) for each in constants], [np.real(each) for each in bases]
    return Family.affine(constants, bases, names, names=list(points))


def at_any_wave_vector(
    hoppings: Hoppings, to_phases: NDArray[np.float64], limit: int, conditions: Sequence[str]
) -> Sweep:
    """A `Sweep` whose conditions are wave vectors.

    `H(k) = T_0 + sum cos(k.R) (T_R + T_R^H) + sin(k.R) i (T_R - T_R^H)`, over one of R and -R.

    Args:
        hoppings: the hoppings.
        to_phases: `[d, e]`, see `at_wave_vectors`.
        limit: the largest number of wave vectors of a row.
        conditions: the names of the d numbers of a wave vector.
    """
    cells = sorted({cell for matrices in hoppings.matrices.values() for cell in matrices})
    terms, kinds, vectors = [], [], []
    for cell in cells:
        if cell < hoppings.home:
            continue
        for sine in (False, True):
            made = _term(hoppings, cell, sine)
            if made is not None:
                terms.append(made)
                kinds.append(sine)
                vectors.append(to_phases @ cell)
    factors = functools.partial(_factors, np.array(vectors), np.array(kinds))
    return Sweep(
        terms,
        factors,
        limit=limit,
        conditions=conditions,
        parameter_names=hoppings.names,
    )


def _term(hoppings: Hoppings, cell: Cell, sine: bool) -> Parameterization | np.ndarray | None:
    """What cos(k.R), or sin(k.R), multiplies; None for nothing."""
    constant = np.zeros((hoppings.size, hoppings.size), complex)
    basis: dict[str, np.ndarray] = {}
    for name, cells in hoppings.matrices.items():
        if cell not in cells:
            continue
        matrix = cells[cell]
        if cell == hoppings.home:
            part = np.zeros_like(matrix) if sine else (matrix + matrix.conj().T) / 2
        else:
            part = 1j * (matrix - matrix.conj().T) if sine else matrix + matrix.conj().T
        if name is None:
            constant = part
        elif part.any():
            basis[name] = part
    if not any(np.imag(matrix).any() for matrix in (constant, *basis.values())):
        constant, basis = (
            np.real(constant),
            {name: np.real(matrix) for name, matrix in basis.items()},
        )
    if basis:
        return Affine(constant, list(basis.values()), list(basis))
    return constant if constant.any() else None


def _factors(
    vectors: NDArray[np.float64], sines: NDArray[np.bool_], wave_vectors: tf.Tensor
) -> tf.Tensor:
    """cos(k.R) or sin(k.R) of each term, `[B, F]`, for wave vectors `[B, d]`."""
    by_number = tf.constant(vectors, wave_vectors.dtype)[None] * wave_vectors[:, None, :]
    phases = tf.reduce_sum(by_number, axis=2)
    return tf.where(tf.constant(sines)[None], tf.sin(phases), tf.cos(phases))


def structure_of(
    hoppings: Hoppings,
    to_phases: NDArray[np.float64],
    conditions: Sequence[str],
    *,
    points: Mapping[str, Sequence[float]] | None,
    limit: int,
    unit: str,
) -> Parameterization:
    """The structure at given wave vectors, or at any, with names and units.

    Args:
        hoppings: the hoppings.
        to_phases: `[d, e]`, see `at_wave_vectors`.
        conditions: the names of the d numbers of a wave vector.
        points: given wave vectors by name; None for any.
        limit: the largest number of wave vectors of a row, where they are conditions.
        unit: of the energies.
    """
    if points is None:
        made = at_any_wave_vector(hoppings, to_phases, limit, conditions)
    else:
        made = at_wave_vectors(hoppings, to_phases, points)
        for member in made.members:
            member.level_names = [f"band {number}" for number in range(1, hoppings.size + 1)]
    made.level_unit = unit
    made.parameter_units = dict.fromkeys(hoppings.names, unit)
    return made
