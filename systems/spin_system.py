"""Coupled spins: exchange, zero-field splitting and the Zeeman term."""

from __future__ import annotations

from typing import Any, Literal

from ..solver import Affine, Family, Levels, Parameterization, Spin
from .description import describe
from .spin_blocks import breaks_m, breaks_s, moment_blocks, multiplet_blocks
from .spin_operators import SpinSpace
from .spin_terms import OWNER, Terms, energy_terms, zeeman_terms
from .zeeman import Components, bohr_magneton, check_field, in_field


def SpinSystem(
    spins: list[float],
    *,
    exchange: list[dict[str, str | float | list[list[int]]]] | None = None,
    zero_field: list[dict[str, str | float | list[int]]] | None = None,
    g: str | float | list[dict[str, str | float | list[int]]] | None = None,
    unit: str = "cm^-1",
    field: Components | None = None,
    limit: int = 1,
    exchange_factor: float = 1.0,
    blocks: Literal["auto", "S", "M", "none"] = "auto",
) -> Parameterization:
    """The levels of coupled spins: exchange, zero-field splitting by site, and a magnetic field.

    H = f sum_pairs (J S_i.S_j + sum_ab J_ab S_ia S_jb + D.(S_i x S_j)) + sum_sites (D (S_z^2 -
    S (S + 1) / 3) + E (S_x^2 - S_y^2) + sum_kq B_kq O_kq) + mu_B sum_sites (g_x B_x S_x + ...)

    With the factor f = 1, J > 0 is antiferromagnetic. The entries of `exchange`, `zero_field` and
    `g` give the coefficients of some pairs or sites: a name makes a coefficient a parameter, a
    number holds it fixed. Equal names are one parameter, wherever they stand.

    Without field the blocks of the matrix become members of a `Family`, named by their quantum
    number: of the total spin, as `S=1`, where it is conserved, with one level for each multiplet;
    else of total S_z, as `M=1`, where that is conserved, with one level for M and -M. Levels are
    then observed up to an unknown zero, by their block and their number in it. In all other cases
    they are excitation energies, and with a half-integer total spin and no field one datum for each
    Kramers doublet.

    Args:
        spins: S of each site: 1/2, 1, 3/2, ... Sites count from 0.
        exchange: entries such as {"pairs": [[0, 1], [1, 2]], "J": "J"}. Beside `pairs`: `J`
            (isotropic), `Jxx`, `Jyy`, `Jzz`, `Jxy`, `Jxz`, `Jyz` (of a symmetric tensor), `Dx`,
            `Dy`, `Dz` (antisymmetric exchange of Dzyaloshinskii and Moriya).
        zero_field: entries such as {"sites": [0], "D": "D", "E": "E"}, with `D`, `E` or Stevens
            parameters such as `B40`. Without `sites` for all sites.
        g: one g factor of all sites, as a name or a number; or entries such as {"sites": [0],
            "gx": "g1", "gy": "g1", "gz": 2.0}, with `g` or `gx`, `gy` and `gz`.
        unit: the unit of parameters and levels, such as "cm^-1", "meV", "K" or "GHz".
        field: the components of the magnetic field that are conditions of a spectrum, in tesla:
            "z", "xyz" and so on. None for no field.
        limit: the largest number of magnetic fields of one spectrum.
        exchange_factor: f: 1 for H = J S1.S2, -1 for -J S1.S2, -2 for -2 J S1.S2.
        blocks: "auto" as said above; "S" or "M" for blocks of this quantum number; "none" for the
            whole matrix, with all its levels in ascending order.

    Returns:
        The structure, with names and units: a `Family` of blocks, an `Affine`, or a `Sweep` if
        there is a field.

    Raises:
        ValueError: for an unknown site, key or unit, a coefficient without effect, blocks of a
            quantum number that is not conserved, or if there is no parameter.
        ImportError: without SciPy, which the extra `systems` installs.

    Example:
        >>> trimer = SpinSystem([0.5] * 3, exchange=[{"pairs": [[0, 1], [1, 2]], "J": "J"}])
        >>> trimer.names, trimer.level_counts
        (('S=1/2', 'S=3/2'), (2, 1))
        >>> trimer.spectrum(tf.constant([[2.0]])).numpy().round(6).tolist()
        [[-2.0, 0.0, 1.0]]
    """
    check_field(OWNER, field, limit)
    if blocks not in ("auto", "S", "M", "none"):
        raise ValueError(f'{OWNER}: blocks must be "auto", "S", "M" or "none", got {blocks!r}.')
    space = SpinSpace(OWNER, _spins(spins))
    terms = energy_terms(space, exchange, zero_field, exchange_factor)
    energies = [name for name in terms if name is not None]
    if field is None and g is not None:
        raise ValueError(
            f"{OWNER}: g has no effect without a magnetic field; give field, such as field='z', or "
            "leave g out."
        )
    moments = {axis: zeeman_terms(space, g, axis) for axis in field or ""}
    factors = {name for one in moments.values() for name in one} - {None}
    if not energies and not factors:
        raise ValueError(
            f"{OWNER}: there is no parameter; give a name in place of a number, such as "
            f'exchange=[{{"pairs": [[0, 1]], "J": "J"}}], got exchange={exchange!r}, '
            f"zero_field={zero_field!r}, g={g!r}."
        )
    for name in factors.intersection(energies):
        raise ValueError(
            f"{OWNER}: {name!r} is an energy and a g factor; give them different names."
        )
    if field is not None:
        if blocks in ("S", "M"):
            raise ValueError(
                f'{OWNER}: blocks must be "auto" or "none" with a field, got {blocks!r}; the '
                "blocks that all fields have in common are used anyway."
            )
        structure = _in_field(space, terms, moments, bohr_magneton(OWNER, unit), limit)
        return describe(structure, unit, energies, Levels(relative_to="lowest"))
    kind = _conserved(space, terms, blocks)
    if kind != "none":
        structure = _family(space, terms, energies, kind)
        return describe(structure, unit, energies, Levels(relative_to="mean"))
    is_half = round(2 * sum(spin.value for spin in space.spins)) % 2
    observation = Levels(relative_to="lowest", multiplicity=2 if is_half else None)
    return describe(_affine(terms), unit, energies, observation)


