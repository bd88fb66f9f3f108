"""The JSON of a request, read as RapidJSON 1.1.0 reads it for `tensorflow_model_server`.

Python's json does the work: it knows NaN and Infinity and keeps 1 and 1.0 apart. What differs is
evened out here: `1e400` is an error, `Inf` is a number, text after the object is ignored, of equal
keys the first counts, and errors are worded as RapidJSON words them. One difference stays:
RapidJSON's numbers may be off by a few units in the last place, and ours are exact.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from .codes import ServingError, invalid_argument
from .json_echo import echo

# An open string reaches to the end, and nothing is tried twice: otherwise a megabyte of quotation
# marks would keep the server busy for an hour.
_STRING = r'"(?:[^"\\]|\\.?)*+"?'
_SHORT_INFINITY = re.compile(rf"({_STRING})|\bInf\b", re.DOTALL)
_BRACKET = re.compile(rf"{_STRING}|[\[\]{{}}]", re.DOTALL)
_MESSAGES = {
    "Expecting value": "Invalid value.",
    "Expecting property name enclosed in double quotes": "Missing a name for object member.",
    "Illegal trailing comma before end of object": "Missing a name for object member.",
    "Illegal trailing comma before end of array": "Invalid value.",
    "Expecting ':' delimiter": "Missing a colon after a name of object member.",
    "Unterminated string starting at": "Missing a closing quotation mark in string.",
    "Invalid control character at": "Invalid escape character in string.",
    "Invalid \\escape": "Invalid escape character in string.",
    "Invalid \\uXXXX escape": "Incorrect hex digit after \\u escape in string.",
}
_TOO_BIG = "Number too big to be stored in double."


class _TooBigError(Exception):
    """A number that a double cannot hold."""


def parse_object(body: bytes) -> dict[str, Any]:
    """The object that a request body holds.

    Args:
        body: UTF-8. Bytes that are not are kept as they are.

    Returns:
        The object: bool, int, float, str, None, lists and dicts.

    Raises:
        ServingError: INVALID_ARGUMENT if there is none.
        RecursionError: if lists or objects are too deep in each other.
    """
    if not body:
        raise invalid_argument("JSON Parse error: The document is empty")
    text = body.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    if "Inf" in text:
        text = _SHORT_INFINITY.sub(lambda match: match[1] or "Infinity", text)
    value = _decode(text)
    if not isinstance(value, dict):
        raise invalid_argument(f"JSON Value: {echo(value)} Is not object")
    return value


def _decode(text: str) -> Any:
    start = len(text) - len(text.lstrip(" \t\r\n"))
    if start == len(text):
        raise invalid_argument(f"JSON Parse error: The document is empty. at offset: {start}")
    try:
        value, _ = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        _refuse(_message(error, text), error.pos)
    except _TooBigError as error:
        _refuse(_TOO_BIG, text.find(str(error)))
    except ValueError:  # an integer with more digits than Python converts
        _refuse(_TOO_BIG, start)
    return value


def too_big() -> ServingError:
    """The error for an integer that a double cannot hold, found late."""
    return invalid_argument(f"JSON Parse error: {_TOO_BIG}")


def _refuse(message: str, offset: int) -> NoReturn:
    raise invalid_argument(f"JSON Parse error: {message} at offset: {offset}") from None


def _message(error: json.JSONDecodeError, text: str) -> str:
    if error.msg != "Expecting ',' delimiter":
        return _MESSAGES.get(error.msg, error.msg)
    open_brackets = []
    for match in _BRACKET.finditer(text, 0, error.pos):
        if match[0] in "[{":
            open_brackets.append(match[0])
        elif match[0] in "]}" and open_brackets:
            open_brackets.pop()
    if open_brackets and open_brackets[-1] == "[":
        return "Missing a comma or ] after an array element."
    return "Missing a comma or } after an object member."


def _float(token: str) -> float:
    value = float(token)
    if math.isinf(value):
        raise _TooBigError(token)
    return value


def _first_of_equal_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else dict(reversed(pairs))


_DECODER = json.JSONDecoder(parse_float=_float, object_pairs_hook=_first_of_equal_keys)
