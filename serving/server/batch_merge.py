"""Joining the arrays of several requests, and dividing the answers again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from .codes import Code, ServingError, invalid_argument
from .json_arrays import type_name

Arrays = Mapping[str, np.ndarray]


def rows_of(feeds: Arrays) -> int:
    """The number of rows that all arrays of a request have.

    Raises:
        ServingError: INVALID_ARGUMENT if there is no array, a scalar, or different numbers.
    """
    if not feeds:
        raise invalid_argument("Batching Run() must have at least one input tensor")
    sizes = set()
    for array in feeds.values():
        if array.ndim == 0:
            raise invalid_argument("Batching Run() input tensors must have at least one dimension")
        sizes.add(len(array))
        if len(sizes) > 1:
            raise invalid_argument(
                "Batching Run() input tensors must have equal 0th-dimension size"
            )
    return sizes.pop()


def merge(requests: Sequence[Arrays], size: int) -> dict[str, np.ndarray]:
    """The arrays of several requests, one below the other.

    Args:
        requests: arrays by tensor name; the same names in each.
        size: the number of rows to fill up to, with copies of the first row of the last request.

    Returns:
        Arrays with `size` rows.

    Raises:
        ServingError: FAILED_PRECONDITION for different shapes, INTERNAL for different dtypes.
    """
    merged = {}
    for name in requests[0]:
        arrays = [request[name] for request in requests]
        _check_alike(name, arrays)
        padding = size - sum(len(array) for array in arrays)
        if padding > 0:
            arrays.append(np.repeat(arrays[-1][:1], padding, axis=0))
        merged[name] = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
    return merged


def check_outputs(outputs: Sequence[np.ndarray], size: int) -> None:
    """Every output must have a row for each row that went in.

    Raises:
        ServingError: FAILED_PRECONDITION if one has not.
    """
    for array in outputs:
        if array.ndim == 0:
            raise ServingError(Code.FAILED_PRECONDITION, "Batched output tensor has 0 dimensions")
        if len(array) != size:
            raise ServingError(
                Code.FAILED_PRECONDITION,
                "Batched output tensor's 0th dimension does not equal the sum of the 0th "
                "dimension sizes of the input tensors",
            )


def _check_alike(name: str, arrays: Sequence[np.ndarray]) -> None:
    first = arrays[0]
    for array in arrays[1:]:
        if array.shape[1:] != first.shape[1:]:
            raise ServingError(
                Code.FAILED_PRECONDITION,
                f"Tensors with name '{name}' from different tasks have different shapes and "
                "padding is turned off.Set pad_variable_length_inputs to true, or ensure that "
                "all tensors with the same namehave equal dimensions starting with the first dim.",
            )
        if array.dtype != first.dtype:
            raise ServingError(
                Code.INTERNAL,
                "Tensor concat operation failed: INVALID_ARGUMENT: Cannot concatenate tensors "
                f"that have different data types. Got {_name(first)} and {_name(array)}.",
            )


def _name(array: np.ndarray) -> str:
    dtype: Any = tf.string if array.dtype.kind == "O" else tf.dtypes.as_dtype(array.dtype)
    return type_name(dtype)
