"""The JSON of a REST response, laid out as RapidJSON's PrettyWriter lays it out."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from .codes import invalid_argument
from .json_arrays import type_name
from .json_numbers import float_texts
from .json_request import Form

_INDENT = "    "
_INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint32", "uint64")


def predict_json(outputs: Mapping[str, np.ndarray], form: Form) -> bytes:
    """The outputs of a prediction.

    Args:
        outputs: arrays by name. A single one is written without its name.
        form: of the request.

    Returns:
        The response body.

    Raises:
        ServingError: INVALID_ARGUMENT, for row form, if an output is a scalar or the numbers of
            rows differ; for a dtype that JSON has no form for.
    """
    outputs = dict(sorted(outputs.items()))
    text = _column_form(outputs) if form is Form.COLUMNS else _row_form(outputs)
    return text.encode("utf-8", "surrogateescape")


def error_json(message: str) -> bytes:
    """The body that goes with an error."""
    quoted = json.dumps(message, ensure_ascii=False)
    # Some messages repeat what was sent, and that need not be UTF-8.
    return f'{{\n{_INDENT}"error": {quoted}\n}}'.encode("utf-8", "replace")


def single_line(texts: list[str], shape: tuple[int, ...]) -> list[str]:
    """Nested lists, one text for each entry of the first dimension; a scalar gives one."""
    for level in reversed(range(1, len(shape))):
        size, groups = shape[level], int(np.prod(shape[:level]))
        texts = [
            "[" + ", ".join(texts[size * each : size * (each + 1)]) + "]" for each in range(groups)
        ]
    return texts


def _row_form(outputs: Mapping[str, np.ndarray]) -> str:
    rows = _rows_of(outputs)
    columns = [single_line(_texts(name, array), array.shape) for name, array in outputs.items()]
    if len(outputs) == 1:
        body = ", ".join(columns[0])
    else:
        inner, outer = 3 * _INDENT, 2 * _INDENT
        keys = [f"{inner}{json.dumps(name, ensure_ascii=False)}: " for name in outputs]
        objects = (
            "{\n" + ",\n".join(map(str.__add__, keys, row)) + f"\n{outer}}}"
            for row in zip(*columns, strict=True)
        )
        body = ",\n".join(f"{outer}{each}" for each in objects)
        body = f"\n{body}" if body else ""
    end = f"\n{_INDENT}]" if rows else "]"
    return f'{{\n{_INDENT}"predictions": [{body}{end}\n}}'


def _rows_of(outputs: Mapping[str, np.ndarray]) -> int:
    rows = -1
    for name, array in outputs.items():
        if array.ndim == 0:
            raise invalid_argument(f"Tensor name: {name} has no shape information ")
        if rows >= 0 and len(array) != rows:
            raise invalid_argument(
                f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {rows}"
            )
        rows = len(array)
    return rows


def _column_form(outputs: Mapping[str, np.ndarray]) -> str:
    if len(outputs) == 1:
        ((name, array),) = outputs.items()
        return f'{{\n{_INDENT}"outputs": {_many_lines(name, array, 1)}\n}}'
    members = ",\n".join(
        f"{2 * _INDENT}{json.dumps(name, ensure_ascii=False)}: {_many_lines(name, array, 2)}"
        for name, array in outputs.items()
    )
    return f'{{\n{_INDENT}"outputs": {{\n{members}\n{_INDENT}}}\n}}'


def _many_lines(name: str, array: np.ndarray, depth: int) -> str:
    """Nested lists with one entry a line."""
    texts = _texts(name, array)
    shape = array.shape
    for level in reversed(range(len(shape))):
        size = shape[level]
        inner, outer = _INDENT * (depth + level + 1), _INDENT * (depth + level)
        groups = int(np.prod(shape[:level]))
        if size == 0:
            texts = ["[]"] * groups
            continue
        texts = [
            "[\n"
            + ",\n".join(inner + text for text in texts[size * each : size * (each + 1)])
            + f"\n{outer}]"
            for each in range(groups)
        ]
    return texts[0]


def _texts(name: str, array: np.ndarray) -> list[str]:
    """Each entry as JSON."""
    flat = np.asarray(array).ravel()
    if flat.dtype in (np.float32, np.float64):
        return float_texts(flat)
    if flat.dtype == np.bool_:
        return ["true" if each else "false" for each in flat.tolist()]
    if flat.dtype.name in _INTEGERS:
        return list(map(str, flat.tolist()))
    if flat.dtype.kind in "OS":
        return [_string(each, name.endswith("_bytes")) for each in flat.tolist()]
    dtype: Any = tf.dtypes.as_dtype(flat.dtype)
    raise invalid_argument(f"Failed to write JSON value for tensor type: {type_name(dtype)}")


def _string(value: bytes, as_base64: bool) -> str:
    if as_base64:
        text = base64.b64encode(value).decode("ascii")
        inner = f'"b64": "{text}"'
        return f"{{ {inner} }}"
    return json.dumps(value.decode("utf-8", "surrogateescape"), ensure_ascii=False)
