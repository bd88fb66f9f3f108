"""Numbers and lists in sentences."""

from __future__ import annotations

from collections.abc import Sequence


def listed(parts: Sequence[str], most: int = 12) -> str:
    """The parts with commas between them; only the first ones of many.

    Example:
        >>> listed(["a", "b", "c"], most=2)
        'a, b and 1 more'
    """
    more = len(parts) - most
    return ", ".join(parts[:most]) + (f" and {more} more" if more > 0 else "")


def counted(count: int, what: str) -> str:
    """The number with the noun in singular or plural.

    Example:
        >>> counted(1, "row"), counted(2, "row")
        ('1 row', '2 rows')
    """
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
