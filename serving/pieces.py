"""Divide a large batch into pieces for a server, and join the answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .metadata import SignatureInfo


def split(inputs: Mapping[str, np.ndarray], most: int | None) -> list[dict[str, np.ndarray]]:
    """Divide the rows into pieces of `most` rows, in order; the last may have fewer.

    Pieces are full rather than equal, so that a server that pads requests pads only the last.

    Args:
        inputs: arrays with the same number of rows.
        most: rows of a piece; None for a single piece.

    Returns:
        At least one piece.
    """
    rows = count_rows(inputs)
    step = max(rows, 1) if most is None else most
    return [
        {name: array[start : start + step] for name, array in inputs.items()}
        for start in range(0, max(rows, 1), step)
    ]


def join(answers: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Concatenate the answers to the pieces, row by row."""
    if len(answers) == 1:
        return dict(answers[0])
    return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}


def count_rows(inputs: Mapping[str, np.ndarray]) -> int:
    """The number of rows, which all inputs share."""
    return len(next(iter(inputs.values())))


def empty_outputs(signature: SignatureInfo) -> dict[str, np.ndarray]:
    """The answer for zero rows, with size 0 for unknown dimensions.

    Zero rows are never sent: with batching TensorFlow Serving would wait for rows forever.
    """
    return {
        name: np.empty([size or 0 for size in info.shape or (0,)], info.dtype)
        for name, info in signature.outputs.items()
    }
