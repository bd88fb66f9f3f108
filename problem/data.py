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
    Frequencies,
    Matched,
    Observation,
    Parameterization,
    Transitions,
)
from .cells import Value, is_missing, read_value
from .columns import Columns, find_columns
from .errors import Fault, ProblemError, fail, listed
from .sections import DataSection
from .table import Table
from .targets import Targets
from .units import factor

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


@dataclasses.dataclass(frozen=True)
class _Datum:
    """A value and what it is of.

    Attributes:
        line: its line in the table.
        spectrum: the key of its spectrum.
        condition: the numbers of its condition; () without.
        what: the number of its target; a pair of levels; or None if it is found in the fit or by
            its order.
        value: the number, with sigma and side.
    """

    line: int
    spectrum: Hashable
    condition: tuple[float, ...]
    what: Any
    value: Value


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
    reader = _Reader(table, section, columns, targets)
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


class _Reader:
    """Reads the lines of a table; collects what is wrong with single lines."""

    def __init__(self, table: Table, section: DataSection, columns: Columns, targets: Targets):
        self.table, self.section, self.columns, self.targets = table, section, columns, targets
        self.faults: list[Fault] = []
        #: Lines without a value, which can be predicted.
        self.asked: list[tuple[int, int]] = []
        roles = columns.roles
        self._value_columns = [roles["value"]] if columns.tidy else [c for _, c in columns.values]
        self._errors_times = self._factor_of_errors()

    def unit(
        self, structure: Parameterization, observation: Observation, place: str
    ) -> tuple[str, float]:
        """The unit of the targets, and the factor from that of the table."""
        wanted = "Hz" if isinstance(observation, Frequencies) else structure.level_unit
        found = self._unit_of(self._value_columns)
        if not found or not wanted:
            return wanted or found, 1.0
        try:
            return wanted, factor(found, wanted)
        except ValueError as error:
            place = place if self.section.unit else self.table.source
            text = f"{error}; give the values in {wanted}, or name their unit, [data] unit = ..."
            raise fail(place, f"{text}.") from None

    def _unit_of(self, columns: Sequence[int]) -> str:
        units = {self.columns.units[column] for column in columns if column in self.columns.units}
        if self.section.unit is not None:
            units.add(self.section.unit)
        if len(units) > 1:
            raise fail(
                self.table.source,
                f"the values have several units, {listed(sorted(units))}; give them in one.",
            )
        return units.pop() if units else ""

    def _factor_of_errors(self) -> float:
        """The factor from the unit of the column of standard errors to that of the values."""
        column = self.columns.roles.get("sigma")
        unit = self.columns.units.get(column, "") if column is not None else ""
        found = self._unit_of(self._value_columns)
        if not unit or not found:
            return 1.0
        try:
            return factor(unit, found)
        except ValueError as error:
            raise fail(self.table.source, f"the unit of sigma: {error}.") from None

    def tidy(self) -> list[_Datum]:
        """The data of a table with one value a line."""
        data = []
        for line, row in enumerate(self.table.cells):
            try:
                if self._skips(row):
                    if "upper" in self.columns.roles:
                        self.asked.append(self._what(line))
                    continue
                value = self._value(line, row)
                data.append(
                    _Datum(
                        line, self._spectrum(line), self._condition(line), self._what(line), value
                    )
                )
            except _BadCell as bad:
                self.faults.append(bad.fault)
        return data

    def wide(self) -> list[_Datum]:
        """The data of a table with one spectrum, or one condition, a line."""
        data = []
        for line in range(len(self.table.cells)):
            alone = "spectrum" not in self.columns.roles and not self.columns.conditions
            try:
                # Without a name each line is a spectrum of its own.
                spectrum = line if alone else self._spectrum(line)
                condition = self._condition(line)
                found = []
                for target, column in self.columns.values:
                    value = self._number(line, column)
                    sigma = self.columns.sigmas.get(target)
                    if sigma is not None:
                        value = self._with_sigma(line, sigma, value)
                    if not math.isnan(value.number):
                        what = None if target < 0 else target
                        value = self._completed(value)
                        found.append(_Datum(line, spectrum, condition, what, value))
                if not found:
                    raise self._bad(line, None, "there is no measured value; remove the line")
                data += found
            except _BadCell as bad:
                self.faults.append(bad.fault)
        return data

    def without_repeats(self, data: Sequence[_Datum]) -> list[_Datum]:
        """The data without values of something that an earlier line has."""
        seen: dict[Hashable, _Datum] = {}
        kept = []
        for datum in data:
            key = (datum.spectrum, datum.condition, datum.what)
            if key in seen:
                first = self.table.lines[seen[key].line]
                text = f"{self.targets_name(datum)} stands there twice, first in {first}"
                bad = self._bad(datum.line, None, f"{text}; keep one of the two, or their mean")
                self.faults.append(bad.fault)
                continue
            seen[key] = datum
            kept.append(datum)
        return kept

    def targets_name(self, datum: _Datum) -> str:
        """What a datum is of, for messages."""
        names = self.targets.names
        known = isinstance(datum.what, int) and datum.what < len(names)
        return f"level {names[datum.what]}" if known else "the value"

    def _skips(self, row: Sequence[Any]) -> bool:
        """Whether nothing was measured in a line."""
        return is_missing(row[self.columns.roles["value"]], self.section.missing)

    def _value(self, line: int, row: Sequence[Any]) -> Value:
        """The value of a line, with sigma and side from their columns."""
        roles = self.columns.roles
        value = self._number(line, roles["value"])
        if "sigma" in roles:
            value = self._with_sigma(line, roles["sigma"], value)
        if "side" in roles and not is_missing(row[roles["side"]]):
            sides = {">": 1, "<": -1, "=": 0, "above": 1, "below": -1}
            sides |= {"lower": 1, "upper": -1}  # a lower limit: the level is above it
            cell = str(row[roles["side"]]).lower()
            if cell not in sides:
                raise self._bad(line, roles["side"], f"{cell!r} is none of >, < and =")
            if value.side not in (0, sides[cell]):
                raise self._bad(line, roles["side"], f"{cell!r} contradicts the sign of the value")
            value = value._replace(side=sides[cell])
        return self._completed(value)

    def _number(self, line: int, column: int) -> Value:
        """The number of a cell; NaN where nothing was measured."""
        cell = self.table.cells[line][column]
        if is_missing(cell, self.section.missing):
            return Value(math.nan)
        try:
            value = read_value(cell, self.table.decimal)
        except ValueError as error:
            raise self._bad(line, column, str(error)) from None
        if value.sigma == 0:
            raise self._bad(line, column, f"the standard error of {cell!r} is zero")
        return value

    def _completed(self, value: Value) -> Value:
        """The value with the standard error of the problem file where it has none."""
        if self.section.sigma is None or not math.isnan(value.sigma):
            return value
        return value._replace(sigma=self.section.sigma)

    def _with_sigma(self, line: int, column: int, value: Value) -> Value:
        """The value with the standard error of a cell."""
        cell = self.table.cells[line][column]
        if is_missing(cell, self.section.missing):
            return value
        try:
            found = read_value(cell, self.table.decimal)
        except ValueError as error:
            raise self._bad(line, column, str(error)) from None
        if found.side or not math.isnan(found.sigma) or not 0 < found.number < math.inf:
            text = f"a standard error is a positive number, got {cell!r}"
            raise self._bad(line, column, f"{text}; leave the cell empty if it is not known")
        sigma = found.number * self._errors_times
        if not math.isnan(value.sigma) and not math.isclose(value.sigma, sigma, rel_tol=1e-6):
            text = f"the standard error is {sigma:g} here and {value.sigma:g} beside the value"
            raise self._bad(line, column, f"{text}; keep one of them")
        return value._replace(sigma=sigma)

    def _spectrum(self, line: int) -> Hashable:
        """The key of the spectrum of a line."""
        column = self.columns.roles.get("spectrum")
        if column is None:
            return 0
        cell = self.table.cells[line][column]
        if is_missing(cell):
            raise self._bad(line, column, "the name of the spectrum is missing")
        # A spreadsheet holds the number 3 as 3.0.
        whole = isinstance(cell, float) and cell.is_integer()
        return str(int(cell)) if whole else str(cell)

    def _condition(self, line: int) -> tuple[float, ...]:
        """The numbers of the condition of a line."""
        numbers = []
        for column in self.columns.conditions:
            value = self._number(line, column)
            if math.isnan(value.number):
                raise self._bad(line, column, "the condition is missing")
            numbers.append(value.number)
        return tuple(numbers)

    def _what(self, line: int) -> Any:
        """What the value of a line is of: a target, a pair of levels, a member, or None."""
        roles = self.columns.roles
        if "upper" in roles:
            pair = [self._label(line, roles[name]) for name in ("upper", "lower")]
            if pair[0] == pair[1]:
                raise self._bad(line, roles["lower"], "the line joins a level with itself")
            counts = self.targets.counts
            members = [np.searchsorted(counts.firsts, one, side="right") for one in pair]
            if members[0] == members[1] and pair[0] < pair[1]:
                text = "the upper level lies below the lower one; exchange them"
                raise self._bad(line, roles["upper"], text)
            return tuple(pair)
        if "level" not in roles:
            return None
        column = roles["level"]
        cell = self.table.cells[line][column]
        if is_missing(cell):
            raise self._bad(line, column, "the level is missing; write its number or name")
        try:
            if self.section.assignment == "matched":
                number = int(cell) if str(cell).isdigit() else cell
                return self.targets.counts.find_member(number)
            return self.targets.find(cell)
        except ValueError as error:
            raise self._bad(line, column, str(error)) from None

    def _label(self, line: int, column: int) -> int:
        """The number of a level of a line, counted through all members."""
        cell = self.table.cells[line][column]
        if is_missing(cell):
            raise self._bad(line, column, "the level is missing; write its number or name")
        try:
            return self.targets.level(cell)
        except ValueError as error:
            raise self._bad(line, column, str(error)) from None

    def _bad(self, line: int, column: int | None, text: str) -> _BadCell:
        return _BadCell(Fault(self.table.place(line, column), f"{text}."))


class _BadCell(Exception):
    """A line that cannot be understood."""

    def __init__(self, fault: Fault):
        self.fault = fault
        super().__init__(str(fault))


def _groups(data: Sequence[_Datum]) -> dict[Hashable, list[_Datum]]:
    """The data by spectrum and condition."""
    found: dict[Hashable, list[_Datum]] = {}
    for datum in data:
        found.setdefault((datum.spectrum, datum.condition), []).append(datum)
    return found


def _matched(
    table: Table, section: DataSection, targets: Targets, data: list[_Datum]
) -> tuple[Observation, list[_Datum]]:
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
    data: list[_Datum],
    asked: Sequence[tuple[int, int]],
    observation: Observation,
    targets: Targets,
) -> tuple[Observation, list[_Datum]]:
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


def _in_order(table: Table, targets: Targets, data: list[_Datum]) -> list[_Datum]:
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


def _check_ascending(table: Table, targets: Targets, data: Sequence[_Datum]) -> None:
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
    data: Sequence[_Datum],
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
