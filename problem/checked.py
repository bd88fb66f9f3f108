"""A problem file checked by Pydantic; its messages with the place and the nearest right name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from .arguments import adapter_of, names_of, required_of
from .document import Document
from .errors import Fault, ProblemError, fail, unknown
from .sections import DataSection, FitSection, Parameter, ProblemFile, Section

_SECTIONS: dict[str, type[Section]] = {"data": DataSection, "fit": FitSection}
# Pydantic's words for kinds, in those of TOML.
_WORDS = {
    "Input should be a valid number": "must be a number",
    "Input should be a valid integer": "must be a whole number",
    "Input should be a valid string": "must be a text in quotes",
    "Input should be a valid boolean": "must be true or false",
    "Input should be a valid list": "must be a list, such as [1, 2]",
    "Input should be a valid array": "must be a list, such as [1, 2]",
    "Input should be a valid tuple": "must be a list, such as [1, 2]",
    "Input should be an object": "must be a table, such as { start = 1.0 }",
    "Input should be a valid dictionary": "must be a table, such as { start = 1.0 }",
}


def checked_file(document: Document) -> ProblemFile:
    """The sections of a problem file.

    Raises:
        ProblemError: for unknown keys and values of the wrong kind, all that are found.
    """
    try:
        return _validate(TypeAdapter(ProblemFile), document.values)
    except ValidationError as error:
        raise ProblemError(_faults(error, document, (), _keys_of_file)) from None


def checked_arguments(
    document: Document,
    path: tuple[str, ...],
    function: Callable[..., Any],
    given: Mapping[str, Any],
) -> dict[str, Any]:
    """The arguments of a function, from a table of a problem file.

    Args:
        document: the problem file.
        path: of the table.
        function: what is called.
        given: the table, without the keys that are no arguments.

    Raises:
        ProblemError: for unknown, missing and wrong arguments, all that are found.
    """
    try:
        return _validate(adapter_of(function), given)
    except ValidationError as error:
        keys = {"type": None} if path == ("system",) else {}

        def keys_at(place: tuple[Any, ...]) -> list[str]:
            return [*keys, *names_of(function)] if place == () else []

        faults = _faults(error, document, path, keys_at)
        missing = [name for name in required_of(function) if name not in given]
        if missing:
            text = f"needs {', '.join(missing)}"
            faults.append(Fault(document.place(*path), f"{function.__name__} {text}."))
        raise ProblemError(faults) from None


def _validate(adapter: TypeAdapter[Any], values: Any) -> Any:
    """Check by the strict rules for JSON: a list may be a tuple, and a text is no number."""
    return adapter.validate_json(json.dumps(values, default=str))


def _keys_of_file(place: tuple[Any, ...]) -> list[str]:
    """The keys of a table of the problem file."""
    if not place:
        return list(ProblemFile.model_fields)
    if place[0] == "parameters":
        return list(Parameter.model_fields)
    section = _SECTIONS.get(str(place[0]))
    return [] if section is None else list(section.model_fields)


def _faults(
    error: ValidationError,
    document: Document,
    path: tuple[str, ...],
    keys_at: Callable[[tuple[Any, ...]], Sequence[str]],
) -> list[Fault]:
    """The errors of Pydantic in words, one for each place."""
    found: dict[tuple[Any, ...], list[str]] = {}
    for one in error.errors(include_url=False):
        place = _inside(document.values, (*path, *one["loc"]))
        kind = one["type"]
        if kind == "missing":
            if not path:  # of a function all are named together
                table = ".".join(map(str, place))
                found[place] = [f"[{table}] is missing; `eigenfit init` writes an example."]
            continue
        if kind == "extra_forbidden":
            table = place[len(path) : -1]
            found[place] = [unknown("key", place[-1], keys_at(table))]
            continue
        message = one["msg"].removeprefix("Value error, ")
        for words, ours in _WORDS.items():
            message = message.replace(words, ours)
        message = message.replace("Input should be", "must be")
        if message not in found.setdefault(place, []):
            found[place].append(message)
    faults = []
    for place, messages in found.items():
        text = " or ".join(messages)
        if not text.endswith("."):
            stood = _at(document.values, place)
            shown = "" if isinstance(stood, dict) else f", got {_shown(stood)}"
            text = f"{text}{shown}."
        faults.append(Fault(document.place(*place), text))
    return faults


def _inside(values: Any, loc: Sequence[Any]) -> tuple[Any, ...]:
    """The part of Pydantic's place that is in the file; it also names the alternatives it tried."""
    place: list[Any] = []
    for part in loc:
        missing = part == loc[-1] and isinstance(values, dict) and not place  # a section
        if _has(values, part):
            values = values[part]
        elif not missing:
            continue
        place.append(part)
    return tuple(place)


def _has(values: Any, part: Any) -> bool:
    if isinstance(values, dict):
        return part in values
    return isinstance(values, list) and isinstance(part, int) and part < len(values)


def _at(values: Any, place: Sequence[Any]) -> Any:
    for part in place:
        if isinstance(values, dict):
            values = values.get(part)
        elif isinstance(values, list) and isinstance(part, int):
            values = values[part]
    return values


def _shown(value: Any) -> str:
    """A value as in TOML, cut if long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def chosen(
    document: Document, path: tuple[str, ...], name: Any, functions: Mapping[str, Any], what: str
) -> Any:
    """What a `type` of a problem file names.

    Raises:
        ProblemError: if there is no such thing.
    """
    if not isinstance(name, str):
        shown = "it is missing" if name is None else f"got {_shown(name)}"
        names = ", ".join(functions)
        raise fail(document.place(*path), f"type must be one of {names} in quotes; {shown}.")
    if name not in functions:
        raise fail(document.place(*path), unknown(what, name, list(functions)))
    return functions[name]
