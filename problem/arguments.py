"""The arguments of a function as a Pydantic model: a table of a problem file becomes a call."""

from __future__ import annotations

import functools
import inspect
import re
import typing
from collections.abc import Callable
from typing import Annotated, Any, NotRequired, Required

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import PydanticOmit
from typing_extensions import TypedDict  # Pydantic needs this one before Python 3.12

# `name: text` of an "Args:" section, after its indentation.
_ARGUMENT = re.compile(r"(\w+)(?: \([^)]*\))?:\s*(.*)")


@functools.cache
def adapter_of(function: Callable[..., Any]) -> TypeAdapter[dict[str, Any]]:
    """Check and describe the arguments of a function, from its annotations and its docstring.

    Args:
        function: a function, or a class, whose arguments can be given by name.

    Returns:
        An adapter of dicts with these arguments and no others. Arguments left out stay so.
    """
    texts = descriptions(function)
    hints = _hints(function)
    fields: dict[str, Any] = {}
    for parameter in _parameters(function):
        extra: dict[str, Any] = {}
        if parameter.default not in (parameter.empty, None):
            extra["default"] = _plain(parameter.default)
        field = Field(
            description=texts.get(parameter.name) or None, json_schema_extra=extra or None
        )
        kind = Annotated[_usable(hints.get(parameter.name, Any)), field]
        needed = parameter.default is parameter.empty
        fields[parameter.name] = Required[kind] if needed else NotRequired[kind]
    made: Any = TypedDict(function.__name__, fields)  # pyright: ignore[reportArgumentType]  # made at run time
    made.__pydantic_config__ = _CONFIG
    made.__doc__ = summary_of(function)
    return TypeAdapter(made)


_CONFIG = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True)


def names_of(function: Callable[..., Any]) -> list[str]:
    """The names of the arguments."""
    return [parameter.name for parameter in _parameters(function)]


def required_of(function: Callable[..., Any]) -> list[str]:
    """The names of the arguments without a default."""
    return [one.name for one in _parameters(function) if one.default is one.empty]


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The arguments that can be given by name."""
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    every = inspect.signature(function).parameters.values()
    return [one for one in every if one.kind in by_name and not one.name.startswith("_")]


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations; none if they cannot be evaluated."""
    target = function.__init__ if inspect.isclass(function) else function
    try:
        return typing.get_type_hints(target, include_extras=True)
    except (NameError, TypeError, AttributeError):  # names imported for type checkers only
        return {}


def _usable(kind: Any) -> Any:
    """The type if Pydantic can check it, else Any."""
    for config in (_CONFIG, None):  # a type with a configuration of its own takes none
        try:
            TypeAdapter(kind, config=config)
        except Exception:  # Pydantic raises several kinds for types that it does not know
            continue
        return kind
    return Any


def _plain(value: Any) -> Any:
    """A default as plain data."""
    if isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value)


def summary_of(function: Callable[..., Any]) -> str:
    """The first line of the docstring."""
    text = inspect.getdoc(function) or ""
    return " ".join(text.split("\n\n")[0].split())


def descriptions(function: Callable[..., Any]) -> dict[str, str]:
    """What the section "Args" of a Google docstring says of each argument.

    Example:
        >>> def scale(factor: float):
        ...     '''Scale.
        ...
        ...     Args:
        ...         factor: by what to
        ...             multiply.
        ...     '''
        >>> descriptions(scale)
        {'factor': 'by what to multiply.'}
    """
    texts = [inspect.getdoc(function) or ""]
    if inspect.isclass(function):
        texts.append(inspect.getdoc(function.__init__) or "")
    found: dict[str, str] = {}
    for text in texts:
        lines = iter(text.split("\n"))
        for line in lines:
            if line.strip() == "Args:":
                break
        name, depth = "", None
        for line in lines:
            if not line.strip():
                continue
            indent = len(line) - len(line.lstrip())
            depth = indent if depth is None else depth
            if not indent or indent < depth:
                break
            entry = _ARGUMENT.fullmatch(line.strip())
            if entry and indent == depth:
                name = entry[1]
                found[name] = entry[2]
            elif name:
                found[name] += f" {line.strip()}"
    return {name: text.strip() for name, text in found.items()}


class PlainSchema(GenerateJsonSchema):
    """The JSON schema of what can stand in a file: types that cannot are left out."""

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> Any:
        """Leave out an alternative that is no plain data."""
        raise PydanticOmit
