"""The lines of a data table: what each value is of, with its sigma and side."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from ..solver import Frequencies, Observation, Parameterization
from .cells import Value, is_missing, read_value
from .columns import Columns
from .errors import Fault, fail, listed
from .sections import DataSection
from .table import Table
from .targets import Targets
from .units import factor


@dataclasses.dataclass(frozen=True)
class Datum:
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


class Reader:
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

    def tidy(self) -> list[Datum]:
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
                    Datum(
                        line, self._spectrum(line), self._condition(line), self._what(line), value
                    )
                )
            except _BadCell as bad:
                self.faults.append(bad.fault)
        return data

    def wide(self) -> list[Datum]:
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
                        found.append(Datum(line, spectrum, condition, what, value))
                if not found:
                    raise self._bad(line, None, "there is no measured value; remove the line")
                data += found
            except _BadCell as bad:
                self.faults.append(bad.fault)
        return data

    def without_repeats(self, data: Sequence[Datum]) -> list[Datum]:
        """The data without values of something that an earlier line has."""
        seen: dict[Hashable, Datum] = {}
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

    def targets_name(self, datum: Datum) -> str:
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
