"""Finite differences whose points are the rows of one batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

_MOVES = np.array([1.0, 2.0, 3.0, -1.0, -2.0, -3.0])


def moved_rows(x: np.ndarray, step: float) -> np.ndarray:
    """`[6 p, p]`: `x`, `[p]`, with each entry moved by the step times 1, 2, 3, -1, -2, -3."""
    moves = step * _MOVES[:, None] * np.eye(len(x))[:, None, :]
    return (x + moves).reshape(-1, len(x))


def differences_of_moved(values: Any, step: float) -> np.ndarray:
    """Six-point central differences of the values `[6 p, ...]` at the moved rows, `[..., p]`."""
    values = np.asarray(values)
    parts = values.reshape(-1, 6, *values.shape[1:])
    a, b, c = (parts[:, k] - parts[:, k + 3] for k in range(3))
    return np.moveaxis((45 * a - 9 * b + c) / (60 * step), 0, -1)


def differences_of_rows(
    function: Callable[[np.ndarray], Any], x: np.ndarray, step: float = 1e-3
) -> np.ndarray:
    """Derivatives `[..., p]` of a function of rows, `[B, p] -> [B, ...]`, at one point `[p]`.

    The formula of `finite_differences`, with a single call.
    """
    return differences_of_moved(function(moved_rows(x, step)), step)