def _spins(values: Any) -> list[Spin]:
    if not isinstance(values, (list, tuple)) or not values:
        raise ValueError(
            f"{OWNER}: spins must be a list of S for each site, such as [0.5, 1], got {values!r}."
        )
    try:
        return [Spin(value) for value in values]
    except ValueError as error:
        raise ValueError(f"{OWNER}: spins: {str(error).removeprefix('Spin: ')}") from None


def _in_field(
    space: SpinSpace, terms: Terms, moments: dict[str, Terms], bohr: float, limit: int
) -> Parameterization:
    """The structure with the field as condition; the moments are `sum g S` by component."""
    along = {
        axis: _affine({name: bohr * matrix for name, matrix in found.items()})
        for axis, found in moments.items()
    }
    return in_field(_affine(terms or {None: space.zero()}), along, limit)


def _affine(terms: Terms) -> Any:
    """An affine structure, or a plain matrix if there is no parameter."""
    constant = terms.get(None)
    names = [name for name in terms if name is not None]
    if not names:
        assert constant is not None
        return constant.toarray()
    return Affine(constant, [terms[name] for name in names], names)


def _conserved(space: SpinSpace, terms: Terms, blocks: str) -> str:
    """The quantum number of the blocks: "S", "M" or "none"."""
    breaks = {"S": breaks_s, "M": breaks_m}
    for kind in {"auto": ["S", "M"], "none": []}.get(blocks, [blocks]):
        name = next((name for name in terms if breaks[kind](space, terms[name])), "")
        if name == "":
            return kind
        if blocks == kind:
            what = {"S": "the total spin", "M": "total S_z"}[kind]
            which = "the fixed terms do" if name is None else f"{name!r} does"
            raise ValueError(
                f"{OWNER}: blocks={blocks!r} needs {what} to be conserved, but {which} not commute "
                'with it; use blocks="auto".'
            )
    return "none"


def _family(space: SpinSpace, terms: Terms, names: list[str], kind: str) -> Family:
    """The blocks of a quantum number as members of a family."""
    matrices = [terms.get(None, space.zero()), *(terms[name] for name in names)]
    split = multiplet_blocks if kind == "S" else moment_blocks
    titles, blocks = split(space, matrices)
    constants = [block[0] for block in blocks]
    return Family.affine(constants, [block[1:] for block in blocks], names, names=titles)
