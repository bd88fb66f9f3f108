"""A data table: text, Excel, Parquet or inline rows, as cells with the place of each line."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eigenfit.extras import need

from .cells import is_missing, is_numeric, tidied
from .dialect import SEPARATORS, find_dialect
from .errors import fail, listed
from .sections import DataSection

_COMMENT_LINE = re.compile(r"\s*(?:#|%|!|//)")
_COMMENT_TAIL = re.compile(r"\s#.*")


@dataclasses.dataclass(frozen=True)
class Table:
    """Cells by line and column; `None` for an empty one.

    Attributes:
        source: what the table is called in messages.
        header: the names of the columns; None if they have none.
        cells: a list of cells for each line, all of the same length.
        lines: where each line is, such as "line 7".
        decimal: the decimal sign of its numbers.
        digest: the SHA-256 of the file; "" for inline rows, which the problem file holds.
    """

    source: str
    header: list[str] | None
    cells: list[list[Any]]
    lines: list[str]
    decimal: str = "."
    digest: str = ""

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.cells[0])

    def place(self, line: int, column: int | None = None) -> str:
        """Where a line or a cell is, for messages."""
        where = f"{self.source}, {self.lines[line]}"
        return where if column is None else f"{where}, {self.column(column)}"

    def column(self, number: int) -> str:
        """What a column is called in messages, from its number from 0."""
        name = self.header[number] if self.header else ""
        return f"column {number + 1}" + (f" ({name})" if name else "")


def read_table(section: DataSection, folder: Path, place: str) -> Table:
    """Read the table of a problem.

    Args:
        section: `[data]` of the problem file.
        folder: where that file is.
        place: of `[data]`, for messages.

    Raises:
        ProblemError: if the table cannot be read as one.
    """
    if section.rows is not None:
        return _checked(_from_rows(section, place), section)
    name = str(section.file)
    content = _content_of(name, folder, place)
    shown = "standard input" if name == "-" else name
    if content.startswith(b"PK\x03\x04"):
        table = _from_excel(content, section, shown)
    elif content.startswith(b"PAR1"):
        table = _from_parquet(content, shown)
    elif content.startswith(b"\xd0\xcf\x11\xe0"):
        raise fail(shown, "this is an Excel file of the old form (.xls); save it as .xlsx or CSV.")
    else:
        table = _from_text(content, section, shown)
    return dataclasses.replace(_checked(table, section), digest=hashlib.sha256(content).hexdigest())


def _content_of(name: str, folder: Path, place: str) -> bytes:
    """The bytes of the file, or of standard input."""
    if name == "-":
        if sys.stdin is None or sys.stdin.isatty():
            raise fail(place, "the data are to come from standard input, which is a terminal.")
        return sys.stdin.buffer.read()
    path = folder / name
    if "\0" in name or not path.exists():
        raise fail(place, f"there is no file {name!r} in the folder of the problem file.")
    if path.is_dir():
        raise fail(place, f"{name!r} is a directory; give a file with a table.")
    try:
        return path.read_bytes()
    except OSError as error:
        raise fail(place, f"{name!r} cannot be read ({error.strerror}).") from None


def _from_text(content: bytes, section: DataSection, name: str) -> Table:
    """Read a text table with pandas, after its dialect is known."""
    text = _decoded(content, section, name)
    kept = []
    for number, line in enumerate(text.split("\n"), start=1):
        line = _without_comment(line, section.comment)
        if number > section.skip_lines and line.strip():
            kept.append((number, line))
    if not kept:
        raise fail(name, "the table has no lines; write one for each value or spectrum.")
    lines = [line for _, line in kept]
    if section.separator is not None:
        _check_separator(section.separator, name)
    try:
        separator, decimal = find_dialect(lines, section.separator, section.decimal)
    except ValueError as error:
        raise fail(name, f"{error}.") from None
    for number, line in kept:
        if line.count('"') % 2:
            raise fail(f"{name}, line {number}", f"a quote is not closed in {line.strip()!r:.80}.")
    if separator == " ":
        width = max(len(line.split()) for line in lines)
        options: dict[str, Any] = {"sep": r"\s+"}
    else:
        width = max(line.count(separator) for line in lines) + 1
        options = {"sep": separator, "skipinitialspace": separator != "\t"}
    need("problem", "pandas")
    import pandas

    try:
        frame = pandas.read_csv(
            io.StringIO("\n".join(lines)),
            header=None,
            names=range(width),
            index_col=False,
            dtype=object,
            na_filter=False,
            **options,
        )
    except (ValueError, OverflowError) as error:  # of the parser of pandas
        raise fail(name, f"the table cannot be read ({error}).") from None
    if len(frame) != len(lines):
        raise fail(name, "a cell holds several lines; write each line of the table in one line.")
    cells = [[tidied(cell) for cell in row] for row in frame.to_numpy().tolist()]
    return Table(name, None, cells, [f"line {number}" for number, _ in kept], decimal)


def _decoded(content: bytes, section: DataSection, name: str) -> str:
    """The text, with one kind of line ends and without a byte order mark."""
    encoding = section.encoding
    if encoding is None:
        utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        encoding = "utf-16" if utf16 else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except LookupError:
        raise fail(
            name,
            f'there is no encoding {encoding!r}; write for instance [data] encoding = "latin-1".',
        ) from None
    except UnicodeError as error:
        start = error.start if isinstance(error, UnicodeDecodeError) else 0
        line = content.count(b"\n", 0, start) + 1
        raise fail(
            f"{name}, line {line}",
            f"the byte 0x{content[start]:02x} is not {encoding.removesuffix('-sig')}; save the "
            'table in UTF-8, or write [data] encoding = "latin-1" if it is that.',
        ) from None
    if "\0" in text:
        raise fail(name, "this is not a text (it has zero bytes); give CSV, Excel or Parquet.")
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _without_comment(line: str, comment: str | None) -> str:
    """The line without its comment; "" for a line that is one."""
    if comment is not None:
        return line.partition(comment)[0]
    if _COMMENT_LINE.match(line):
        return ""
    return _COMMENT_TAIL.sub("", line) if '"' not in line else line


def _check_separator(separator: str, name: str) -> None:
    if (separator not in SEPARATORS and len(separator) != 1) or separator in '"\n\r':
        raise fail(
            name,
            f"separator must be one of {', '.join(SEPARATORS)}, or one sign, got {separator!r}.",
        )


def _from_excel(content: bytes, section: DataSection, name: str) -> Table:
    """Read a sheet with pandas."""
    need("problem", "pandas", "openpyxl")
    import pandas

    try:
        every = pandas.read_excel(
            io.BytesIO(content),
            sheet_name=None,
            header=None,
            dtype=object,
            keep_default_na=False,
            na_values=[""],
            engine="openpyxl",
        )
    except Exception as error:  # a damaged file raises nearly any kind
        raise fail(
            name, f"the file is not a whole Excel workbook ({type(error).__name__}: {error})."
        ) from None
    names = [str(one) for one in every]
    frames = {one: every[one] for one in _sheets(names, section.sheet, name)}
    full = {one: frame for one, frame in frames.items() if len(frame)}
    if len(full) > 1:
        raise fail(
            name, f"there are several sheets, {listed(list(full))}; write [data] sheet = ..."
        )
    if not full:
        raise fail(name, "the sheet has no lines; write one for each value or spectrum.")
    ((sheet, frame),) = full.items()
    cells = [[tidied(cell) for cell in row] for row in frame.to_numpy().tolist()]
    lines = [f"row {number}" for number in range(1, len(cells) + 1)]
    kept = [
        place
        for place, row in enumerate(cells)
        if place >= section.skip_lines
        and any(cell is not None for cell in row)
        and not (isinstance(row[0], str) and row[0].startswith(section.comment or "#"))
    ]
    if not kept:
        raise fail(name, "the sheet has no lines; write one for each value or spectrum.")
    source = name if len(names) == 1 else f"{name}, sheet {sheet}"
    decimal = section.decimal or "."
    return Table(source, None, [cells[k] for k in kept], [lines[k] for k in kept], decimal)


def _sheets(names: Sequence[str], wanted: str | int | None, name: str) -> list[str]:
    """The names of the sheets to look at."""
    if wanted is None:
        return list(names)
    if isinstance(wanted, int) and 1 <= wanted <= len(names):
        return [names[wanted - 1]]
    if wanted in names:
        return [str(wanted)]
    raise fail(name, f"there is no sheet {wanted!r}; the sheets are {listed(names)}.")


def _from_parquet(content: bytes, name: str) -> Table:
    """Read a Parquet file with pandas."""
    need("problem", "pandas", "pyarrow")
    import pandas

    try:
        frame = pandas.read_parquet(io.BytesIO(content))
    except Exception as error:  # a damaged file raises nearly any kind
        raise fail(name, f"the file is not whole Parquet ({type(error).__name__}).") from None
    if not frame.size:
        raise fail(name, "the table has no lines; write one for each value or spectrum.")
    cells = [
        [
            tidied(None if pandas.api.types.is_scalar(cell) and pandas.isna(cell) else cell)
            for cell in row
        ]
        for row in frame.astype(object).to_numpy().tolist()
    ]
    lines = [f"row {number}" for number in range(1, len(cells) + 1)]
    return Table(name, [str(column) for column in frame.columns], cells, lines)


def _from_rows(section: DataSection, place: str) -> Table:
    """The rows of the problem file."""
    rows = section.rows or []
    lines = [f"rows[{number}]" for number in range(len(rows))]
    decimal = section.decimal or "."
    if all(isinstance(row, dict) for row in rows):
        names = list(dict.fromkeys(name for row in rows for name in row))
        cells = [[tidied(row.get(name)) for name in names] for row in rows]  # pyright: ignore[reportAttributeAccessIssue]  # they are dicts
        return Table(place, names, cells, lines, decimal)
    for number, row in enumerate(rows):
        if isinstance(row, dict):
            raise fail(f"{place}.rows[{number}]", "the other rows are lists; write all the same.")
    width = max(len(row) for row in rows)
    cells = [[tidied(cell) for cell in [*row, *[None] * (width - len(row))]] for row in rows]
    return Table(place, None, cells, lines, decimal)


def _checked(table: Table, section: DataSection) -> Table:
    """The table with its header taken off, or with the one that the user gives."""
    if table.header is None and _has_header(table, section):
        names = ["" if cell is None else str(cell) for cell in table.cells[0]]
        table = dataclasses.replace(
            table, header=names, cells=table.cells[1:], lines=table.lines[1:]
        )
        if not table.cells:
            raise fail(table.source, "the table has a line with names, and none with numbers.")
    if not any(cell is not None for row in table.cells for cell in row):
        raise fail(table.source, "all cells are empty.")
    if isinstance(section.columns, list):
        table = dataclasses.replace(table, header=_named(table, section.columns))
    return table


def _named(table: Table, names: Sequence[str]) -> list[str]:
    """The header that the user gives: a name for each column, up to the last that is not empty."""
    filled = [any(row[column] is not None for row in table.cells) for column in range(table.width)]
    last = max(column for column in range(table.width) if filled[column]) + 1
    if not last <= len(names) <= table.width:
        raise fail(
            table.source,
            f"[data] columns names {len(names)} columns, but the table has {table.width}; give a "
            'name for each, "" for a column that is not read.',
        )
    return [*names, *[""] * (table.width - len(names))]


def _has_header(table: Table, section: DataSection) -> bool:
    """Whether the first line names the columns."""
    if section.header is not None:
        return section.header
    first = table.cells[0]
    numeric = [is_numeric(cell, table.decimal) for cell in first]
    names = [
        column
        for column, cell in enumerate(first)
        if isinstance(cell, str) and not is_missing(cell, section.missing) and not numeric[column]
    ]
    if not any(numeric):
        return bool(names)
    # Among names of levels, which may be numbers, one word above a column of numbers tells.
    return any(
        str(first[column])[0].isalpha() and _is_number_below(table, column) for column in names
    )


def _is_number_below(table: Table, column: int) -> bool:
    """Whether a column holds numbers below its first line, and nothing else."""
    below = [row[column] for row in table.cells[1:] if not is_missing(row[column])]
    return bool(below) and all(is_numeric(cell, table.decimal) for cell in below)
