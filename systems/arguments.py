"""Checks of the arguments of systems, with messages that name the nearest right word."""

from __future__ import annotations

from collections.abc import Sequence

from eigenfit.spelling import did_you_mean


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
        f"{owner}: {argument} must be one of {listed}, got {value!r}.{did_you_mean(value, choices)}"
    )
