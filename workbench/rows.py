"""The data of a problem as rows, which the page shows, and as the text of a table.

A value that is left out stands in a saved table as a comment, `# left out: 4, 48.4, 0.1`, with the
columns of the others. So it is neither lost nor fitted. On the workbench it is a value like the
others, so that the model keeps its targets, and the page does not send it.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..problem import Problem
from ..problem.targets import Targets
from ..solver import Comparison, Matched, Transitions

_LEFT_OUT = "# left out: "
_SIDES = {1: ">", -1: "<", 0: ""}


@dataclasses.dataclass(frozen=True)
class Row:
    """A measured value.

    Attributes:
        spectrum: the number of its spectrum.
        target: the number of its target; None if it has none yet.
        labels: what it is of: (level,), (upper, lower), or () if that is found in the fit.
        at: the numbers of its condition.
        value: NaN if it was not measured.
        sigma: its standard error; NaN if not known.
        side: 1 or -1 for a limit, else 0.
        out: whether it is left out of the fit.
    """

    spectrum: int
    target: int | None
    labels: tuple[str, ...]
    at: tuple[float, ...]
    value: float
    sigma: float
    side: int = 0
    out: bool = False


class Labels:
    """What the targets of a problem are called in its table.

    Attributes:
        columns: the names of the columns: level; upper and lower; or none.
        targets: the targets at one condition.
        choices: all labels that may stand in these columns.
    """

    def __init__(self, problem: Problem):
        self.targets = Targets(problem.structure, problem.observation)
        self._counts = counts = self.targets.counts
        matched = problem.observation
        self._numbers = None
        if isinstance(matched, Matched):
            each = matched.counts
            if isinstance(each, dict):
                each = [each.get(name, 0) for name in counts.members or ()]
            self._numbers = np.cumsum(each)
        between = isinstance(problem.observation, Transitions)
        self._lines = between and isinstance(self.targets.map, Comparison)
        self.columns: tuple[str, ...] = ("level",)
        self.choices: list[str] = list(self.targets.names)
        if self._lines:
            self.columns = ("upper", "lower")
            self.choices = [counts.label(number) for number in range(sum(counts))]
        elif self._numbers is not None:
            self.columns = () if len(counts) == 1 else ("level",)
            self.choices = [_member(counts, number) for number in range(len(counts))]

    @property
    def are_lines(self) -> bool:
        """Whether a target is a line between two levels."""
        return self._lines

    @property
    def reassignable(self) -> bool:
        """Whether a value says which level or line it is of."""
        return self._numbers is None

    def of(self, target: int) -> tuple[str, ...]:
        """The labels of a target at one condition."""
        if self._lines:
            pair = self.targets.map.upper[target], self.targets.map.lower[target]
            return tuple(self._counts.label(int(level)) for level in pair)
        if self._numbers is not None:
            member = int(np.searchsorted(self._numbers, target, side="right"))
            return (_member(self._counts, member),) if self.columns else ()
        return (self.targets.names[target],)


def _member(counts: Any, number: int) -> str:
    return counts.members[number] if counts.members else str(number)


def rows_of(problem: Problem, out: Sequence[Row] = ()) -> list[Row]:
    """The rows of a problem.

    Args:
        problem: the problem.
        out: rows that are left out, among those of the problem.
    """
    labels, data = Labels(problem), problem.data
    width = labels.targets.width
    left_out = {_key(row) for row in out}
    found = []
    for spectrum, column in np.ndindex(*data.targets.shape):
        value = float(data.targets[spectrum, column])
        # Of lines also those are kept that were not measured: they are in the table.
        if math.isnan(value) and not (spectrum == 0 and labels.are_lines):
            continue
        at = ()
        if data.conditions is not None:
            at = tuple(map(float, data.conditions[spectrum, column // width]))
        row = Row(
            spectrum,
            column,
            labels.of(column % width),
            at,
            value,
            math.nan if data.sigma is None else float(data.sigma[spectrum, column]),
            0 if data.sides is None else int(data.sides[spectrum, column]),
        )
        found.append(dataclasses.replace(row, out=_key(row) in left_out))
    return found


def _place(row: Row) -> tuple[Any, ...]:
    """What a row is of."""
    return row.spectrum, row.at, row.labels


def _key(row: Row) -> tuple[Any, ...]:
    """A row, also among those of the same line; a table may round its value."""
    return *_place(row), f"{row.value:.10g}"


def with_left_out(problem: Problem, text: str) -> list[Row]:
    """The rows of a problem and those that its table holds as comments.

    Args:
        problem: the problem.
        text: of its table.
    """
    rows, labels = rows_of(problem), Labels(problem)
    measured = {_place(row) for row in rows if not is_empty(row)}
    # A level has one value, and one that was measured again replaces that of the comment.
    once = bool(labels.columns) and labels.reassignable and not labels.are_lines
    out = [
        row for row in _left_out(problem, labels, text) if not (once and _place(row) in measured)
    ]
    there = {_place(row) for row in out}
    rows = [row for row in rows if not (is_empty(row) and _place(row) in there)]
    return in_order(problem, [*rows, *out])


def in_order(problem: Problem, rows: Sequence[Row]) -> list[Row]:
    """The rows in an order that does not depend on how they were changed.

    The lines of a table are the targets of the model, in their order.
    """
    if not Labels(problem).are_lines:
        return list(rows)
    return sorted(rows, key=lambda row: (row.spectrum, is_empty(row), row.labels))


def is_empty(row: Row) -> bool:
    """Whether nothing was measured."""
    return math.isnan(row.value)


def header_of(problem: Problem) -> list[str]:
    """The columns of the table of these rows."""
    data, names = problem.data, []
    if len(data.spectra) > 1:
        names.append("spectrum")
    names += problem.structure.condition_names if data.conditions is not None else ()
    names += Labels(problem).columns
    unit = (
        f" ({data.unit})" if data.unit and not problem.document.values["data"].get("unit") else ""
    )
    names.append(f"energy{unit}")
    return [*names, "sigma", "side"]


def text_of(problem: Problem, rows: Sequence[Row], saved: bool = False) -> str:
    """The table of these rows, as comma-separated values.

    Args:
        problem: to which they belong.
        rows: the rows.
        saved: whether those that are left out become comments.
    """
    stream = io.StringIO()
    write = csv.writer(stream, lineterminator="\n").writerow
    header = header_of(problem)
    with_sigma = any(not math.isnan(row.sigma) for row in rows)
    with_side = any(row.side for row in rows)
    dropped = {name for name, wanted in (("sigma", with_sigma), ("side", with_side)) if not wanted}
    write([name for name in header if name not in dropped])
    # Values are written in the unit of the table, which [data] names or the header does.
    factor = problem.data.factor if problem.document.values["data"].get("unit") else 1.0
    for row in rows:
        cells: list[str] = []
        if "spectrum" in header:
            cells.append(problem.data.spectra[row.spectrum])
        cells += [repr(number) for number in row.at]
        cells += row.labels
        start = list(cells)
        cells.append(_number(row.value / factor))
        cells += [_number(row.sigma / factor)] if with_sigma else []
        cells += [_SIDES[row.side]] if with_side else []
        if row.out and saved:
            stream.write(_LEFT_OUT)
        write(cells)
        if row.out and saved and len(row.labels) == 2:
            # A line that was not measured is predicted.
            write([*start, *[""] * (len(cells) - len(start))])
    return stream.getvalue()


def _number(value: float) -> str:
    """A number without needless digits: those of a factor between units are rounded away."""
    if math.isnan(value):
        return ""
    short = float(f"{value:.12g}")
    return f"{value:.12g}" if math.isclose(short, value, rel_tol=1e-14) else repr(value)


def _left_out(problem: Problem, labels: Labels, text: str) -> Iterator[Row]:
    """The rows that stand in the table as comments."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not any(line.startswith(_LEFT_OUT) for line in lines):
        return
    plain = [line for line in lines if not line.lstrip().startswith("#")]
    header = [name.split(" (")[0] for name in next(csv.reader(plain[:1]), [])]
    factor = problem.data.factor
    for line in lines:
        if not line.startswith(_LEFT_OUT):
            continue
        cells = next(csv.reader([line.removeprefix(_LEFT_OUT)], skipinitialspace=True))
        named = dict(zip(header, cells, strict=False))
        try:
            spectra = problem.data.spectra
            spectrum = spectra.index(named["spectrum"]) if "spectrum" in named else 0
            at = tuple(float(named[name]) for name in problem.structure.condition_names)
            value = float(named["energy"]) * factor
            sigma = float(named["sigma"]) * factor if named.get("sigma") else math.nan
            what = tuple(named[name] for name in labels.columns)
        except (KeyError, ValueError):
            continue  # a comment that somebody wrote
        side = {">": 1, "<": -1}.get(named.get("side", ""), 0)
        yield Row(spectrum, None, what, at, value, sigma, side, out=True)


def rows_from(given: Any, spectra: int) -> list[Row]:
    """The rows that the page sends.

    Args:
        given: as JSON gives them.
        spectra: how many there are.

    Raises:
        ValueError: for anything else.
    """
    if not isinstance(given, list):
        raise ValueError(f"rows must be a list, got {given!r:.200}.")
    rows = []
    for number, one in enumerate(given):
        try:
            row = Row(
                int(one["spectrum"]),
                None if one["target"] is None else int(one["target"]),
                tuple(map(str, one["labels"])),
                tuple(map(float, one["at"])),
                math.nan if one["value"] is None else float(one["value"]),
                math.nan if one["sigma"] is None else float(one["sigma"]),
                int(one["side"]),
                bool(one["out"]),
            )
            if not 0 <= row.spectrum < spectra or row.side not in _SIDES:
                raise ValueError(f"spectra are 0 to {spectra - 1}, sides -1, 0 and 1")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ValueError(
                f"rows[{number}] must have spectrum, target, labels, at, value, sigma, side and "
                f"out, as the page gets them; got {one!r:.200} ({error})."
            ) from None
        rows.append(row)
    return rows
