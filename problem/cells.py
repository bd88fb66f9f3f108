"""One cell of a data table: a number with its uncertainty and side, or nothing."""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Collection
from typing import Any, NamedTuple

#: What stands where nothing was measured; in any case, with spaces around it.
MISSING = frozenset(
    ["", "na", "n/a", "#n/a", "nan", "null", "none", "-", "--", "---", "–", "—", "...", "…", "?"]
)

# All the signs that look like a minus, and the spaces that group digits or pad a cell.
_AS_MINUS = str.maketrans(dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\uff0d\ufe63", "-"))
_SPACES = str.maketrans(dict.fromkeys("\u00a0\u2007\u2009\u202f\ufeff\u200b", " "))
# Of a number; longer texts are none.
_LONGEST = 80
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_ERROR = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_VALUE = re.compile(
    rf"(?P<side>[<>])?\s*(?P<digits>{_NUMBER})"
    rf"\s*(?:\((?P<last>\d+\.?\d*)\)|(?:±|\+/-|\+-)\s*(?P<error>{_ERROR}))?"
    r"(?:[eEdD](?P<power>[+-]?\d+))?"
    rf"(?:\s*(?:±|\+/-|\+-)\s*(?P<late>{_ERROR}))?",
    re.ASCII,
)


class Value(NamedTuple):
    """A measured number.

    Attributes:
        number: the value; NaN where nothing was measured.
        sigma: its standard error; NaN where none stood with it.
        side: 1 for `> 5`, something above 5; -1 for `< 5`; 0 for a value.
    """

    number: float
    sigma: float = math.nan
    side: int = 0


def tidied(cell: Any) -> Any:
    """A cell as it is compared and shown: a text without spaces around it, None for nothing."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if not isinstance(cell, str):
        return cell
    text = cell.translate(_SPACES).strip()
    return text or None


def is_missing(cell: Any, more: Collection[str] = ()) -> bool:
    """Whether a cell says that nothing was measured.

    Args:
        cell: what `tidied` returned.
        more: other texts that mean so.
    """
    if cell is None:
        return True
    return isinstance(cell, str) and (cell.lower() in MISSING or cell in more)


def is_numeric(cell: Any, decimal: str = ".") -> bool:
    """Whether a cell can be read by `read_value`."""
    try:
        return not math.isnan(read_value(cell, decimal).number)
    except ValueError:
        return False


def read_value(cell: Any, decimal: str = ".") -> Value:
    """Read a number, `12.1(3)` or `12.1 ± 0.3` with its standard error, `> 5` as a limit.

    Args:
        cell: what `tidied` returned.
        decimal: the decimal sign, "." or ",".

    Raises:
        ValueError: for anything else, with what would be right.

    Example:
        >>> read_value("12.1(3)"), read_value("−0,5(15)", ",").sigma, read_value("< 3").side
        (Value(number=12.1, sigma=0.3, side=0), 1.5, -1)
    """
    if isinstance(cell, bool):
        raise ValueError(f"{cell} is not a number")
    if isinstance(cell, numbers.Real):
        number = float(cell)
        if math.isinf(number):
            raise ValueError("the number is infinite; leave the cell empty if nothing was measured")
        return Value(number)
    if not isinstance(cell, str):
        kind = type(cell).__name__
        raise ValueError(f"{cell!s} is a {kind}, not a number; format the cell as a number")
    if len(cell) > _LONGEST:
        raise ValueError(f"{cell[:_LONGEST]!r}... is not a number")
    text = cell.translate(_AS_MINUS)
    other = "," if decimal == "." else "."
    found = _VALUE.fullmatch(text.replace(",", ".") if decimal == "," else text)
    if other in text or not found or (found["error"] and found["late"]):
        raise ValueError(_why_not(cell, text, decimal))
    digits, power = found["digits"], int(found["power"] or 0)
    number = _scaled(digits, power)
    sigma = math.nan
    if found["last"]:
        # `12.1(3)`: in units of the last digit; `12.1(0.3)`: in the unit of the number.
        decimals = 0 if "." in found["last"] else len(digits.partition(".")[2])
        sigma = _scaled(found["last"], power - decimals)
    for part in ("error", "late"):
        if found[part]:
            sigma = float(found[part])
    if math.isinf(number):
        raise ValueError(f"{cell!r} is too large for a number")
    side = {">": 1, "<": -1, None: 0}[found["side"]]
    return Value(number, sigma, side)


def _scaled(digits: str, power: int) -> float:
    """The digits times a power of ten, rounded once."""
    return float(f"{digits}e{power}")


def _why_not(cell: str, text: str, decimal: str) -> str:
    """Why a text is no number, and what would be right."""
    if re.fullmatch(r"[<>]?\s*[+-]?(\d+[.,])*\d+([.,]\d+)?(\(\d+\))?", text, re.A):
        signs = {sign for sign in ".," if sign in text}
        if len(signs) == 2 or text.count(".") > 1 or text.count(",") > 1:
            return (
                f"{cell!r} is not a number: write it without signs between groups of digits, "
                f"with {decimal!r} as the decimal sign"
            )
        if signs:
            return (
                f"{cell!r} is not a number, for the decimal sign of this file is {decimal!r}; "
                f'write [data] decimal = "{signs.pop()}" if it is the other one'
            )
    if text.lower().lstrip("+-") in ("inf", "infinity"):
        return "the number is infinite; leave the cell empty if nothing was measured"
    return (
        f"{cell!r} is not a number; write a number such as 12.1 or 12.1(3), or leave the cell "
        "empty if nothing was measured"
    )
