"""Values by parameter name: dicts, and tables with names over their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def by_name(value: Any, names: Sequence[str]) -> Mapping[str, Any] | None:
    """The value as a mapping from names: a dict, or a data frame or series with such labels."""
    if isinstance(value, Mapping):
        return value
    labels = getattr(value, "columns", None)
    if labels is None:
        labels = getattr(value, "index", None)
    if labels is None or callable(labels):  # as of a list
        return None
    if any(isinstance(label, str) and label in names for label in labels):
        return {label: value[label] for label in labels}
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
