"""A large batch in pieces that a server takes, and their answers as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .metadata import SignatureInfo


def split(inputs: Mapping[str, np.ndarray], most: int | None) -> list[dict[str, np.ndarray]]:
    """The rows in pieces of `most` rows, in their order; the last piece holds what is left.

    Full pieces, not equal ones: a server that pads requests to its batch size then pads only one.
    """
    rows = count_rows(inputs)
    step = max(rows, 1) if most is None else most
    return [
        {name: array[start : start + step] for name, array in inputs.items()}
        for start in range(0, max(rows, 1), step)
    ]


def join(answers: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The answers to the pieces, one below the other."""
    if len(answers) == 1:
        return dict(answers[0])
    return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}


def count_rows(inputs: Mapping[str, np.ndarray]) -> int:
    """The number of rows, which all inputs share."""
    return len(next(iter(inputs.values())))


def empty_outputs(signature: SignatureInfo) -> dict[str, np.ndarray]:
    """The answer for zero rows; dimensions that the server leaves open are 0.

    Zero rows are never sent: with request batching TensorFlow Serving waits for rows for ever.
    """
    return {
        name: np.empty([size or 0 for size in info.shape or (0,)], info.dtype)
        for name, info in signature.outputs.items()
    }
