"""Nested JSON lists to arrays, with the rules and the errors of `tensorflow_model_server`."""

from __future__ import annotations

import base64
import binascii
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from .codes import Code, ServingError, invalid_argument
from .json_echo import echo, kind_of
from .json_parse import too_big
from .tensors import check_rank

_INT32 = (-(2**31), 2**31 - 1)
# The narrower integers are read as int32 and then wrap around.
_RANGES = {
    **dict.fromkeys(("int32", "int16", "int8", "uint8"), _INT32),
    "int64": (-(2**63), 2**63 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
}
_NAMES = {"float32": "float", "float64": "double", "float16": "half"}
_FLOATS = ("float32", "float64")


def type_name(dtype: tf.DType) -> str:
    """What TensorFlow's C++ calls a dtype: `double`, not `float64`."""
    return _NAMES.get(dtype.name, dtype.name)


def shape_of(value: Any) -> list[int]:
    """The shape, judged by the first elements only.

    Example:
        >>> shape_of([[1, 2], [3]])
        [2, 2]
    """
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        if not value:
            break
        value = value[0]
    return shape


def array_of(value: Any, dtype: tf.DType) -> np.ndarray:
    """A JSON value as an array.

    Args:
        value: a scalar or nested lists.
        dtype: of the input.

    Returns:
        The array; strings as an object array of bytes.

    Raises:
        ServingError: INVALID_ARGUMENT for ragged lists or values of the wrong type;
            UNIMPLEMENTED for a dtype that JSON has no form for.
    """
    regular = flatten(value)
    if regular is not None:
        shape, flat = regular
        if _all_fit(flat, dtype):
            return build(flat, shape, dtype)
    shape = shape_of(value)
    flat = []
    fill(value, 0, shape, dtype, flat)
    return build(flat, shape, dtype)


def flatten(value: Any) -> tuple[list[int], list[Any]] | None:
    """The shape and the leaves of regular nested lists, fast; None if they are ragged."""
    shape: list[int] = []
    level = [value]
    while level and type(level[0]) is list:
        if set(map(type, level)) != {list} or len(set(map(len, level))) != 1:
            return None
        shape.append(len(level[0]))
        level = list(itertools.chain.from_iterable(level))
    return (shape, level) if list not in set(map(type, level)) else None


def _all_fit(flat: Sequence[Any], dtype: tf.DType) -> bool:
    """Whether all leaves are plain values of the right type."""
    kinds = set(map(type, flat))
    name = dtype.name
    if name in _FLOATS:
        return kinds <= {int, float}
    if name in _RANGES:
        low, high = _RANGES[name]
        return kinds <= {int} and (not flat or (min(flat) >= low and max(flat) <= high))
    return kinds <= {{"bool": bool, "string": str}.get(name)}


def fill(value: Any, level: int, shape: Sequence[int], dtype: tf.DType, flat: list[Any]) -> None:
    """Append the leaves of nested lists, one by one, to find what is wrong with them.

    Raises:
        ServingError: see `array_of`.
    """
    if not isinstance(value, list):
        if level != len(shape):
            raise invalid_argument(
                f"JSON Value: {echo(value)} found at incorrect level: {level + 1} in the JSON "
                f"DOM. Expected at level: {len(shape)}"
            )
        flat.append(_leaf(value, dtype))
        return
    if level >= len(shape):
        raise invalid_argument(
            f"Encountered list at unexpected level: {level} expected < {len(shape)}"
        )
    if len(value) != shape[level]:
        raise invalid_argument(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected "
            f"size: {shape[level]}"
        )
    for each in value:
        fill(each, level + 1, shape, dtype, flat)


def build(flat: Sequence[Any], shape: Sequence[int], dtype: tf.DType) -> np.ndarray:
    """The array from checked leaves.

    Raises:
        ServingError: INVALID_ARGUMENT for a number that a double cannot hold, or too many levels.
    """
    check_rank("a JSON value", len(shape))
    try:
        if dtype.name == "string":
            leaves = [each if isinstance(each, bytes) else string_bytes(each) for each in flat]
            array = np.empty(len(leaves), object)
            array[:] = leaves
        elif dtype.name in _FLOATS:
            with np.errstate(over="ignore"):  # too large for float32 is infinite
                array = np.array(flat, np.float64).astype(dtype.as_numpy_dtype)
        elif dtype.name in _RANGES:
            wide = np.uint64 if dtype.name == "uint64" else np.int64
            array = np.array(flat, wide).astype(dtype.as_numpy_dtype)
        else:
            array = np.array(flat, dtype.as_numpy_dtype)
        return array.reshape(shape)
    except OverflowError:
        raise too_big() from None
    except ValueError as error:
        raise invalid_argument(f"tensor parsing error: {error}") from None


def string_bytes(text: str) -> bytes:
    """The bytes that a JSON string stood for."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a surrogate pair
        return text.encode("utf-8", "surrogatepass")


def is_base64(value: Any) -> bool:
    """Whether a value is `{"b64": "..."}`."""
    return isinstance(value, dict) and list(value) == ["b64"] and isinstance(value["b64"], str)


def decode_base64(value: Any) -> bytes:
    """The bytes of `{"b64": "..."}`; padding may be missing.

    Raises:
        ServingError: INVALID_ARGUMENT for anything else.
    """
    if not is_base64(value):
        raise invalid_argument(f"JSON Value: {echo(value)} not formatted correctly for base64 data")
    text = "".join(value["b64"].split()).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise invalid_argument("Unable to base64 decode") from None


def _leaf(value: Any, dtype: tf.DType) -> Any:
    if isinstance(value, dict):
        if dtype.name == "string":
            return decode_base64(value)
        raise _type_error(value, dtype)
    if dtype.name not in (*_FLOATS, *_RANGES, "bool", "string"):
        raise ServingError(
            Code.UNIMPLEMENTED,
            f"Conversion of JSON Value: {echo(value)} to type: {type_name(dtype)}",
        )
    if not _all_fit([value], dtype):
        raise _type_error(value, dtype)
    if dtype.name in _FLOATS and isinstance(value, int):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    return value


def _type_error(value: Any, dtype: tf.DType) -> ServingError:
    return invalid_argument(
        f"JSON Value: {echo(value)} Type: {kind_of(value)} is not of expected type: "
        f"{type_name(dtype)}"
    )
