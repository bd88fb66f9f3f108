"""Models of PythTB as structures whose energies and hoppings are free."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .hoppings import Hoppings, structure_of
from .imported import Imported

# Amplitudes that differ by less than this, relative to the largest, are one parameter.
_SAME = 1e-9

Amplitude = tuple[Any, int, int, tuple[int, ...]]  # the amplitude or 2 x 2 block, i, j, R


def from_pythtb(
    model: Any,
    k_points: dict[str, list[float]] | None = None,
    limit: int = 1,
    unit: str = "eV",
) -> Imported:
    """The structure of a PythTB model, with its energies and hoppings as parameters.

    On-site energies of one magnitude are one parameter, `E1`, `E2`, ...; hoppings of one magnitude
    are one, `t1`, `t2`, ...: the magnitude. Signs, phases and the 2 x 2 spin matrices of a model
    with spin are kept. What is 0 stays 0. Wave vectors are in units of the reciprocal lattice
    vectors, along the periodic directions, as in PythTB.

    Args:
        model: a `tb_model` of PythTB 1, or a `TBModel` of PythTB 2.
        k_points: see `TightBinding`.
        limit: see `TightBinding`.
        unit: of the energies.

    Returns:
        The structure, and the magnitudes in the model by name.

    Raises:
        ValueError: for an object of another kind, one without periodic directions, or one without
            energies and hoppings.

    Example:
        >>> import types
        >>> chain = types.SimpleNamespace(  # has what a tb_model of PythTB 1 has
        ...     _per=[0],
        ...     _nspin=1,
        ...     _norb=2,
        ...     _site_energies=[-0.5, 0.5],
        ...     _hoppings=[[1.2, 0, 1, [0]], [1.2, 1, 0, [1]]],
        ... )
        >>> found = from_pythtb(chain)
        >>> found.values
        {'E1': 0.5, 't1': 1.2}
        >>> solver = SpectralSolver(found.structure)
        >>> solver.spectrum(found.values, conditions=[[0.5]]).numpy().round(6).tolist()
        [[-0.5, 0.5]]
    """
    spin, periodic, energies, hoppings = _contents(model)
    if not periodic:
        raise ValueError(
            "from_pythtb: model has no periodic directions, so it has no wave vectors; use Affine."
        )
    made = Hoppings(spin * len(energies), len(periodic))
    values: dict[str, float] = {}
    for name, size, members in _by_magnitude("E", energies):
        values[name] = size
        matrix = np.zeros((made.size, made.size), complex)
        for number, block in members:
            own = _orbitals(number, spin)
            matrix[np.ix_(own, own)] = block
        made.add_energy(name, matrix)
    amplitudes = [amplitude for amplitude, _, _, _ in hoppings]
    for name, size, members in _by_magnitude("t", amplitudes):
        values[name] = size
        for number, block in members:
            _, i, j, cell = hoppings[number]
            along = [cell[axis] for axis in periodic]
            made.add(name, along, block, _orbitals(i, spin), _orbitals(j, spin))
    if not values:
        raise ValueError("from_pythtb: model has no energies and hoppings that are not 0.")
    structure = structure_of(
        made,
        2 * np.pi * np.eye(len(periodic)),
        [f"k{number}" for number in range(1, len(periodic) + 1)],
        points=k_points,
        limit=limit,
        unit=unit,
    )
    return Imported(structure, values)


def _contents(model: Any) -> tuple[int, list[int], Sequence[Any], list[Amplitude]]:
    """The number of spins, the periodic directions, the on-site energies and the hoppings."""
    if hasattr(model, "_hoppings") and hasattr(model, "_per"):  # PythTB 1
        hoppings = [_hopping(entry) for entry in model._hoppings]
        return model._nspin, list(model._per), list(model._site_energies), hoppings
    if hasattr(model, "hoppings") and hasattr(model, "periodic_dirs"):  # PythTB 2
        size = len(np.atleast_2d(model.lat_vecs))
        hoppings = [
            (
                entry["amplitude"],
                int(entry["from_orbital"]),
                int(entry["to_orbital"]),
                tuple(int(n) for n in entry.get("lattice_vector", [0] * size)),
            )
            for entry in model.hoppings
        ]
        return model.nspin, list(model.periodic_dirs), list(model.onsite), hoppings
    raise ValueError(
        "from_pythtb: model must be a tb_model of PythTB 1 or a TBModel of PythTB 2, got "
        f"{type(model).__name__}."
    )


def _hopping(entry: Sequence[Any]) -> Amplitude:
    amplitude, i, j, *cell = entry
    return amplitude, int(i), int(j), tuple(int(number) for number in cell[0]) if cell else ()


def _orbitals(number: int, spin: int) -> list[int]:
    return [spin * number + each for each in range(spin)]


def _by_magnitude(
    letter: str, amplitudes: Iterable[Any]
) -> list[tuple[str, float, list[tuple[int, np.ndarray]]]]:
    """The amplitudes that are not 0, grouped: name, magnitude, and numbers with blocks of size 1.

    Of a 2 x 2 block in spin the magnitude is the largest singular value.
    """
    blocks = [np.atleast_2d(np.asarray(amplitude, complex)) for amplitude in amplitudes]
    sizes = [float(np.linalg.norm(block, 2)) for block in blocks]
    largest = max(sizes, default=0.0)
    groups: list[tuple[float, list[tuple[int, np.ndarray]]]] = []
    for number, (block, size) in enumerate(zip(blocks, sizes, strict=True)):
        if size <= _SAME * largest:
            continue
        same = [members for other, members in groups if abs(other - size) <= _SAME * largest]
        if same:
            same[0].append((number, block / size))
        else:
            groups.append((size, [(number, block / size)]))
    return [
        (f"{letter}{place}", size, members) for place, (size, members) in enumerate(groups, start=1)
    ]
