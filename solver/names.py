"""Values by parameter name: dicts, data frames and series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def by_name(value: Any, names: Sequence[str]) -> Mapping[str, Any] | None:
    """The value as a mapping from names, if it is a dict, data frame or series; else None."""
    if isinstance(value, Mapping):
        return value
    labels = getattr(value, "columns", None)
    if labels is None:
        labels = getattr(value, "index", None)
    if labels is None or callable(labels):  # callable: list.index
        return None
    if any(isinstance(label, str) and label in names for label in labels):
        return {label: value[label] for label in labels}
    return None


def check_known(
    owner: str,
    argument: str,
    given: Mapping[str, Any],
    names: Sequence[str],
    what: str = "parameter",
) -> None:
    """Raise a ValueError for an unknown name of a parameter, or of what else has these names."""
    known = set(names)
    unknown = [name for name in given if name not in known]
    if unknown:
        raise ValueError(
            f"{owner}: {argument}: there is no {what} {unknown[0]!r}; the {what}s are "
            f"{', '.join(names)}."
        )


def by_target(
    owner: str, argument: str, value: Any, names: Sequence[str] | None
) -> Mapping[str, Any] | None:
    """The value as a mapping from names of targets, if it is by name; else None.

    Args:
        owner: the class or method named in error messages.
        argument: the argument named in error messages.
        value: of targets, weights or sigma: a dict, data frame or series, or anything else.
        names: of the targets; None if they have none. The columns of a data frame are not taken
            for names where these are mere numbers.

    Raises:
        ValueError: for an unknown name, or where targets have no names.
    """
    named = by_name(value, names or ())
    if named is None:
        return None
    is_dict = isinstance(value, Mapping)
    if names is None:
        if not is_dict:
            return None
        raise ValueError(
            f"{owner}: {argument} cannot be given by name, for the targets are assigned in the "
            "fit; pass an array with a column for each."
        )
    if not is_dict and all(name.isdigit() for name in names):
        return None
    check_known(owner, argument, named, names, "target")
    return named


def check_complete(
    owner: str,
    argument: str,
    given: Mapping[str, Any],
    names: Sequence[str],
    what: str = "parameter",
) -> None:
    """Raise a ValueError for an unknown or a missing name; see `check_known`."""
    check_known(owner, argument, given, names, what)
    missing = [name for name in names if name not in given]
    if missing:
        raise ValueError(
            f"{owner}: {argument}: {missing[0]!r} is missing; give all of {', '.join(names)}."
        )


def check_results(owner: str, names: Any, found: Sequence[str]) -> tuple[str, ...]:
    """The names of the results of a function: the given ones, or `found` for None.

    Raises:
        ValueError: for names that are not different strings, or not as many as there are results.
    """
    if names is None:
        return tuple(found)
    given = (names,) if isinstance(names, str) else tuple(names)
    if len(set(given)) != len(found) or not all(isinstance(name, str) for name in given):
        raise ValueError(
            f"{owner}: names must be {len(found)} different names, one for each value that "
            f"function returns, got {names!r}."
        )
    return given
