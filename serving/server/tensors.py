"""Arrays as TensorProtos with typed fields, and back.

Not `tf.make_tensor_proto`, which writes `tensor_content`: TensorFlow Serving does not send it, and
many clients do not read it. Not `tf.make_ndarray`, which fills a tensor without values with zeros.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from .errors import fault, invalid

# TensorFlow's conversion of a string tensor with more dimensions to NumPy crashes the process.
MOST_DIMENSIONS = 32
# A short list of values is filled up, so 20 bytes could request terabytes; this is the limit.
_MOST_FILLED = 2**20


class _Type(NamedTuple):
    number: int  # of the DataType
    field: str
    dtype: np.dtype
    stored: np.dtype  # of the numbers in the field: a complex number is two of them


_FIELDS = {
    "float32": "float_val",
    "float64": "double_val",
    "bool": "bool_val",
    "string": "string_val",
    **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16"), "int_val"),
    **{name: f"{name}_val" for name in ("int64", "uint32", "uint64")},
    "complex64": "scomplex_val",
    "complex128": "dcomplex_val",
    **dict.fromkeys(("float16", "bfloat16"), "half_val"),
}
_STORED = {
    "half_val": np.uint16,
    "scomplex_val": np.float32,
    "dcomplex_val": np.float64,
}


def _type(name: str, field: str) -> _Type:
    known: Any = tf.dtypes.as_dtype(name)
    dtype = np.dtype(known.as_numpy_dtype)
    return _Type(known.as_datatype_enum, field, dtype, np.dtype(_STORED.get(field, dtype)))


_TYPES = [_type(name, field) for name, field in _FIELDS.items()]
_BY_NUMBER = {each.number: each for each in _TYPES}
# Not by name: NumPy takes longer to name a dtype than all else takes for a small tensor.
_BY_DTYPE = {each.dtype: each for each in _TYPES}
_OBJECT = np.dtype(object)


def type_name(number: int) -> str:
    """The name of a DataType; its number if TensorFlow does not know it."""
    try:
        return tf.dtypes.as_dtype(number).name
    except TypeError:
        return f"number {number}"


def write(array: np.ndarray, proto: Any) -> None:
    """Write an array into an empty TensorProto.

    Raises:
        ServingError: UNIMPLEMENTED for a dtype that has no typed field.
    """
    array = np.asarray(array)
    kind = _BY_DTYPE.get(_OBJECT if array.dtype.kind in "SU" else array.dtype)
    if kind is None:
        raise fault("UNIMPLEMENTED", f"An output has the type {array.dtype}, which cannot be sent")
    proto.dtype = kind.number
    proto.tensor_shape.SetInParent()
    for size in array.shape:
        proto.tensor_shape.dim.add().size = size
    values = array.ravel()
    if kind.stored != kind.dtype:
        values = values.view(kind.stored)
    getattr(proto, kind.field).extend(values.tolist())


def read(name: str, proto: Any, number: int) -> np.ndarray:
    """Read the input with this name and DataType.

    Raises:
        ServingError: INVALID_ARGUMENT if it has another type, or is no tensor.
    """
    wanted = type_name(number)
    if proto.dtype != number:
        raise invalid(f"Input {name} must have the type {wanted}, got {type_name(proto.dtype)}")
    sizes = [dim.size for dim in proto.tensor_shape.dim]
    if len(sizes) > MOST_DIMENSIONS or min(sizes, default=0) < 0:
        raise invalid(
            f"Input {name} must have at most {MOST_DIMENSIONS} dimensions of 0 or more, got "
            f"{len(sizes)}, the smallest of {min(sizes)}"
        )
    count = math.prod(sizes)
    if count > _MOST_FILLED and count > proto.ByteSize():
        raise invalid(f"Input {name} says that it has {count} values, which were not sent")
    try:
        return _values(proto, _BY_NUMBER[number], count).reshape(sizes)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise invalid(
            f"Input {name} cannot be read: its values do not make a {wanted} tensor of the shape "
            f"{sizes}"
        ) from None


def _values(proto: Any, kind: _Type, count: int) -> np.ndarray:
    """The values of a tensor; a list that is too short is filled up with its last value."""
    if proto.tensor_content:
        return np.frombuffer(proto.tensor_content, kind.dtype).copy()
    sent = np.array(getattr(proto, kind.field), kind.stored).view(kind.dtype)
    if 0 < len(sent) < count:
        return np.concatenate([sent, np.full(count - len(sent), sent[-1], kind.dtype)])
    return sent
