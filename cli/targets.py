"""Read spectra from a file; a wrong file raises `typer.BadParameter` with the line and the fix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import typer

from .csv_file import as_number, csv_lines, is_blank, is_number, read_npy


def read_targets(path: Path, levels: int, names: Sequence[str] | None = None) -> np.ndarray:
    """Read the targets in a file.

    Args:
        path: a NumPy file if its name ends in `.npy`, else CSV.
        levels: number of levels of a spectrum.
        names: of the levels, if they have any. A CSV file may then begin with a line of names, in
            any order; a level whose name is left out was not observed.

    Returns:
        Real numbers `[rows, levels]`; NaN where a level was not observed.

    Raises:
        typer.BadParameter: if the file holds anything else.
    """
    if path.suffix == ".npy":
        return _read_npy(path, levels)
    lines = csv_lines(path)
    places = _places_of(path, lines, names or ())
    if places is None:
        return _read_csv(path, lines, levels)
    targets = _read_csv(path, lines[1:], len(places))
    full = np.full((len(targets), levels), np.nan)
    full[:, places] = targets
    return full


def _read_npy(path: Path, levels: int) -> np.ndarray:
    targets = read_npy(path, f"(spectra, {levels})")
    if targets.dtype.kind not in "iuf" or targets.shape[1:] != (levels,):
        raise typer.BadParameter(
            f"{path} must hold real numbers of shape (spectra, {levels}), got {targets.dtype} "
            f"of shape {targets.shape}."
        )
    return np.array(targets)  # a copy: the answers may overwrite the file


def _places_of(
    path: Path, lines: list[tuple[int, list[str]]], names: Sequence[str]
) -> list[int] | None:
    """The columns of the targets that the first line names; None if it holds numbers.

    A line of names is told from numbers by its first field. Names that are numbers themselves, as
    those of unnamed levels are, cannot be told apart and are not accepted.
    """
    first = [field.strip() for field in lines[0][1]] if lines else []
    if not first or not first[0] or is_number(first[0]) or any(map(is_number, names)):
        return None
    if not names or len(set(names)) < len(names):
        return None
    for field in first:
        if field not in names:
            raise typer.BadParameter(
                f"{path}, line 1: there is no level {field!r}, and it is not a number; the levels "
                f"of the model are {'; '.join(names)}. Write a name with a comma in it in quotes."
            )
        if first.count(field) > 1:
            raise typer.BadParameter(f"{path}, line 1: the level {field!r} stands there twice.")
    return [names.index(field) for field in first]


def _read_csv(path: Path, lines: list[tuple[int, list[str]]], levels: int) -> np.ndarray:
    if levels == 1:
        # An empty line is an empty field. The newline at the end of the file starts no new line.
        lines = [(number, line or [""]) for number, line in lines]
    while levels > 1 and lines and is_blank(lines[-1][1]):
        lines.pop()
    rows = []
    for number, line in lines:
        if levels > 1 and is_blank(line):
            raise typer.BadParameter(
                f"{path}, line {number}: the line is blank; remove it, or write "
                f"{',' * (levels - 1)} for a spectrum of which no level was observed."
            )
        if len(line) != levels:
            raise typer.BadParameter(
                f"{path}, line {number}: expected {levels} levels between commas, got {len(line)}."
            )
        rows.append([_level(path, number, field) for field in line])
    return np.array(rows, dtype=float).reshape(-1, levels)


def _level(path: Path, number: int, field: str) -> float:
    """One level; NaN for an empty field."""
    text = field.strip()
    if not text:
        return float("nan")
    try:
        return as_number(text)
    except ValueError:
        raise typer.BadParameter(
            f"{path}, line {number}: {field!r} is not a number; leave the field empty, or write "
            "nan, for a level that was not observed."
        ) from None
