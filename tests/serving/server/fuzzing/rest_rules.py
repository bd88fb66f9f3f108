"""Which REST requests must be refused: a rule apart from the server, as for gRPC.

It says "malformed" only of what is wrong for sure.
"""

import json
import math
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any

_MODEL = "/v1/models/(many|toeplitz)(/versions/0*1|/labels/[^/:]+)?"
_RIGHT_PATHS = {
    "POST": re.compile(_MODEL + ":(predict|classify|regress)", re.IGNORECASE),
    "GET": re.compile(_MODEL + "(/metadata)?", re.IGNORECASE),  # a status has no use for labels
}
_FLOATS = {1, 2}
_RANGES = {3: 2**31, 4: 2**31, 9: 2**63}
_MOST_DIMENSIONS = 32


class _UnsureError(Exception):
    """A name comes twice: which value counts is not for this rule to say."""


def may_be_path(method: str, path: str) -> bool:
    """Whether method and path may be those of a right request."""
    pattern = _RIGHT_PATHS.get(method)
    return pattern is not None and pattern.fullmatch(urllib.parse.unquote(path)) is not None


def is_malformed(path: str, body: bytes, models: Mapping[str, Any]) -> bool:
    """Whether a body, for a right path, must be refused."""
    text = body.decode("utf-8", "surrogateescape").removeprefix("\ufeff").lstrip(" \t\r\n")
    decoder = json.JSONDecoder(parse_float=_finite, object_pairs_hook=_once)
    try:
        document, _ = decoder.raw_decode(text)
    except _UnsureError:
        return False
    except (ValueError, RecursionError):
        return "Inf" not in text  # which the server takes for a number
    if not isinstance(document, dict):
        return True
    parts = re.split("[/:]", path)
    signatures, method = models[parts[3]], parts[-1]
    name = document.get("signature_name") or "serving_default"
    if not isinstance(document.get("signature_name", ""), str) or name not in signatures:
        return True
    if method != "predict":
        return name != method or not _may_be_examples(document)
    return not _may_be_inputs(document, signatures[name], checked=parts[3] == "toeplitz")


def _finite(token: str) -> float:
    value = float(token)
    if math.isinf(value):
        raise ValueError(token)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise _UnsureError
    return dict(pairs)


def _is_base64(value: Any) -> bool:
    return isinstance(value, dict) and list(value) == ["b64"] and isinstance(value["b64"], str)


def _may_be_examples(document: Mapping[str, Any]) -> bool:
    """Whether each example has one number `x` with a fraction, of its own or of the context."""
    examples, context = document.get("examples"), document.get("context", {})
    if not isinstance(examples, list) or not examples or not isinstance(context, dict):
        return False
    for example in examples:
        if not isinstance(example, dict):
            return False
        x = {**context, **example}.get("x")
        if not isinstance(x[0] if isinstance(x, list) and len(x) == 1 else x, float):
            return False
    return True


def _may_be_inputs(document: Mapping[str, Any], signature: Any, checked: bool) -> bool:
    names = set(signature.inputs)
    if ("instances" in document) == ("inputs" in document):
        return False
    columns = document.get("inputs")
    if "instances" in document:
        columns = _columns(document["instances"], names)
    if not isinstance(columns, dict) or _is_base64(columns):
        columns = dict.fromkeys(names, columns) if len(names) == 1 else {}
    if not names <= set(columns):
        return False
    shapes = {name: _shape(columns[name], signature.inputs[name].dtype) for name in names}
    if any(shape is None or len(shape) > _MOST_DIMENSIONS for shape in shapes.values()):
        return False
    return not checked or _is_right(shapes, signature)


def _columns(rows: Any, names: set[str]) -> dict[str, Any] | None:
    """The values of each input; None if the rows are not of one form."""
    if not isinstance(rows, list) or not rows:
        return None
    objects = [isinstance(row, dict) and not _is_base64(row) for row in rows]
    if not any(objects):
        return dict.fromkeys(names, rows) if len(names) == 1 else None
    if not all(objects) or any(set(row) != names for row in rows):
        return None
    return {name: [row[name] for row in rows] for name in names}


def _shape(value: Any, dtype: int) -> list[int] | None:
    """The shape of regular lists whose leaves all fit the dtype; else None."""
    if not isinstance(value, list):
        return [] if _fits(value, dtype) else None
    shapes = [_shape(each, dtype) for each in value]
    if None in shapes or any(shape != shapes[0] for shape in shapes):
        return None
    return [len(value), *(shapes[0] or [] if shapes else [])]


def _fits(value: Any, dtype: int) -> bool:
    if isinstance(value, bool) or dtype == 10:
        return isinstance(value, bool) and dtype == 10
    if dtype in _FLOATS:
        return isinstance(value, (int, float))
    if dtype in _RANGES:
        return isinstance(value, int) and -_RANGES[dtype] <= value < _RANGES[dtype]
    return dtype == 7 and (isinstance(value, str) or _is_base64(value))


def _is_right(shapes: Mapping[str, Any], signature: Any) -> bool:
    """Whether the shapes are those of the signature, with the same number of rows."""
    rows = set()
    for name, shape in shapes.items():
        wanted = [dim.size for dim in signature.inputs[name].tensor_shape.dim]
        if len(shape) != len(wanted) or shape[1:] != wanted[1:]:
            return False
        rows.add(shape[0])
    return len(rows) == 1
