"""The data of a problem as a solver takes them, from the lines of a table."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..solver import (
    Comparison,
    Matched,
    Observation,
    Parameterization,
    Transitions,
)
from .columns import find_columns
from .errors import Fault, ProblemError, fail
from .lines import Datum, Reader
from .sections import DataSection
from .table import Table
from .targets import Targets

Array = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class ProblemData:
    """Measured values, ready for a solver.

    Attributes:
        targets: `[B, m]`, NaN where nothing was measured.
        sigma: `[B, m]`, NaN where nothing was measured; None if no standard errors are known.
        sides: `[B, m]`, 1 and -1 for limits, 0 for values; None if there are no limits.
        conditions: `[B, K, d]`, NaN where a spectrum has fewer; None if there are none.
        spectra: the name of each spectrum.
        unit: of targets and sigma; "" if not known.
        factor: from the unit of the table to this unit.
        source: the name of the table.
        digest: the SHA-256 of its file; "" for rows in the problem file.
        layout: "tidy" or "wide".
        faults: lines of the table that were left out, and why.
    """

    targets: Array
    sigma: Array | None
    sides: Array | None
    conditions: Array | None
    spectra: tuple[str, ...]
    unit: str
    factor: float
    source: str
    digest: str
    layout: str
    faults: tuple[Fault, ...]


def arrange(
    table: Table,
    section: DataSection,
    structure: Parameterization,
    observation: Observation,
    place: str,
) -> tuple[Observation, ProblemData]:
    """The observation and the data of a table.

    A line that cannot be understood is left out and named in `faults`.

    Args:
        table: the table.
        section: `[data]` of the problem file.
        structure: what is fitted.
        observation: what is compared, unless the table says it by the levels of each line.
        place: of `[data]`, for messages.

    Raises:
        ProblemError: if the columns, or all lines, cannot be understood.
    """
    try:
        targets = Targets(structure, observation)
    except ValueError as error:
        raise fail(place, str(error)) from None
    columns = find_columns(table, section, targets, structure.condition_names)
    reader = Reader(table, section, columns, targets)
    data = reader.tidy() if columns.tidy else reader.wide()
    if not data:
        empty = Fault(table.source, "there is no measured value in the table.")
        raise ProblemError(reader.faults or [empty])
    if section.assignment == "matched":
        observation, data = _matched(table, section, targets, data)
    elif columns.tidy and "upper" in columns.roles:
        observation, data = _lines(data, reader.asked, observation, targets)
    elif columns.tidy and "level" not in columns.roles:
        data = _in_order(table, targets, data)
    targets = Targets(structure, observation)
    kept = reader.without_repeats(data)
    if columns.labelled:
        _check_ascending(table, targets, kept)
    made = _as_arrays(kept, targets, structure, place, table)
    unit, times = reader.unit(structure, observation, place)
    return observation, dataclasses.replace(
        made,
        unit=unit,
        factor=times,
        targets=made.targets * times,
        sigma=None if made.sigma is None else made.sigma * times,
        source=table.source,
        digest=table.digest,
        layout="tidy" if columns.tidy else "wide",
        faults=tuple(reader.faults),
    )


def _groups(data: Sequence[Datum]) -> dict[Hashable, list[Datum]]:
    """The data by spectrum and condition."""
    found: dict[Hashable, list[Datum]] = {}
    for datum in data:
        found.setdefault((datum.spectrum, datum.condition), []).append(datum)
    return found


def _matched(
    table: Table, section: DataSection, targets: Targets, data: list[Datum]
) -> tuple[Observation, list[Datum]]:
    """The observation of values whose levels are not known, and the data in its columns.

    In a family the column `level` names the member of each value.
    """
    members = len(targets.counts)
    if members > 1 and any(datum.what is None for datum in data):
        raise fail(
            table.source,
            f"the system has {members} members; write the name or number of the member of each "
            "value into a column level.",
        )
    most = [0] * members
    placed = []
    for group in _groups(data).values():
        counts = [0] * members
        for datum in group:
            member = datum.what or 0
            placed.append((datum, member, counts[member]))
            counts[member] += 1
        most = [max(pair) for pair in zip(most, counts, strict=True)]
    relative_to = "lowest" if section.relative_to == "lowest" else None
    firsts = np.cumsum([0, *most])
    moved = [
        dataclasses.replace(datum, what=int(firsts[member] + number))
        for datum, member, number in placed
    ]
    try:
        return Matched(most, relative_to=relative_to), moved
    except ValueError as error:
        raise fail(table.source, str(error)) from None


def _lines(
    data: list[Datum],
    asked: Sequence[tuple[int, int]],
    observation: Observation,
    targets: Targets,
) -> tuple[Observation, list[Datum]]:
    """The observation of lines between levels, and the data in its columns.

    Its lines are those that are usually observed, if there are any, and all lines of the table,
    also those without a value. A line that was measured twice has two targets.

    Args:
        data: the measured lines.
        asked: lines without a value.
        observation: what is usually observed.
        targets: its targets.
    """
    number_of: dict[tuple[tuple[int, int], int], int] = {}

    def number(pair: tuple[int, int], time: int) -> int:
        """The number of the target of a line that was measured so many times before."""
        return number_of.setdefault((pair, time), len(number_of))

    if isinstance(observation, Transitions) and isinstance(targets.map, Comparison):
        usual = zip(targets.map.upper.tolist(), targets.map.lower.tolist(), strict=True)
        for pair, time in _counted(usual):
            number(pair, time)
    moved = []
    for group in _groups(data).values():
        for datum, (pair, time) in zip(group, _counted(one.what for one in group), strict=True):
            moved.append(dataclasses.replace(datum, what=number(pair, time)))
    for pair in asked:
        number(pair, 0)
    return Transitions([_as_pair(pair, targets) for pair, _ in number_of]), moved


def _counted(pairs: Iterable[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], int]]:
    """Each pair, and how often it stood there before."""
    seen: dict[Hashable, int] = {}
    for pair in pairs:
        seen[pair] = seen.get(pair, -1) + 1
        yield pair, seen[pair]


def _as_pair(pair: tuple[int, int], targets: Targets) -> Any:
    """Two levels, counted through all members, as a solver takes them."""
    counts = targets.counts
    if len(counts) == 1:
        return pair
    members = [int(np.searchsorted(counts.firsts, one, side="right")) - 1 for one in pair]
    places = zip(members, pair, strict=True)
    return tuple((member, one - counts.firsts[member]) for member, one in places)


def _in_order(table: Table, targets: Targets, data: list[Datum]) -> list[Datum]:
    """Values without levels, as all targets in their order."""
    moved = []
    for group in _groups(data).values():
        if len(group) != targets.width:
            raise fail(
                table.place(group[0].line),
                f"there are {len(group)} values without levels, but {targets.width} are compared. "
                "Add a column level with the number (from 0) or name of each, or write [data] "
                'assignment = "matched" if the levels are not known, or lowest = '
                f"{len(group)} if they are the lowest ones.",
            )
        moved += [dataclasses.replace(datum, what=place) for place, datum in enumerate(group)]
    return moved


def _check_ascending(table: Table, targets: Targets, data: Sequence[Datum]) -> None:
    """Check that labelled levels of a member ascend: a solver takes them in that order.

    Raises:
        ProblemError: if a level lies below one with a lower number.
    """
    members = targets.members()
    if members is None:
        return
    faults = []
    for group in _groups(data).values():
        ordered = sorted(group, key=lambda datum: datum.what)
        for low, high in itertools.pairwise(ordered):
            same = members[low.what] == members[high.what]
            limits = low.value.side or high.value.side
            if same and not limits and low.value.number > high.value.number:
                names = [targets.names[one.what] for one in (high, low)]
                faults.append(
                    Fault(
                        table.place(high.line),
                        f"level {names[0]} is at {high.value.number:g}, below level {names[1]} at "
                        f"{low.value.number:g} ({table.lines[low.line]}), but levels ascend with "
                        "their numbers; exchange the two.",
                    )
                )
    if faults:
        raise ProblemError(faults)


def _as_arrays(
    data: Sequence[Datum],
    targets: Targets,
    structure: Parameterization,
    place: str,
    table: Table,
) -> ProblemData:
    """The data as arrays."""
    spectra = list(dict.fromkeys(datum.spectrum for datum in data))
    row_of = {key: number for number, key in enumerate(spectra)}
    conditions: list[dict[tuple[float, ...], int]] = [{} for _ in spectra]
    for datum in data:
        own = conditions[row_of[datum.spectrum]]
        own.setdefault(datum.condition, len(own))
    shape, limit = structure.conditions_shape, 1
    if shape is not None:
        limit, most = shape[0], max(map(len, conditions))
        if most > limit:
            raise fail(
                place, f"a spectrum has {most} conditions, but the system takes up to {limit}."
            )
    full = np.full([len(spectra), limit * targets.width], np.nan)
    sigma, sides = full.copy(), np.zeros_like(full)
    lacking = []
    for datum in data:
        row = row_of[datum.spectrum]
        column = conditions[row][datum.condition] * targets.width + datum.what
        full[row, column], sigma[row, column], sides[row, column] = datum.value
        if math.isnan(datum.value.sigma) and targets.measures[datum.what]:
            lacking.append(datum)
    at = None
    if shape is not None:
        at = np.full([len(spectra), limit, shape[1]], np.nan)
        for row, own in enumerate(conditions):
            for condition, number in own.items():
                at[row, number] = condition
    known = not np.isnan(sigma).all()
    if known and lacking:
        raise fail(
            table.place(lacking[0].line),
            f"{len(lacking)} of {len(data)} values have no standard error, this one first, and "
            "the others have; write one for each, or [data] sigma = ... for those that have none.",
        )
    return ProblemData(
        targets=full,
        sigma=sigma if known else None,
        sides=sides if sides.any() else None,
        conditions=at,
        spectra=_names(spectra, table),
        unit="",
        factor=1.0,
        source="",
        digest="",
        layout="",
        faults=(),
    )


def _names(spectra: Sequence[Hashable], table: Table) -> tuple[str, ...]:
    """The names of the spectra: their own, or the lines in which they stand."""
    if len(spectra) == 1 and not isinstance(spectra[0], str):
        return ("1",)
    return tuple(one if isinstance(one, str) else table.lines[int(str(one))] for one in spectra)
