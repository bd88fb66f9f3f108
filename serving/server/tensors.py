"""Tensors on the wire to NumPy arrays and back."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from .codes import Code, ServingError, invalid_argument
from .protos import TensorProto

_Writer = Callable[[Any, np.ndarray], None]
# What TensorFlow's conversion from and to NumPy has room for; a string tensor with more dimensions
# ends the process.
_MOST_DIMENSIONS = 32
# C++ fills up short lists, so a request of 20 bytes may ask for terabytes.
_MOST_FILLED = 2**20


def check_rank(name: str, rank: int) -> None:
    """Refuse more dimensions than the conversion between TensorFlow and NumPy can hold.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    if rank > _MOST_DIMENSIONS:
        raise invalid_argument(
            f"tensor parsing error: {name} has {rank} dimensions; this server takes "
            f"{_MOST_DIMENSIONS}"
        )


def parse_tensor(name: str, proto: Any) -> np.ndarray:
    """Decode a TensorProto as the C++ server does.

    `tf.io.parse_tensor` is the same C++ code: a short list repeats its last value, a long one is
    cut, an empty one means zeros. `tf.make_ndarray` decides these cases differently.

    Args:
        name: of the input, for the message.
        proto: the TensorProto.

    Returns:
        The array; strings as an object array of bytes.

    Raises:
        ServingError: INVALID_ARGUMENT if it cannot be decoded.
    """
    check_rank(name, len(proto.tensor_shape.dim))
    _check_filling(name, proto)
    try:
        dtype = tf.dtypes.as_dtype(proto.dtype)
        _check_content(proto, dtype)
        # Eager ops look at the thread's context; a session's graph must not be the default here.
        with tf.init_scope():
            tensor: Any = tf.io.parse_tensor(proto.SerializeToString(), dtype)
            return np.asarray(tensor.numpy(), dtype=dtype.as_numpy_dtype)
    except (tf.errors.OpError, TypeError, ValueError):
        raise invalid_argument(f"tensor parsing error: {name}") from None


def write_tensor(array: np.ndarray, as_content: bool = False) -> Any:
    """Encode an array as a TensorProto with typed fields such as `double_val`.

    `tf.make_tensor_proto` would use `tensor_content`, which many clients of TensorFlow Serving
    do not read, since TensorFlow Serving does not send it.

    Args:
        array: any dtype that TensorFlow can return from a session.
        as_content: use `tensor_content` after all.

    Returns:
        The TensorProto.

    Raises:
        ServingError: UNIMPLEMENTED for a dtype that has no typed field.
    """
    array = np.asarray(array)
    dtype: Any = tf.string if array.dtype.kind in "OSU" else tf.dtypes.as_dtype(array.dtype)
    writer = _WRITERS.get(dtype.name)
    if writer is None:
        raise ServingError(Code.UNIMPLEMENTED, f"Cannot encode a tensor of type {dtype.name}")
    proto = TensorProto(dtype=dtype.as_datatype_enum)
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if not as_content:
        writer(proto, array.ravel())
    elif dtype == tf.string:
        proto.tensor_content = _string_list(array.ravel().tolist())
    else:
        proto.tensor_content = array.tobytes()
    return proto


def _string_list(strings: list[bytes]) -> bytes:
    """Lengths as varints, then the bytes: how TensorFlow's C++ puts strings into one."""
    return b"".join(map(_varint, map(len, strings))) + b"".join(strings)


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


def _check_filling(name: str, proto: Any) -> None:
    """Refuse a short list that stands for a very long one: C++ would allocate all of it."""
    elements = math.prod(dim.size for dim in proto.tensor_shape.dim)
    # A value that is really there takes a byte at least. What overflows, C++ refuses.
    if _MOST_FILLED < elements < 2**63 and elements > proto.ByteSize():
        raise invalid_argument(
            f"tensor parsing error: {name} says that it has {elements} values but brings fewer; "
            f"this server fills up to {_MOST_FILLED}"
        )


def _check_content(proto: Any, dtype: tf.DType) -> None:
    """Raise ValueError for what C++ will not decode.

    It would say so itself, but TensorFlow 2.21 never frees the message of an error of its own: a
    kilobyte each time.
    """
    sizes = [dim.size for dim in proto.tensor_shape.dim]
    elements, content = math.prod(sizes), len(proto.tensor_content)
    is_handle = dtype.size == 0 and dtype != tf.string  # a resource or a variant
    if is_handle or min(sizes, default=0) < 0 or elements >= 2**63:
        raise ValueError
    if content and elements and dtype.size and content != elements * dtype.size:
        raise ValueError


def _field(name: str) -> _Writer:
    """A writer that puts plain values into one repeated field."""

    def write(proto: Any, flat: np.ndarray) -> None:
        getattr(proto, name).extend(flat.tolist())

    return write


def _bits(proto: Any, flat: np.ndarray) -> None:
    """Two-byte floats are sent as their bits."""
    proto.half_val.extend(flat.view(np.uint16).tolist())


def _complex(name: str, real: type[np.floating]) -> _Writer:
    """Complex numbers are sent as real and imaginary parts in turn."""

    def write(proto: Any, flat: np.ndarray) -> None:
        getattr(proto, name).extend(flat.view(real).tolist())

    return write


_INTEGERS = ("int8", "int16", "int32", "uint8", "uint16")
_WRITERS: dict[str, _Writer] = {
    "float32": _field("float_val"),
    "float64": _field("double_val"),
    **{name: _field("int_val") for name in _INTEGERS},
    "int64": _field("int64_val"),
    "uint32": _field("uint32_val"),
    "uint64": _field("uint64_val"),
    "bool": _field("bool_val"),
    "string": _field("string_val"),
    "float16": _bits,
    "bfloat16": _bits,
    "complex64": _complex("scomplex_val", np.float32),
    "complex128": _complex("dcomplex_val", np.float64),
}
