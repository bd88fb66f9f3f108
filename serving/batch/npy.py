"""Spectra in NumPy files, read through a memory map. Workers get this module by value."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np


def open_npy(path: str | Path) -> np.ndarray:
    """Map a file; only what is looked at is read.

    Raises:
        ValueError: if it is not a NumPy file of numbers, or shorter than it says.
    """
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # of nearly any kind, if the header is damaged
        raise ValueError(f"fit_dataset: {path} is no readable .npy file: {error}") from error


def check_npy(path: Path, width: int) -> tuple[int, np.dtype]:
    """The number of rows and the dtype of a file.

    Raises:
        ValueError: if it has not `width` columns.
    """
    levels = open_npy(path)
    if levels.ndim != 2 or levels.shape[1] != width:
        raise ValueError(
            f"fit_dataset: {path} has the shape {list(levels.shape)}; the model takes [rows, "
            f"{width}]."
        )
    return levels.shape[0], levels.dtype


def read_npy(path: str, first: int, rows: int, batch_rows: int) -> Iterator[np.ndarray]:
    """The rows from `first` on, `[batch_rows, m]` at a time."""
    levels = open_npy(path)[first : first + rows]
    for begin in range(0, rows, batch_rows):
        yield levels[begin : begin + batch_rows]
