"""Values by parameter name: dicts, and tables with names over their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def by_name(value: Any, names: Sequence[str]) -> Mapping[str, Any] | None:
    """The value as a mapping from names, if it is a dict, or a data frame with such columns."""
    if isinstance(value, Mapping):
        return value
    columns = list(getattr(value, "columns", ()))
    if any(isinstance(column, str) and column in names for column in columns):
        return {column: value[column] for column in columns}
    return None


def check_known(owner: str, argument: str, given: Mapping[str, Any], names: Sequence[str]) -> None:
    """Raise for a name that is no parameter."""
    unknown = [name for name in given if name not in names]
    if unknown:
        raise ValueError(
            f"{owner}: {argument}: there is no parameter {unknown[0]!r}; the parameters are "
            f"{', '.join(names)}."
        )


def check_complete(
    owner: str, argument: str, given: Mapping[str, Any], names: Sequence[str]
) -> None:
    """Raise for a name that is no parameter, and for a parameter that is missing."""
    check_known(owner, argument, given, names)
    missing = [name for name in names if name not in given]
    if missing:
        raise ValueError(
            f"{owner}: {argument}: {missing[0]!r} is missing; give all of {', '.join(names)}."
        )
