"""Tensors on the wire to NumPy arrays and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from .codes import Code, ServingError, invalid_argument
from .protos import TensorProto

_Writer = Callable[[Any, np.ndarray], None]


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
    try:
        dtype = tf.dtypes.as_dtype(proto.dtype)
        # Eager ops look at the thread's context; a session's graph must not be the default here.
        with tf.init_scope():
            tensor: Any = tf.io.parse_tensor(proto.SerializeToString(), dtype)
            return np.asarray(tensor.numpy(), dtype=dtype.as_numpy_dtype)
    except (tf.errors.OpError, TypeError, ValueError):
        raise invalid_argument(f"tensor parsing error: {name}") from None


def write_tensor(array: np.ndarray) -> Any:
    """Encode an array as a TensorProto with typed fields such as `double_val`.

    `tf.make_tensor_proto` would use `tensor_content`, which many clients of TensorFlow Serving
    do not read, since TensorFlow Serving does not send it.

    Args:
        array: any dtype that TensorFlow can return from a session.

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
    writer(proto, array.ravel())
    return proto


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
