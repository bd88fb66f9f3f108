"""Read CSV files of numbers; a wrong file raises `typer.BadParameter` with the line and the fix."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import typer


def csv_lines(path: Path) -> list[tuple[int, list[str]]]:
    """The number of every line, from 1, and its fields."""
    try:
        text = path.read_bytes().decode("utf-8-sig")  # Excel writes a byte order mark first
    except UnicodeDecodeError as error:
        number = error.object.count(b"\n", 0, error.start) + 1
        raise typer.BadParameter(
            f"{path}, line {number}: the byte 0x{error.object[error.start]:02x} is not UTF-8; save "
            "the file as CSV in UTF-8."
        ) from None
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        return [(reader.line_num, line) for line in reader]
    except csv.Error as error:
        raise typer.BadParameter(
            f"{path}, line {reader.line_num}: the line is not CSV ({error}); write numbers with "
            "commas between them."
        ) from None


def is_blank(line: list[str]) -> bool:
    """Whether the line is empty or white space; a line of commas is not."""
    return len(line) <= 1 and not "".join(line).strip()


def as_number(text: str) -> float:
    """The number that the text is; a ValueError for anything else."""
    # Python also takes 1_0 for 10, and the digits of other scripts.
    if "_" in text or not text.isascii():
        raise ValueError(text)
    return float(text)


def is_number(text: str) -> bool:
    """Whether the text is a number."""
    try:
        as_number(text)
    except ValueError:
        return False
    return True


def read_npy(path: Path, shape: str) -> np.ndarray:
    """The array in a NumPy file, as a memory map; the caller checks its type and shape.

    Args:
        path: of the file.
        shape: what the shape must be, for messages.
    """
    try:
        # A memory map notices a header that claims more than the file holds, before any allocation.
        return np.lib.format.open_memmap(path, mode="r")
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be read ({error.strerror}).") from None
    except Exception:  # nearly any kind; some messages of NumPy recommend pickle
        raise typer.BadParameter(
            f"{path} is not a whole NumPy file of numbers; write it with numpy.save, from an array "
            f"of real numbers of shape {shape}."
        ) from None
