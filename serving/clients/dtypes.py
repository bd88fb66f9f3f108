"""The dtypes that TensorFlow and NumPy share, without importing TensorFlow."""

from __future__ import annotations

import numpy as np

# Numbers and names as in tensorflow/core/framework/types.proto; they are fixed for ever.
_NUMBERS = {
    "DT_FLOAT": 1,
    "DT_DOUBLE": 2,
    "DT_INT32": 3,
    "DT_UINT8": 4,
    "DT_INT16": 5,
    "DT_INT8": 6,
    "DT_STRING": 7,
    "DT_COMPLEX64": 8,
    "DT_INT64": 9,
    "DT_BOOL": 10,
    "DT_UINT16": 17,
    "DT_COMPLEX128": 18,
    "DT_HALF": 19,
    "DT_UINT32": 22,
    "DT_UINT64": 23,
}
_OTHER_NAMES = {"float": "float32", "double": "float64", "string": "object", "half": "float16"}


def numpy_dtype(tensorflow_type: str | int) -> np.dtype | None:
    """The NumPy dtype for a type of TensorFlow.

    Args:
        tensorflow_type: its name such as `DT_DOUBLE` or its number.

    Returns:
        The dtype, that of objects for strings; None if NumPy has none.

    Example:
        >>> numpy_dtype("DT_DOUBLE"), numpy_dtype(3), numpy_dtype("DT_BFLOAT16")
        (dtype('float64'), dtype('int32'), None)
    """
    for name, number in _NUMBERS.items():
        if tensorflow_type in (name, number):
            plain = name.removeprefix("DT_").lower()
            return np.dtype(_OTHER_NAMES.get(plain, plain))
    return None
