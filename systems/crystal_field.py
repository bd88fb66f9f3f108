"""The crystal field of one J multiplet."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ..solver import Affine, Levels, Parameterization, Spin
from ..solver.checks import is_number
from .conventions import in_wybourne, name_of, stevens_factor, term_of
from .crystal_quantum_number import crystal_blocks
from .description import describe
from .point_groups import Combination, allowed_terms
from .rare_earths import RANKS, Multiplet, ground_multiplet
from .zeeman import Components, bohr_magneton, check_field, in_field

OWNER = "CrystalField"


def CrystalField(
    ion: str | None = None,
    *,
    parameters: list[str] | None = None,
    point_group: str | None = None,
    convention: Literal["stevens", "wybourne"] = "stevens",
    unit: str = "meV",
    field: Components | None = None,
    limit: int = 1,
    j: float | None = None,
    stevens_factors: list[float] | None = None,
    lande: float | None = None,
    blocks: Literal["none", "mu"] = "none",
) -> Parameterization:
    """The crystal-field levels of one J multiplet, `H = sum_kq B_kq O_kq`.

    The parameters are the B_kq with k = 2, 4, 6 and q from -k to k; those with q < 0 go with
    sin(q phi) and are named `B4-3`. They are given as a list, or by the point group of the ion.
    For a point group z is along its axis of highest order; y is along a twofold axis normal to z,
    or else normal to a mirror plane through z; x, y and z are the axes of a cubic group, whose ties
    B44 = 5 B40, B64 = -21 B60 and B66 = -B62 (of Stevens parameters) are built in. Axes that the
    group leaves free are chosen so that one term vanishes (B2-2 in C2, B4-4 in C4, B4-3 in C3, B6-6
    in C6; B21, B2-1 and B2-2 in C1), unless the components of `field` fix them.

    The usual observation is excitation energies. With an odd number of electrons and no field all
    levels are Kramers doublets, and each is one datum.

    Args:
        ion: a rare-earth ion, such as "Ho3+", in its ground multiplet, or "4f10" for any ion with
            ten 4f electrons. Leave it out to give `j`.
        parameters: the names of the parameters, such as ["B20", "B40", "B44"]. Either this or
            `point_group`.
        point_group: the site symmetry, by its Schoenflies symbol ("C4v") or its international
            symbol ("4mm"): the parameters are those that it allows.
        convention: "stevens", B_kq multiplies the Stevens operator O_kq; "wybourne", it multiplies
            C_k0, C_k,-q + (-1)^q C_kq for q > 0, or i (C_k,-|q| - (-1)^q C_k|q|) for q < 0.
        unit: the unit of parameters and levels, such as "meV" or "cm^-1".
        field: the components of the magnetic field that are conditions of a spectrum, in tesla:
            "z", "xyz" and so on. Adds g_J mu_B J.B. None for no field.
        limit: the largest number of magnetic fields of one spectrum.
        j: J, instead of an ion: 1/2, 1, 3/2, ...; also the S of an ion without orbital moment.
        stevens_factors: theta_2, theta_4 and theta_6, which "wybourne" needs; those of the ion's
            ground multiplet unless they are given.
        lande: the Landé factor g_J, which `field` needs; that of the ion's ground multiplet
            unless it is given.
        blocks: "none", all levels in ascending order; "mu", for levels whose symmetry is known, the
            blocks that the axis along z does not mix, named by the crystal quantum number mu = M
            modulo the order of the axis, such as `mu=1/2`. One level stands for mu and -mu. Then
            the usual observation is levels with an unknown common zero.

    Returns:
        The structure, with names and units: an `Affine`, a `Sweep` if there is a field, or a
        `Family` of blocks.

    Raises:
        ValueError: for an unknown ion, point group or parameter, or what does not go together.

    Example:
        >>> cerium = CrystalField("Ce3+", point_group="C2v")
        >>> cerium.parameter_names
        ('B20', 'B22', 'B40', 'B42', 'B44')
        >>> solver = SpectralSolver(cerium)
        >>> levels = solver.spectrum([[0.37737, 3.977, -0.031787, -0.11611, -0.12544]])
        >>> (levels - levels[:, :1]).numpy().round(3).tolist()  # three doublets
        [[0.0, 0.0, 29.326, 29.326, 44.341, 44.341]]
    """
    check_field(OWNER, field, limit)
    if blocks not in ("none", "mu") or (blocks == "mu" and field is not None):
        raise ValueError(
            f'{OWNER}: blocks must be "none" or "mu", and "none" with a field, got {blocks!r}.'
        )
    multiplet = _multiplet(ion, j, stevens_factors, lande)
    combinations = _combinations(
        parameters, point_group, convention, multiplet, {None: 3, "z": 1}.get(field, 0)
    )
    spin = Spin(multiplet.j)
    basis = [_matrix(spin, parts, convention, multiplet) for parts in combinations.values()]
    structure = Affine(None, basis, list(combinations))
    observation = Levels(relative_to="lowest")
    if blocks == "mu":
        structure, observation = crystal_blocks(
            OWNER, structure, combinations.values(), multiplet.j
        )
    elif field is not None:
        if multiplet.lande is None:
            raise ValueError(
                f"{OWNER}: a field needs the Landé factor; give lande, or an ion instead of j."
            )
        factor = multiplet.lande * bohr_magneton(OWNER, unit)
        moments = {axis: factor * getattr(spin, axis) for axis in field}
        structure = in_field(structure, moments, limit)
    elif spin.size % 2 == 0:
        observation = Levels(relative_to="lowest", multiplicity=2)
    return describe(structure, unit, structure.parameter_names, observation)


def _multiplet(ion: str | None, j: Any, factors: Any, lande: Any) -> Multiplet:
    """The multiplet of the ion or of J, with what the caller gives in place of tabulated values."""
    if (ion is None) == (j is None):
        raise ValueError(
            f'{OWNER}: give either ion, such as "Ho3+", or j, such as j=8, got ion={ion!r} and '
            f"j={j!r}."
        )
    if ion is not None:
        found = ground_multiplet(OWNER, ion)
    else:
        number = float(j) if is_number(j) else 0.0
        if number < 1 or 2 * number % 1:
            raise ValueError(
                f"{OWNER}: j must be a multiple of one half and at least 1, as the two states of "
                f"1/2 do not split, got {j!r}."
            )
        found = Multiplet("", number, None, None)
    if factors is not None:
        is_list = isinstance(factors, (list, tuple)) and len(factors) == len(RANKS)
        if not is_list or not all(map(_is_finite, factors)):
            raise ValueError(
                f"{OWNER}: stevens_factors must be the three numbers theta_2, theta_4 and theta_6, "
                f"got {factors!r}."
            )
        found = found._replace(factors=tuple(map(float, factors)))
    if lande is None:
        return found
    if not _is_finite(lande):
        raise ValueError(f"{OWNER}: lande must be a finite number, got {lande!r}.")
    return found._replace(lande=float(lande))


def _is_finite(value: Any) -> bool:
    return is_number(value) and bool(np.isfinite(value))


def _combinations(
    parameters: Any,
    point_group: str | None,
    convention: str,
    multiplet: Multiplet,
    free_angles: int,
) -> dict[str, Combination]:
    """The terms of each parameter, by its name."""
    if (parameters is None) == (point_group is None):
        raise ValueError(
            f'{OWNER}: give either parameters, such as ["B20", "B40"], or point_group, such as '
            f'"C4v", got parameters={parameters!r} and point_group={point_group!r}.'
        )
    if convention not in ("stevens", "wybourne"):
        raise ValueError(
            f'{OWNER}: convention must be "stevens" or "wybourne", got {convention!r}.'
        )
    largest = round(2 * multiplet.j)
    if point_group is not None:
        found = allowed_terms(OWNER, point_group, largest=largest, free_angles=free_angles)
        if convention == "wybourne":
            found = {term: in_wybourne(term, parts) for term, parts in found.items()}
    else:
        is_list = isinstance(parameters, (list, tuple)) and len(parameters) > 0
        if not is_list or any(name in parameters[:place] for place, name in enumerate(parameters)):
            raise ValueError(
                f'{OWNER}: parameters must be a list of different names, such as ["B20", "B40"], '
                f"got {parameters!r}."
            )
        terms = [term_of(OWNER, "parameters", name) for name in parameters]
        found = {term: {term: 1.0} for term in terms}
    return {name_of(term): parts for term, parts in found.items()}


def _matrix(spin: Spin, parts: Combination, convention: str, multiplet: Multiplet) -> np.ndarray:
    """The matrix of one parameter."""
    total = np.zeros((spin.size, spin.size))
    for term, factor in parts.items():
        if term[0] > 2 * spin.value:
            raise ValueError(
                f"{OWNER}: {name_of(term)} has no effect on a multiplet with J = {spin.value:g}: "
                "the rank k must be at most 2 J; leave it out."
            )
        if convention == "wybourne":
            if multiplet.factors is None or not multiplet.factors[term[0] // 2 - 1]:
                raise ValueError(
                    f"{OWNER}: the Wybourne parameter {name_of(term)} needs the Stevens factor "
                    f"theta_{term[0]}, which is {'0' if multiplet.factors else 'not known'} for "
                    f"{multiplet.term or 'a multiplet that is given by j'}; give stevens_factors, "
                    'or use convention="stevens".'
                )
            factor *= stevens_factor(term, multiplet.factors)
        total = total + factor * spin.stevens(*term)
    return total
