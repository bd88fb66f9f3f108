"""The right word for a misspelt one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

# Words are like each other from this ratio on, as in `difflib.get_close_matches`.
_LEAST = 0.6


def nearest(word: object, known: Iterable[str]) -> str | None:
    """The known word that is most like another; None if none is.

    Upper and lower case decide only between words that are equally near without them.

    Example:
        >>> nearest("b2O", ["B20", "B40"]), nearest("DeltK", ["deltaK", "DeltaK"])
        ('B20', 'DeltaK')
        >>> nearest("sigma", ["title"])
    """
    given = str(word)

    def likeness(other: str) -> tuple[float, float]:
        small = SequenceMatcher(None, other.lower(), given.lower()).ratio()
        return small, SequenceMatcher(None, other, given).ratio()

    best = max(known, key=likeness, default=None)
    return best if best is not None and likeness(best)[0] >= _LEAST else None


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """A sentence with the nearest known word, with a blank before it; "" if none is near.

    Example:
        >>> did_you_mean("Ho3", ["Ho3+", "Er3+"])
        " Did you mean 'Ho3+'?"
    """
    near = nearest(word, known)
    return "" if near is None else f" Did you mean {near!r}?"
