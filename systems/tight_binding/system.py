"""The tight-binding model of a crystal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from eigenfit.spelling import did_you_mean

from ...solver import Parameterization
from ..arguments import check_choice
from .hoppings import Hoppings, structure_of
from .neighbours import shell
from .slater_koster import SHELLS, parse_integral, shell_of, two_centre

_OWNER = "TightBinding"
_ORBITALS = tuple(orbital for orbitals in SHELLS.values() for orbital in orbitals)

Value = float | str


def TightBinding(
    lattice: list[list[float]],
    sites: dict[str, list[float]],
    hoppings: list[tuple[str, str, list[int] | int, float | str | dict[str, float | str]]],
    energies: dict[str, float | str] | None = None,
    orbitals: dict[str, list[str]] | None = None,
    k_points: dict[str, list[float]] | None = None,
    limit: int = 1,
    wave_vectors: Literal["fractional", "cartesian"] = "fractional",
    unit: str = "eV",
) -> Parameterization:
    """The energy bands of a crystal whose electrons hop between orbitals.

    `H(k) = sum_R T_R exp(i k.R)` over the cells R of the lattice. A number is a known energy or
    amplitude, a name is a parameter of the fit; equal names are one parameter. Every hopping stands
    once; the way back is its conjugate and is added.

    A hopping is one amplitude between two orbitals, or a table of two-centre integrals between all
    orbitals of two sites (Slater & Koster, Phys. Rev. 94, 1498 (1954)).

    Args:
        lattice: the lattice vectors, one to three, with as many components each or more.
        sites: the positions of the sites in the cell, in units of the lattice vectors.
        hoppings: (site, site, cell, value) each. The first is in the home cell, the second in the
            cell with these numbers of lattice vectors, such as [0, 1]; a single number n stands for
            all cells in which the second site is an n-th nearest neighbour of the first. The value
            is an amplitude, a name, a table such as `{"ss_sigma": "Vss", "pp_sigma": 2.7,
            "pp_pi": "Vpp"}`, or `{"value": "t2", "phase": 1.57}` for an amplitude times `exp(i
            phase)`. Where a site has several orbitals, an amplitude is between two of them:
            "Si.px". The integrals are ss_sigma, sp_sigma, pp_sigma, pp_pi, sd_sigma, pd_sigma,
            pd_pi, dd_sigma, dd_pi and dd_delta, also with s*. ps_sigma is that of p at the first
            and s at the second site; where only one of sp_sigma and ps_sigma is given, as between
            like atoms, it holds for both.
        energies: of a site, a shell or an orbital: `{"A": 0.0, "Si.s": "Es", "Si.px": "Ex"}`; 0
            where none is given.
        orbitals: of each site: s, s*, px, py, pz, dxy, dyz, dzx, dx2-y2, dz2, or the shells p and
            d. One orbital s when None.
        k_points: given wave vectors by name, such as `{"X": [0.5, 0.0]}`: the levels at each are
            observed. When None the wave vectors are conditions, the data of each row.
        limit: the largest number of wave vectors of a row, where they are conditions.
        wave_vectors: "fractional" in units of the reciprocal lattice vectors, so that the phase of
            a cell is 2 pi (k1 n1 + ...); "cartesian" in radians per unit of length of the lattice
            vectors, so that it is k.R.
        unit: of the energies.

    Returns:
        A `Family` with a member for each of `k_points`, or a `Sweep` with the wave vector as
        condition.

    Raises:
        ValueError: for sites, orbitals or integrals that do not exist, for a hopping that is given
            twice, or if nothing is a parameter.

    Example:
        >>> chain = TightBinding(
        ...     lattice=[[1.0]],
        ...     sites={"A": [0.0], "B": [0.5]},
        ...     hoppings=[("A", "B", [0], "t1"), ("A", "B", [-1], "t2")],
        ...     k_points={"Γ": [0.0], "X": [0.5]},
        ... )
        >>> chain.parameter_names, chain.names
        (('t1', 't2'), ('Γ', 'X'))
        >>> SpectralSolver(chain).spectrum([[1.0, 0.4]]).numpy().round(9).tolist()
        [[-1.4, 1.4, -0.6, 0.6]]
    """
    check_choice(_OWNER, "wave_vectors", wave_vectors, ("fractional", "cartesian"))
    vectors = _lattice(lattice)
    positions = _positions(sites, vectors)
    places = _places(sites, orbitals)
    made = Hoppings(sum(len(found) for found in places.values()), len(vectors))
    _add_energies(made, places, energies or {})
    if not isinstance(hoppings, Sequence) or isinstance(hoppings, str) or not hoppings:
        raise ValueError(
            f"{_OWNER}: hoppings must be a list of (site, site, cell, value), got {hoppings!r}."
        )
    crystal = _Crystal(vectors, positions, places)
    seen: set[tuple[Any, ...]] = set()
    for number, hopping in enumerate(hoppings):
        _add_hopping(made, crystal, f"hoppings[{number}]", hopping, seen)
    if not made.names:
        raise ValueError(
            f"{_OWNER}: nothing is a parameter; give a name in place of a number in hoppings or "
            "energies, such as 't'."
        )
    cartesian = wave_vectors == "cartesian"
    to_phases = vectors.T if cartesian else 2 * np.pi * np.eye(len(vectors))
    letters = "xyz" if cartesian else "123"
    conditions = [f"k{letter}" for letter in letters[: len(to_phases)]]
    if k_points is not None:
        _check_points(k_points, conditions)
    return structure_of(made, to_phases, conditions, points=k_points, limit=limit, unit=unit)


class _Crystal:
    """Lattice vectors, positions of the sites and orbitals of each.

    Attributes:
        lattice: `[d, D]`.
        positions: `[D]` for each site.
        places: for each site the number of each of its orbitals.
    """

    def __init__(
        self,
        lattice: np.ndarray,
        positions: Mapping[str, np.ndarray],
        places: Mapping[str, Mapping[str, int]],
    ):
        self.lattice, self.positions, self.places = lattice, positions, places

    def bond(self, one: str, other: str, cell: Sequence[int]) -> np.ndarray:
        """`[3]`, from the first site to the second in this cell."""
        found = self.positions[other] - self.positions[one] + np.asarray(cell) @ self.lattice
        return np.pad(found, (0, 3 - len(found)))


def _lattice(lattice: Any) -> np.ndarray:
    try:
        found = np.array(lattice, float)
    except (TypeError, ValueError):
        found = np.zeros(0)
    wanted = found.ndim == 2 and 1 <= len(found) <= found[0].size <= 3
    if not wanted or not np.isfinite(found).all() or np.linalg.matrix_rank(found) < len(found):
        raise ValueError(
            f"{_OWNER}: lattice must be one to three independent vectors of up to three numbers "
            f"each, such as [[1.0, 0.0], [0.0, 1.0]], got {lattice!r}."
        )
    return found


def _positions(sites: Any, lattice: np.ndarray) -> dict[str, np.ndarray]:
    if not isinstance(sites, Mapping) or not sites:
        raise ValueError(
            f"{_OWNER}: sites must be a dict of positions, such as {{'A': [0.0, 0.0]}}, got "
            f"{sites!r}."
        )
    found = {}
    for name, position in sites.items():
        if not isinstance(name, str) or not name or "." in name:
            raise ValueError(f"{_OWNER}: sites: {name!r} must be a name without a dot.")
        if np.shape(position) != (len(lattice),):
            raise ValueError(
                f"{_OWNER}: sites[{name!r}] must be {len(lattice)} numbers, its position in units "
                f"of the lattice vectors, got {position!r}."
            )
        found[name] = np.asarray(position, float) @ lattice
    return found


def _places(sites: Mapping[str, Any], orbitals: Any) -> dict[str, dict[str, int]]:
    """For each site the number of each of its orbitals, counted through all sites."""
    orbitals = {} if orbitals is None else orbitals
    for name in orbitals:
        if name not in sites:
            raise ValueError(
                f"{_OWNER}: orbitals: there is no site {name!r}; the sites are {', '.join(sites)}."
                f"{did_you_mean(name, sites)}"
            )
    found: dict[str, dict[str, int]] = {}
    count = 0
    for site in sites:
        listed: list[str] = []
        for word in orbitals.get(site, ["s"]):
            if word not in SHELLS and word not in _ORBITALS:
                raise ValueError(
                    f"{_OWNER}: orbitals[{site!r}]: there is no orbital {word!r}; there are the "
                    f"shells p and d, and {', '.join(_ORBITALS)}."
                )
            listed += SHELLS.get(word, (word,))
        if len(set(listed)) < len(listed) or not listed:
            raise ValueError(
                f"{_OWNER}: orbitals[{site!r}] must be different orbitals, got "
                f"{orbitals.get(site)!r}."
            )
        found[site] = {orbital: count + number for number, orbital in enumerate(listed)}
        count += len(listed)
    return found


def _find(where: str, word: Any, places: Mapping[str, Mapping[str, int]]) -> tuple[str, list[int]]:
    """The site, and the numbers of its orbitals, of "Si", "Si.p" or "Si.px"."""
    site, _, orbital = str(word).partition(".")
    if site not in places:
        raise ValueError(
            f"{_OWNER}: {where}: there is no site {site!r}; the sites are {', '.join(places)}."
            f"{did_you_mean(site, places)}"
        )
    own = places[site]
    wanted = SHELLS.get(orbital, (orbital,)) if orbital else tuple(own)
    chosen = [each for each in wanted if each in own]
    if not chosen:
        raise ValueError(
            f"{_OWNER}: {where}: site {site!r} has no orbital {orbital!r}; it has {', '.join(own)}."
        )
    return site, [own[each] for each in chosen]


def _check_value(where: str, value: Any) -> tuple[str | None, float]:
    """The name of the parameter, or None, and the factor: 1 of a parameter, else the number."""
    if isinstance(value, str) and value:
        return value, 1.0
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if number and np.isfinite(value):
        return None, float(value)
    raise ValueError(
        f"{_OWNER}: {where} must be a finite number or the name of a parameter, got {value!r}."
    )


def _add_energies(
    made: Hoppings, places: Mapping[str, Mapping[str, int]], energies: Mapping[str, Any]
) -> None:
    done: dict[int, str] = {}
    for word, value in energies.items():
        where = f"energies[{word!r}]"
        _, numbers = _find(where, word, places)
        name, factor = _check_value(where, value)
        for number in numbers:
            if number in done:
                raise ValueError(
                    f"{_OWNER}: energies: {word!r} and {done[number]!r} name the same orbital; "
                    "give each orbital one energy."
                )
            done[number] = word
        matrix = np.zeros((made.size, made.size))
        matrix[numbers, numbers] = factor
        made.add_energy(name, matrix)


def _add_hopping(
    made: Hoppings, crystal: _Crystal, where: str, hopping: Any, seen: set[tuple[Any, ...]]
) -> None:
    if isinstance(hopping, str) or not isinstance(hopping, Sequence) or len(hopping) != 4:
        raise ValueError(f"{_OWNER}: {where} must be (site, site, cell, value), got {hopping!r}.")
    first, second, cell, value = hopping
    one, rows = _find(where, first, crystal.places)
    other, columns = _find(where, second, crystal.places)
    is_table = isinstance(value, Mapping) and "value" not in value
    for cell_ in _cells(where, crystal, one, other, cell):
        back = tuple(-number for number in cell_)
        keys = {(first, second, cell_, is_table), (second, first, back, is_table)}
        if keys & seen:
            raise ValueError(
                f"{_OWNER}: {where}: the hopping between {first!r} and {second!r} in the cell "
                f"{list(cell_)} is given twice; the way back is added by itself."
            )
        seen |= keys
        if is_table:
            _add_table(made, crystal, where, (one, other, cell_), value, (rows, columns))
            continue
        if len(rows) != 1 or len(columns) != 1:
            raise ValueError(
                f"{_OWNER}: {where}: an amplitude is between two orbitals, such as 'Si.px', but "
                f"{first!r} and {second!r} have {len(rows)} and {len(columns)}; name one of each, "
                "or give a table of two-centre integrals."
            )
        if rows == columns and not any(cell_):
            raise ValueError(
                f"{_OWNER}: {where} goes from an orbital to itself; give its energy in energies."
            )
        name, factor = _amplitude(where, value)
        made.add(name, cell_, [[factor]], rows, columns)


def _amplitude(where: str, value: Any) -> tuple[str | None, complex]:
    if not isinstance(value, Mapping):
        return _check_value(f"{where}: the amplitude", value)
    unknown = set(value) - {"value", "phase"}
    if unknown:
        raise ValueError(
            f"{_OWNER}: {where}: an amplitude has a value and a phase, got {sorted(unknown)[0]!r}."
        )
    name, factor = _check_value(f"{where}: value", value["value"])
    none, phase = _check_value(f"{where}: phase", value.get("phase", 0.0))
    if none is not None:
        raise ValueError(f"{_OWNER}: {where}: phase must be a number in radians, got {none!r}.")
    return name, factor * complex(np.exp(1j * phase))


def _cells(where: str, crystal: _Crystal, one: str, other: str, cell: Any) -> list[tuple[int, ...]]:
    """The cells of the second site; of a shell around its own site one of R and -R."""
    whole = isinstance(cell, (int, np.integer)) and not isinstance(cell, bool)
    if whole and cell >= 1:
        offset = crystal.positions[other] - crystal.positions[one]
        found = shell(crystal.lattice, offset, int(cell))
        return [each for each in found if one != other or each > (0,) * len(each)]
    if (
        isinstance(cell, Sequence)
        and not isinstance(cell, str)
        and len(cell) == len(crystal.lattice)
        and all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in cell)
    ):
        return [tuple(int(number) for number in cell)]
    raise ValueError(
        f"{_OWNER}: {where}: the cell must be {len(crystal.lattice)} whole numbers, one for each "
        f"lattice vector, or the number of a shell of neighbours from 1, got {cell!r}."
    )


def _add_table(
    made: Hoppings,
    crystal: _Crystal,
    where: str,
    bond: tuple[str, str, tuple[int, ...]],
    table: Mapping[str, Any],
    chosen: tuple[Sequence[int], Sequence[int]],
) -> None:
    """Add the two-centre integrals between all orbitals of two sites."""
    one, other, _ = bond
    direction = crystal.bond(*bond)
    if not direction.any():
        raise ValueError(f"{_OWNER}: {where}: the two sites are at the same place.")
    integrals: dict[tuple[str, str, int], Any] = {}
    for word, value in table.items():
        try:
            integrals[parse_integral(word)] = value
        except ValueError as error:
            raise ValueError(f"{_OWNER}: {where}: {error}.") from None
    for (a, b, kind), value in list(integrals.items()):
        integrals.setdefault((b, a, kind), value)
    used = set()
    for (a, b, kind), value in integrals.items():
        rows, columns = (
            {orbital: number for orbital, number in crystal.places[site].items() if number in own}
            for site, own in zip((one, other), chosen, strict=True)
        )
        mine = [orbital for orbital in rows if shell_of(orbital) == a]
        yours = [orbital for orbital in columns if shell_of(orbital) == b]
        if not mine or not yours:
            continue
        used.add(frozenset((a, b)))
        factors = two_centre(a, b, kind, direction)
        block = factors[[SHELLS[a].index(orbital) for orbital in mine]]
        block = block[:, [SHELLS[b].index(orbital) for orbital in yours]]
        name, factor = _check_value(f"{where}: an integral", value)
        made.add(
            name,
            bond[2],
            factor * block,
            [rows[orbital] for orbital in mine],
            [columns[orbital] for orbital in yours],
        )
    for word in table:
        a, b, _ = parse_integral(word)
        if frozenset((a, b)) not in used:
            raise ValueError(
                f"{_OWNER}: {where}: {word} has no effect, for the sites {one!r} and {other!r} "
                "have no such orbitals."
            )


def _check_points(points: Any, conditions: Sequence[str]) -> None:
    if not isinstance(points, Mapping) or not points:
        raise ValueError(
            f"{_OWNER}: k_points must be a dict of wave vectors, such as {{'Γ': [0.0, 0.0]}}, got "
            f"{points!r}."
        )
    for name, point in points.items():
        if np.shape(point) != (len(conditions),) or not np.isfinite(np.asarray(point, float)).all():
            raise ValueError(
                f"{_OWNER}: k_points[{name!r}] must be {len(conditions)} finite numbers, got "
                f"{point!r}."
            )
