"""Joining the arrays of several requests, and dividing the answers again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .codes import Code, ServingError, invalid_argument

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
        requests: arrays by tensor name; the same names, dtypes and shapes but for the rows in each.
        size: the number of rows to fill up to, with copies of the first row of the last request.

    Returns:
        Arrays with `size` rows.
    """
    merged = {}
    for name in requests[0]:
        arrays = [request[name] for request in requests]
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
