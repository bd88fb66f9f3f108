"""How the cells of a text table are separated, and which sign is the decimal one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

#: The names of separators in a problem file and in messages.
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "blanks": " ", "bar": "|"}
# Lines that are looked at.
_MOST_LINES = 1000
_WITH_COMMA = re.compile(r"(?<![\d.,])[+-]?\d*,\d+(?:\(\d+\))?(?![\d.,])")
_WITH_POINT = re.compile(r"\d\.\d|\d\.(?!\w)|(?<!\w)\.\d")
_GROUPED = re.compile(r"(?<![\d.,])[+-]?\d{1,3},\d{3}(?![\d.,])")


class Dialect(NamedTuple):
    """How a text table is written.

    Attributes:
        separator: the sign between cells; " " for any number of blanks and tabs.
        decimal: the decimal sign, "." or ",".
    """

    separator: str
    decimal: str


def find_dialect(
    lines: Sequence[str], separator: str | None = None, decimal: str | None = None
) -> Dialect:
    """How the lines of a table are written, as far as the user does not say it.

    Tabs and semicolons are separators wherever they are. A comma is a separator, or the decimal
    sign of a table whose cells are separated by something else.

    Args:
        lines: without comments and empty lines.
        separator: a sign or a name of `SEPARATORS`; None if it is to be found.
        decimal: "." or ","; None if it is to be found.

    Raises:
        ValueError: if a comma can be either.

    Example:
        >>> find_dialect(["level;energy", "1;0,5"]), find_dialect(["0.5 12.1"])
        (Dialect(separator=';', decimal=','), Dialect(separator=' ', decimal='.'))
    """
    lines = lines[:_MOST_LINES]
    given = None if separator is None else SEPARATORS.get(separator, separator)
    if given is None:
        for sign in "\t;|":
            if any(sign in line for line in lines):
                return Dialect(sign, decimal or _decimal_of(lines, sign))
        if decimal == "," or not any("," in line for line in lines):
            return Dialect(" ", decimal or ".")
        if decimal == ".":
            return Dialect(",", ".")
        return _with_commas(lines)
    if given == ",":
        return Dialect(",", decimal or ".")
    return Dialect(given, decimal or _decimal_of(lines, given))


def _with_commas(lines: Sequence[str]) -> Dialect:
    """The dialect of a table with commas, and without tabs and semicolons."""
    if any(_WITH_POINT.search(line) for line in lines):
        return Dialect(",", ".")
    # Every comma must stand between digits to be a decimal sign.
    rest = [_WITH_COMMA.sub("", line) for line in lines]
    if any("," in line for line in rest):
        return Dialect(",", ".")
    widths = {len(line.split()) for line in lines}
    if max(widths) > 1:
        return Dialect(" ", ",")
    heads = [line for line in lines if "," not in line]
    if heads and not _WITH_COMMA.search(lines[0]) and len(heads) == 1:
        return Dialect(" ", ",")  # a column with a name
    raise ValueError(
        f"the comma in {next(line for line in lines if ',' in line).strip()!r} can be a separator "
        'or the decimal sign; write [data] separator = "comma" or decimal = ","'
    )


def _decimal_of(lines: Sequence[str], separator: str) -> str:
    """The decimal sign of a table whose separator is known and is no comma."""
    if any(_WITH_POINT.search(line) for line in lines):
        return "."
    commas = [found for line in lines for found in _WITH_COMMA.findall(line)]
    if not commas:
        return "."
    if separator != ";" and all(_GROUPED.fullmatch(found) for found in commas):
        raise ValueError(
            f"the comma in {commas[0]!r} can be the decimal sign or stand between groups of "
            'digits; write [data] decimal = "," or decimal = "."'
        )
    return ","
