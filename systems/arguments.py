"""Checks of the arguments of systems, with messages that name the nearest right word."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


def check_choice(owner: str, argument: str, value: object, choices: Sequence[str]) -> str:
    """One of several words.

    Args:
        owner: the system named in the message.
        argument: the argument named in the message.
        value: what was given.
        choices: the words that are right.

    Returns:
        The word.

    Raises:
        ValueError: for anything else.
    """
    if isinstance(value, str) and value in choices:
        return value
    listed = ", ".join(repr(choice) for choice in choices)
    raise ValueError(
        f"{owner}: {argument} must be one of {listed}, got {value!r}.{hint(value, choices)}"
    )


def hint(value: object, known: Iterable[str]) -> str:
    """` Did you mean ...?` if a known word is near, else nothing."""
    words = list(known)
    near = difflib.get_close_matches(str(value), words, n=1)
    if not near:  # upper and lower case matter, but people forget which
        small = {word.casefold(): word for word in words}
        near = [small[key] for key in difflib.get_close_matches(str(value).casefold(), small, n=1)]
    return f" Did you mean {near[0]!r}?" if near else ""
