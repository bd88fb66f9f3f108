"""What each column of a table holds."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from .errors import Fault, ProblemError, fail, listed, unknown
from .sections import DataSection
from .table import Table
from .targets import Targets

#: What a column of a tidy table can hold, and the names that it may have, in any case.
ROLES = {
    "level": "level state assignment label name mode index number n",
    "upper": "upper up",
    "lower": "lower low",
    "value": "value energy e frequency freq f nu ν observed obs measured position wavenumber "
    "eigenvalue experiment exp term line",
    "sigma": "sigma σ error err uncertainty unc std stderr standard_error standarderror sd ±",
    "side": "side limit",
    "spectrum": "spectrum sample compound series run id",
    "comment": "comment comments note notes remark remarks reference ref source",
}
_BY_NAME = {name: role for role, names in ROLES.items() for name in names.split()}
_BY_NAME |= {f"{one}level": one for one in ("upper", "lower")}
_BY_NAME |= {f"{one}state": one for one in ("upper", "lower")}
# `energy (MHz)`, `energy [cm^-1]`, `E / cm^-1`.
_WITH_UNIT = re.compile(r"(.*?\S)\s*(?:\(([^()]*)\)|\[([^\[\]]*)\])|(.*?\S)\s*/\s*(\S[^/]*)")
_SIGMA_OF = re.compile(r"(?:sigma|σ|error|err|se)[ _](.+)|(.+)[ _](?:sigma|σ|error|err|se)", re.I)


@dataclasses.dataclass(frozen=True)
class Columns:
    """The columns of a table by what they hold, as numbers from 0.

    Attributes:
        roles: the columns of a tidy table by role, see `ROLES`; of a wide one only `spectrum`.
        conditions: the column of each number of a condition; empty if there are none.
        values: of a wide table: the columns with levels, by the number of the target; -1 in the
            place of the target if the levels are matched in the fit.
        sigmas: of a wide table: the columns with their standard errors, by the same number.
        units: the unit of a column whose header says it.
        labelled: whether the table says which level each value is of, in a column or in its header.
    """

    roles: dict[str, int]
    conditions: list[int]
    values: list[tuple[int, int]]
    sigmas: dict[int, int]
    units: dict[int, str]
    labelled: bool

    @property
    def tidy(self) -> bool:
        """Whether each line holds one value."""
        return "value" in self.roles


def find_columns(
    table: Table, section: DataSection, targets: Targets, condition_names: Sequence[str]
) -> Columns:
    """Find out what each column holds.

    Args:
        table: the table.
        section: `[data]` of the problem file.
        targets: of the solver, whose names may be names of columns.
        condition_names: the numbers of a condition of the structure.

    Raises:
        ProblemError: if a column is not understood, or one is missing.
    """
    if table.header is None:
        return _without_header(table, section, targets, condition_names)
    finder = _Finder(table, section, targets, condition_names)
    columns = finder.columns()
    if condition_names and not columns.conditions:
        raise fail(
            table.source,
            f"the system needs a column for {' and '.join(condition_names)}, and there is none; "
            f"the columns are {listed(table.header)}.",
        )
    return columns


def _without_header(
    table: Table, section: DataSection, targets: Targets, condition_names: Sequence[str]
) -> Columns:
    """The columns of a table without names: one value or one whole spectrum a line."""
    fix = (
        'Name the columns, in the first line of the table or in [data]: columns = ["level", '
        '"energy", "sigma"].'
    )
    if isinstance(section.columns, dict) and section.columns:
        names = [""] * table.width
        for name, column in section.columns.items():
            if not isinstance(column, int) or not 1 <= column <= table.width:
                raise fail(
                    f"{table.source}, [data] columns",
                    f"{name} must be a number from 1 to {table.width}, for the columns have no "
                    f"names, got {column!r}.",
                )
            names[column - 1] = name
        named = dataclasses.replace(table, header=names)
        return find_columns(
            named, section.model_copy(update={"columns": None}), targets, condition_names
        )
    if condition_names:
        raise fail(table.source, f"the columns have no names, and some are conditions. {fix}")
    if section.layout != "wide" and table.width == 1:
        return Columns({"value": 0}, [], [], {}, {}, False)
    if section.layout == "tidy" or (section.layout is None and table.width <= 3):
        raise fail(table.source, f"the {table.width} columns have no names. {fix}")
    return Columns(
        {}, [], _in_order(table, list(range(table.width)), section, targets), {}, {}, False
    )


def _in_order(
    table: Table, columns: list[int], section: DataSection, targets: Targets
) -> list[tuple[int, int]]:
    """The columns of a wide table as the targets in their order."""
    if section.assignment == "matched":
        return [(-1, column) for column in columns]
    while len(columns) > targets.width and all(row[columns[-1]] is None for row in table.cells):
        columns = columns[:-1]  # a separator at the end of each line
    if len(columns) != targets.width:
        raise fail(
            table.source,
            f"there are {len(columns)} columns with levels, but {targets.width} are compared: "
            f"{listed(targets.names)}. Name the columns in the first line.",
        )
    return list(enumerate(columns))


class _Finder:
    """Finds the columns of a table with a header."""

    def __init__(
        self, table: Table, section: DataSection, targets: Targets, condition_names: Sequence[str]
    ):
        self.table, self.section, self.targets = table, section, targets
        self.header = table.header or []
        self.conditions = {name: name for name in condition_names}
        self.given = self._given()

    def columns(self) -> Columns:
        """The columns by what they hold."""
        roles: dict[str, int] = {}
        units: dict[int, str] = {}
        unknowns: list[int] = []
        for column, name in enumerate(self.header):
            if self._is_left_out(column, name):
                continue
            role, unit = self._role(column, name)
            if unit:
                units[column] = unit
            if role is None:
                unknowns.append(column)
            elif role != "comment":
                self._put(roles, role, column)
        tidy = "value" in roles if self.section.layout is None else self.section.layout == "tidy"
        if tidy:
            self._check_tidy(roles, unknowns)
            return Columns(roles, self._conditions(roles), [], {}, units, "level" in roles)
        return self._wide(roles, unknowns, units)

    def _given(self) -> dict[int, str]:
        """The roles that `[data] columns` gives to columns."""
        found = {}
        columns = self.section.columns if isinstance(self.section.columns, dict) else {}
        place = f"{self.table.source}, [data] columns"
        bare = [_split(name)[0] for name in self.header]
        for name, column in columns.items():
            if isinstance(column, int):
                if not 1 <= column <= len(self.header):
                    raise fail(
                        place,
                        f"{name} must be a number from 1 to {len(self.header)}, got {column}.",
                    )
                found[column - 1] = name
            elif column in self.header:
                found[self.header.index(column)] = name
            elif column in bare:
                found[bare.index(column)] = name
            else:
                raise fail(place, f"{name}: {unknown('column', column, self.header)}")
        return found

    def _is_left_out(self, column: int, name: str) -> bool:
        if column in self.given:
            return False
        return not name or name in self.section.ignore or column + 1 in self.section.ignore

    def _role(self, column: int, name: str) -> tuple[str | None, str]:
        """The role of a column, `None` if it is not known, and its unit."""
        if column in self.given:
            role = self._known(self.given[column])
            if role is None and self.targets.has(self.given[column]):
                return None, _split(name)[1]
            if role is None:
                names = [*ROLES, *self.conditions, *self.targets.names]
                text = unknown("kind of column", self.given[column], names, "kinds of columns")
                raise fail(f"{self.table.source}, [data] columns", text)
            return role, _split(name)[1]
        if self.section.layout == "wide" and self.targets.has(name):
            return None, ""
        role = self._known(name)
        if role is not None:
            return role, ""
        bare, unit = _split(name)
        return self._known(bare), unit

    def _known(self, name: str) -> str | None:
        """The role that a name means; None if it means none."""
        if name in self.conditions:
            return f"condition {name}"
        small = [one for one in self.conditions if one.lower() == name.lower()]
        if len(small) == 1:
            return f"condition {small[0]}"
        return _BY_NAME.get(re.sub(r"[\s_-]", "", name.lower()), _BY_NAME.get(name.lower()))

    def _put(self, roles: dict[str, int], role: str, column: int) -> None:
        if role in roles:
            raise fail(
                self.table.source,
                f"{self.table.column(roles[role])} and {self.table.column(column)} both hold the "
                f'{role}; leave one out, [data] ignore = ["{self.header[column]}"].',
            )
        roles[role] = column

    def _conditions(self, roles: dict[str, int]) -> list[int]:
        """The columns of the numbers of a condition; all of them or none."""
        found = [roles.get(f"condition {name}") for name in self.conditions]
        missing = [
            name for name, column in zip(self.conditions, found, strict=True) if column is None
        ]
        if missing and len(missing) < len(found):
            raise fail(
                self.table.source,
                f"the system needs a column for {' and '.join(self.conditions)}; there is none for "
                f"{missing[0]}.",
            )
        return [column for column in found if column is not None]

    def _check_tidy(self, roles: dict[str, int], unknowns: list[int]) -> None:
        if unknowns:
            raise ProblemError(self._not_known(column) for column in unknowns)
        if "value" not in roles:
            raise fail(
                self.table.source,
                "there is no column with the measured values; call it energy or frequency. The "
                f"columns are {listed(self.header)}.",
            )
        lines = [name for name in ("upper", "lower") if name in roles]
        if len(lines) == 1:
            raise fail(
                self.table.source,
                f"there is a column {lines[0]}, but a line joins two levels; add the other column.",
            )
        if lines and "level" in roles:
            raise fail(
                self.table.source,
                "there are columns for lines (upper, lower) and for levels (level); keep one kind.",
            )

    def _wide(self, roles: dict[str, int], unknowns: list[int], units: dict[int, str]) -> Columns:
        """The columns of a table with one spectrum a line."""
        for role in roles:
            if role != "spectrum" and not role.startswith("condition "):
                raise fail(
                    self.table.source,
                    f"there is {self.table.column(roles[role])}, but no column with measured "
                    "values; call it energy or frequency.",
                )
        if not unknowns:
            raise fail(self.table.source, "there is no column with measured values.")
        values, sigmas, strange = [], {}, []
        matched = self.section.assignment == "matched"
        for column in unknowns:
            name = self.given.get(column) or self.header[column]
            other = _SIGMA_OF.fullmatch(name)
            if not matched and self.targets.has(name):
                values.append((self.targets.find(name), column))
            elif not matched and other and self.targets.has(other[1] or other[2]):
                sigmas[self.targets.find(other[1] or other[2])] = column
            else:
                strange.append(column)
        labelled = bool(values)
        if strange and not labelled and not sigmas:
            values = _in_order_or_unknown(self, strange)
        elif strange:
            raise ProblemError(self._not_known(column) for column in strange)
        for target, column in values:
            twice = [other for number, other in values if number == target != -1 and other > column]
            if twice:
                raise fail(
                    self.table.source,
                    f"{self.table.column(column)} and {self.table.column(twice[0])} are the same "
                    "level; leave one out.",
                )
        return Columns(roles, self._conditions(roles), values, sigmas, units, labelled)

    def _not_known(self, column: int) -> Fault:
        names = ["level", "energy", "sigma", "upper", "lower", "frequency", "side", "spectrum"]
        names += self.conditions
        if self.targets.width <= 64:
            names += [name for name in self.targets.names if not name.isdigit()]
        text = unknown("kind of column", self.header[column], names, "kinds of columns")
        return Fault(
            f"{self.table.source}, column {column + 1}",
            f'{text} To leave the column out, write [data] ignore = ["{self.header[column]}"].',
        )


def _in_order_or_unknown(finder: _Finder, columns: list[int]) -> list[tuple[int, int]]:
    """Columns whose names say nothing, as the targets in order if there are as many."""
    matched = finder.section.assignment == "matched"
    if not matched and len(columns) != finder.targets.width:
        raise ProblemError(finder._not_known(column) for column in columns)
    return _in_order(finder.table, columns, finder.section, finder.targets)


def _split(name: str) -> tuple[str, str]:
    """The name of a column without its unit, and the unit; "" for none.

    Example:
        >>> _split("energy (cm^-1)"), _split("E/MHz"), _split("sigma")
        (('energy', 'cm^-1'), ('E', 'MHz'), ('sigma', ''))
    """
    found = _WITH_UNIT.fullmatch(name)
    if not found:
        return name, ""
    bare = found[1] or found[4]
    return bare, (found[2] or found[3] or found[5] or "").strip()
