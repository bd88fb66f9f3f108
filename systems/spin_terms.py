"""The terms of a spin Hamiltonian, read from entries with names or numbers, as sparse matrices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from eigenfit.spelling import did_you_mean

from ..solver.checks import is_number
from .spin_operators import EXCHANGE, Sparse, SpinSpace, zero_field_operator

OWNER = "SpinSystem"

#: By parameter name, its matrix; the sum of the fixed terms under None.
Terms = dict[str | None, Sparse]
_Term = tuple[str | None, Sparse]


def energy_terms(space: SpinSpace, exchange: Any, zero_field: Any, factor: float) -> Terms:
    """Exchange, times a factor, and zero-field splitting; see `SpinSystem`.

    Raises:
        ValueError: for an unknown site or key, or a coefficient without effect.
    """
    return _joined(
        [*_exchange_terms(space, exchange, factor), *_zero_field_terms(space, zero_field)]
    )


def zeeman_terms(space: SpinSpace, g: Any, axis: str) -> Terms:
    """`sum g S` along one axis, over the sites; see `SpinSystem`.

    Raises:
        ValueError: for an unknown site or key, or if nothing acts along this axis.
    """
    found = _joined(_moments(space, g, axis))
    if not found:
        raise ValueError(
            f"{OWNER}: no entry of g acts along {axis}, a component of field; give g{axis}, or "
            f"leave {axis} out of field, got g={g!r}."
        )
    return found


def _joined(terms: list[_Term]) -> Terms:
    """The sums of the matrices by name, in order of appearance."""
    found: Terms = {}
    for name, matrix in terms:
        found[name] = found[name] + matrix if name in found else matrix
    for name, matrix in found.items():
        if name is not None and not abs(matrix).max():
            raise ValueError(
                f"{OWNER}: the terms of {name!r} cancel, so that it has no effect; give them "
                "different names."
            )
    return found


def _entries(argument: str, given: Any, place: str) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """For each entry what messages call it, its pairs or sites, and its coefficients."""
    if given is None:
        return
    if not isinstance(given, (list, tuple)):
        raise ValueError(f"{OWNER}: {argument} must be a list of dicts, got {given!r}.")
    for number, entry in enumerate(given):
        where = f"{argument}[{number}]"
        if not isinstance(entry, Mapping):
            raise ValueError(f"{OWNER}: {where} must be a dict, got {entry!r}.")
        coefficients = {key: value for key, value in entry.items() if key != place}
        if not coefficients:
            raise ValueError(f"{OWNER}: {where} has no coefficient beside {place}: {entry!r}.")
        for key, value in coefficients.items():
            _check_coefficient(f"{where}: {key}", value)
        yield where, entry.get(place), coefficients


def _check_coefficient(where: str, value: Any) -> None:
    named = isinstance(value, str) and value
    if not named and not (is_number(value) and np.isfinite(value)):
        raise ValueError(
            f"{OWNER}: {where} must be the name of a parameter, or a number that holds it fixed, "
            f"got {value!r}."
        )


def _term(value: str | float, matrix: Sparse) -> _Term:
    return (value, matrix) if isinstance(value, str) else (None, value * matrix)


def _is_site(value: Any, count: int) -> bool:
    return isinstance(value, (int, np.integer)) and bool(0 <= value < count)


def _exchange_terms(space: SpinSpace, exchange: Any, factor: float) -> list[_Term]:
    count, found = len(space.spins), []
    if not factor or not np.isfinite(factor):
        raise ValueError(f"{OWNER}: exchange_factor must be finite and not 0, got {factor!r}.")
    for where, pairs, coefficients in _entries("exchange", exchange, "pairs"):
        if not isinstance(pairs, (list, tuple)) or not pairs:
            raise ValueError(
                f"{OWNER}: {where} needs pairs, such as [[0, 1], [1, 2]], got {pairs!r}."
            )
        for pair in pairs:
            two = isinstance(pair, (list, tuple)) and len(pair) == 2 and pair[0] != pair[1]
            if not two or not all(_is_site(site, count) for site in pair):
                raise ValueError(
                    f"{OWNER}: {where}: each pair must be two different sites from 0 to "
                    f"{count - 1}, got {pair!r}."
                )
        for key, value in coefficients.items():
            if key not in EXCHANGE:
                raise ValueError(
                    f"{OWNER}: {where}: the keys beside pairs are {', '.join(EXCHANGE)}, got "
                    f"{key!r}.{did_you_mean(key, EXCHANGE)}"
                )
            for pair in pairs:
                found.append(_term(value, factor * EXCHANGE[key](space, tuple(pair))))
    return found


def _sites(where: str, sites: Any, count: int) -> list[int]:
    """The given sites, or all."""
    if sites is None:
        return list(range(count))
    if not isinstance(sites, (list, tuple)) or not sites or len({*sites}) < len(sites):
        raise ValueError(
            f"{OWNER}: {where}: sites must be a list of different sites, such as [0, 1], got "
            f"{sites!r}."
        )
    for site in sites:
        if not _is_site(site, count):
            raise ValueError(f"{OWNER}: {where}: sites count from 0 to {count - 1}, got {site!r}.")
    return [int(site) for site in sites]


def _zero_field_terms(space: SpinSpace, zero_field: Any) -> list[_Term]:
    found = []
    for where, given, coefficients in _entries("zero_field", zero_field, "sites"):
        for site in _sites(where, given, len(space.spins)):
            for key, value in coefficients.items():
                operator = zero_field_operator(OWNER, where, key, space.spins[site])
                found.append(_term(value, space.at(site, operator)))
    return found


def _moments(space: SpinSpace, g: Any, axis: str) -> list[_Term]:
    """`g S` along one axis, by the names of the g factors."""
    if g is None or (isinstance(g, (list, tuple)) and not g):
        raise ValueError(
            f"{OWNER}: a field needs g; give g=2.0023, the name of a parameter, such as g='g', or "
            "a list of entries."
        )
    if not isinstance(g, (list, tuple)):
        _check_coefficient("g", g)
        g = [{"g": g}]
    found = []
    for where, given, coefficients in _entries("g", g, "sites"):
        isotropic, along = {"g"}, {"gx", "gy", "gz"}
        if set(coefficients) != isotropic and not set(coefficients) <= along:
            raise ValueError(
                f"{OWNER}: {where}: the keys beside sites are g, or gx, gy and gz, got "
                f"{', '.join(map(repr, coefficients))}."
            )
        value = coefficients.get("g", coefficients.get(f"g{axis}"))
        for site in _sites(where, given, len(space.spins)):
            if value is not None:
                found.append(_term(value, space.component(site, axis)))
    return found
