"""Masses joined by springs, and their natural frequencies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from eigenfit.spelling import did_you_mean

from ..solver import Affine, Frequencies, Generalized, GraphLaplacian, Parameterization

#: The end of a spring that does not move.
GROUND = "ground"


class SpringMass(Generalized):
    """Masses on a line joined by springs: `K u = omega^2 M u`, natural frequencies in Hz.

    Each mass has one displacement. A spring of stiffness k between two masses adds
    `k (u_i - u_j)^2 / 2` to the energy. A number is a known mass or stiffness; a name is a
    parameter of the fit. Masses or springs of one name are one parameter. What is observed, unless
    the solver is told otherwise, are the `Frequencies` `omega / 2 pi`, in Hz if stiffness / mass is
    in 1/s^2.

    Only ratios of stiffnesses and masses act on the frequencies: know at least one of them.

    Example:
        >>> pair = SpringMass(
        ...     masses={"left": 2.0, "right": 1.0},
        ...     springs=[("ground", "left", "k1"), ("left", "right", "k2")],
        ... )
        >>> pair.parameter_names, pair.level_names
        (('k1', 'k2'), ('mode 1', 'mode 2'))
        >>> solver = SpectralSolver(pair, initial=[20.0, 60.0])
        >>> fit = solver.fit(np.sqrt(solver.spectrum([[30.0, 50.0]])) / (2 * np.pi))  # in Hz
        >>> fit.parameters.numpy().round(6).tolist()
        [[30.0, 50.0]]
    """

    def __init__(
        self,
        masses: dict[str, float | str],
        springs: list[tuple[str, str, float | str]],
        stiffness_unit: str = "N/m",
        mass_unit: str = "kg",
    ):
        """Set masses and springs.

        Args:
            masses: for each mass its value, or the name of a parameter, as in
                `{"floor": 2.5, "top": "m"}`.
            springs: for each spring its two ends and its stiffness or the name of a parameter. An
                end is a mass or "ground": `[("ground", "floor", "k1"), ("floor", "top", 300.0)]`.
            stiffness_unit: the unit of the stiffnesses, for tables and figures.
            mass_unit: the unit of the masses. Nothing is converted: for frequencies in Hz the two
                units must fit, such as N/m and kg, or kip/in and kip s^2/in.

        Raises:
            ValueError: for a mass that is not positive, a spring that ends nowhere, or if nothing
                is a parameter.
        """
        owner = type(self).__name__
        places = _places_of(owner, masses)
        stiffness = _stiffness(owner, springs, places)
        mass = _mass(owner, masses)
        sides = [side for side in (stiffness, mass) if isinstance(side, Parameterization)]
        if not sides:
            raise ValueError(
                f"{owner}: nothing is a parameter; give a name in place of the number of a spring "
                "or a mass, such as 'k1'."
            )
        super().__init__(stiffness, mass)
        self.level_names = [f"mode {number}" for number in range(1, len(places) + 1)]
        self.level_unit = "s^-2"
        units = zip((stiffness, mass), (stiffness_unit, mass_unit), strict=True)
        self.parameter_units = {
            name: unit
            for side, unit in units
            if isinstance(side, Parameterization)
            for name in side.parameter_names
        }
        self.usual_observation = Frequencies()


def _places_of(owner: str, masses: Any) -> dict[str, int]:
    if not isinstance(masses, Mapping) or not masses:
        raise ValueError(
            f"{owner}: masses must be a dict with a value or a name for each mass, such as "
            f"{{'top': 2.5}}, got {masses!r}."
        )
    for name, value in masses.items():
        if not isinstance(name, str) or not name or name == GROUND:
            raise ValueError(
                f"{owner}: masses: {name!r} cannot be the name of a mass; take any other text."
            )
        _check(owner, f"masses[{name!r}]", value)
        if not isinstance(value, str) and value <= 0:
            raise ValueError(f"{owner}: masses[{name!r}] must be positive, got {value!r}.")
    return {name: place for place, name in enumerate(masses)}


def _check(owner: str, what: str, value: Any) -> None:
    """A finite number or the name of a parameter."""
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not (number and np.isfinite(value)) and not (isinstance(value, str) and value):
        raise ValueError(
            f"{owner}: {what} must be a finite number or the name of a parameter, got {value!r}."
        )


def _stiffness(
    owner: str, springs: Any, places: Mapping[str, int]
) -> Parameterization | np.ndarray:
    """K: the sum over springs of `k (e_i - e_j)(e_i - e_j)^T`."""
    if isinstance(springs, str) or not isinstance(springs, Sequence) or not springs:
        raise ValueError(
            f"{owner}: springs must be a list of (end, end, stiffness), such as "
            f"[('ground', 'top', 'k1')], got {springs!r}."
        )
    edges, values = [], []
    for number, spring in enumerate(springs):
        if isinstance(spring, str) or not isinstance(spring, Sequence) or len(spring) != 3:
            raise ValueError(
                f"{owner}: springs[{number}] must be (end, end, stiffness or name), got {spring!r}."
            )
        _check(owner, f"the stiffness of springs[{number}]", spring[2])
        edges.append(_edge(owner, number, spring, places))
        values.append(spring[2])
    names = [value for value in values if isinstance(value, str)]
    apart = len({tuple(sorted(edge)) for edge in edges}) == len(edges)
    if len(names) == len(values) and len(set(names)) == len(names) and apart:
        return GraphLaplacian(edges, len(places), parameter_names=names)  # sparse
    size = len(places)
    constant = np.zeros((size, size))
    basis = {name: np.zeros((size, size)) for name in names}
    for (i, j), value in zip(edges, values, strict=True):
        stretch = np.zeros(size)
        stretch[j] = -1.0
        stretch[i] = 1.0  # last: a spring to the ground keeps its one entry
        square = np.outer(stretch, stretch)
        if isinstance(value, str):
            basis[value] += square
        else:
            constant += float(value) * square
    return Affine(constant, list(basis.values()), list(basis)) if basis else constant


def _edge(
    owner: str, number: int, spring: Sequence[Any], places: Mapping[str, int]
) -> tuple[int, int]:
    """The masses at both ends; that to which it is bound, twice, for a spring to the ground."""
    ends = spring[:2]
    for end in ends:
        if end != GROUND and end not in places:
            known = [GROUND, *places]
            raise ValueError(
                f"{owner}: springs[{number}] ends at {end!r}, which is neither 'ground' nor one of "
                f"the masses {', '.join(places)}.{did_you_mean(end, known)}"
            )
    if ends[0] == ends[1]:
        raise ValueError(
            f"{owner}: springs[{number}] has both ends at {ends[0]!r}; join two different masses, "
            "or a mass and 'ground'."
        )
    found = [places[end] for end in ends if end != GROUND]
    return found[0], found[-1]


def _mass(owner: str, masses: Mapping[str, Any]) -> Parameterization | np.ndarray:
    """M: the masses on the diagonal."""
    size = len(masses)
    constant = np.zeros((size, size))
    basis: dict[str, np.ndarray] = {}
    for place, value in enumerate(masses.values()):
        if isinstance(value, str):
            basis.setdefault(value, np.zeros((size, size)))[place, place] = 1.0
        else:
            constant[place, place] = float(value)
    return Affine(constant, list(basis.values()), list(basis)) if basis else constant
