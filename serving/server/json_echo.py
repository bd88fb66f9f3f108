"""JSON values in error messages."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from .json_numbers import float_texts

_LONGEST = 256
_ENCODER = json.JSONEncoder(indent=4, ensure_ascii=False)


def echo(value: Any) -> str:
    """A JSON value as text, cut after 256 characters.

    Example:
        >>> echo(1.0), echo("x"), echo(None)
        ('1.0', '"x"', 'null')
    """
    if isinstance(value, float):
        return float_texts(np.array([value]))[0]
    text = ""
    for piece in _ENCODER.iterencode(value):
        text += piece
        if len(text) > _LONGEST:
            break
    return text[:_LONGEST].encode("utf-8", "replace").decode("utf-8")


def kind_of(value: Any) -> str:
    """What RapidJSON calls the type of a value.

    Example:
        >>> kind_of(True), kind_of([1]), kind_of(1.5)
        ('True', 'Array', 'Number')
    """
    if value is None or isinstance(value, bool):
        return {None: "Null", True: "True", False: "False"}[value]
    for kind, name in ((dict, "Object"), (list, "Array"), (str, "String")):
        if isinstance(value, kind):
            return name
    return "Number"
