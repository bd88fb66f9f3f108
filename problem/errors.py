"""What is wrong with a problem file or its data, in words, with the place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from eigenfit.spelling import nearest

# As many names as a message lists.
_MOST_SHOWN = 12


class Fault(NamedTuple):
    """One thing that is wrong.

    Attributes:
        place: where: the file, the line and the column or key.
        text: what stood there, what would be right, and how to mend it.
    """

    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}" if self.place else self.text


class ProblemError(ValueError):
    """A problem file, or its data, that cannot be understood.

    Attributes:
        faults: everything that is wrong, as far as it was found.
    """

    def __init__(self, faults: Iterable[Fault]):
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))

    def __reduce__(self) -> tuple[type, tuple[tuple[Fault, ...]]]:
        return type(self), (self.faults,)


def fail(place: str, text: str) -> ProblemError:
    """An error with a single fault, to be raised."""
    return ProblemError([Fault(place, text)])


def unknown(what: str, name: object, names: Sequence[str], plural: str | None = None) -> str:
    """The message for an unknown name: the nearest right one, and all of them.

    Args:
        what: the kind of thing that has these names, such as "key".
        name: the unknown name.
        names: the right names.
        plural: of `what`; with an s when None.

    Example:
        >>> unknown("key", "titel", ["title", "data"])
        "there is no key 'titel'; did you mean 'title'? The keys are title, data."
    """
    text = f"there is no {what} {name!r}"
    near = nearest(name, names)
    if near is not None:
        text += f"; did you mean {near!r}?"
    if not names:
        return f"{text}; there are none."
    ending = " The" if near is not None else "; the"
    return f"{text}{ending} {plural or what + 's'} are {listed(names)}."


def listed(names: Sequence[str]) -> str:
    """The names with commas between them; only the first ones of many."""
    more = len(names) - _MOST_SHOWN
    return ", ".join(names[:_MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")
