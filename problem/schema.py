"""The JSON schema of problem files, and the systems with their arguments in words."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

from eigenfit.extras import need

from .errors import fail, unknown

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The JSON schema of problem files: keys, kinds and descriptions, for every system."""
    need("problem", "pydantic")
    from .arguments import PlainSchema
    from .problem import METHODS
    from .sections import ProblemFile

    schema = ProblemFile.model_json_schema(schema_generator=PlainSchema)
    definitions = schema.setdefault("$defs", {})
    kinds = {name: _table(name, function, definitions) for name, function in _systems().items()}
    kinds["python"] = {
        "description": "A function of a Python file; needs --allow-python.",
        "type": "object",
        "properties": {
            "type": {"const": "python"},
            "file": {"type": "string", "description": "The file."},
            "function": {
                "type": "string",
                "description": "A function in it that returns a Parameterization.",
            },
            "arguments": {"type": "object", "description": "What it is called with."},
        },
        "required": ["type", "file", "function"],
        "additionalProperties": False,
    }
    described = schema["properties"]["system"]["description"]
    schema["properties"]["system"] = {"description": described, "oneOf": list(kinds.values())}
    methods = [_table(name, kind, definitions) for name, kind in METHODS.items()]
    method = definitions["FitSection"]["properties"]["method"]
    method["anyOf"] = [{"enum": list(METHODS)}, *methods]
    method.pop("default", None)
    return {"$schema": _DIALECT, **schema}


def _table(name: str, function: Callable[..., Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of the table that calls a function: its arguments, and `type`."""
    from .arguments import PlainSchema, adapter_of

    found = adapter_of(function).json_schema(schema_generator=PlainSchema)
    definitions.update(found.pop("$defs", {}))
    found.pop("title", None)
    found["properties"] = {"type": {"const": name}, **found.get("properties", {})}
    found["required"] = ["type", *found.get("required", [])]
    return found


def list_of_systems() -> str:
    """The systems, each with its first line."""
    from .arguments import summary_of

    known = {name: summary_of(function) for name, function in _systems().items()}
    known["python"] = "A function of a Python file, which returns a Parameterization."
    width = max(map(len, known))
    return "\n".join(f"{name:<{width}}  {text}" for name, text in known.items())


def arguments_of_system(name: str) -> str:
    """The arguments of a system, each with its description.

    Raises:
        ProblemError: if there is no such system.
    """
    need("problem", "pydantic")
    from .arguments import adapter_of, descriptions, names_of, required_of, summary_of

    known = _systems()
    if name not in known:
        raise fail("", unknown("system", name, list(known)))
    function = known[name]
    adapter_of(function)  # its arguments can be checked
    texts, needed = descriptions(function), required_of(function)
    lines = [f"{name}: {summary_of(function)}", ""]
    for argument in names_of(function):
        note = " (needed)" if argument in needed else ""
        text = f"{argument}{note}: {texts.get(argument, '')}"
        lines += textwrap.wrap(text, 96, initial_indent="  ", subsequent_indent="      ")
    return "\n".join(lines)


def _systems() -> dict[str, Callable[..., Any]]:
    from ..systems import SYSTEMS

    return SYSTEMS
