"""Read the conditions of spectra from a file, for a model that asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import typer

from .csv_file import as_number, csv_lines, is_blank, is_number, read_npy

# The column with the number of the spectrum, counted from 1, as in the answers.
_SPECTRUM = "spectrum"


def read_conditions(path: Path, names: Sequence[str], limit: int, rows: int) -> np.ndarray:
    """Read the conditions of each spectrum: fields, wave vectors, angles.

    A CSV file has a condition a line, under a line with the names of its d numbers in any order.
    They are those of every spectrum, unless a column `spectrum` has the number of the spectrum of
    each line. A NumPy file has the forms of the argument `conditions` of `SpectralSolver.fit`.

    Args:
        path: a NumPy file if its name ends in `.npy`, else CSV.
        names: of the d numbers of a condition.
        limit: K, the most conditions of a spectrum.
        rows: number of spectra.

    Returns:
        Real numbers `[rows, K, d]`; NaN where a spectrum has fewer conditions.

    Raises:
        typer.BadParameter: if the file holds anything else.
    """
    if path.suffix == ".npy":
        return _from_npy(path, len(names), limit, rows)
    by_spectrum = _from_csv(path, names, rows)
    found = np.full((rows, limit, len(names)), np.nan)
    for row, conditions in enumerate(by_spectrum):
        if len(conditions) > limit:
            raise typer.BadParameter(
                f"{path}: {len(conditions)} conditions for spectrum {row + 1}; the model takes up "
                f"to {limit}. Export a model with a higher limit, or leave some out."
            )
        found[row, : len(conditions)] = conditions
    return found


def _from_npy(path: Path, width: int, limit: int, rows: int) -> np.ndarray:
    wanted = f"(spectra, up to {limit}, {width}), or (up to {limit}, {width}) for all spectra"
    if width == 1:
        wanted = f"(spectra, up to {limit}), or (up to {limit},) for all spectra"
    stored = read_npy(path, wanted)
    conditions = stored[..., None] if width == 1 and stored.ndim < 3 else stored
    if conditions.ndim == 2:
        conditions = np.broadcast_to(conditions, (rows, *conditions.shape))
    right = conditions.ndim == 3 and conditions.shape[2] == width
    if stored.dtype.kind not in "iuf" or not right or not 0 < conditions.shape[1] <= limit:
        raise typer.BadParameter(
            f"{path} must hold real numbers of shape {wanted}, got {stored.dtype} of shape "
            f"{stored.shape}."
        )
    if len(conditions) != rows:
        raise typer.BadParameter(
            f"{path} holds the conditions of {len(conditions)} spectra, and there are {rows}; "
            f"write those of each, in the order of the spectra. The shape is {wanted}."
        )
    found = np.full((rows, limit, width), np.nan)
    found[:, : conditions.shape[1]] = conditions
    return found


def _from_csv(path: Path, names: Sequence[str], rows: int) -> list[list[list[float]]]:
    """The conditions of each spectrum, in the order of the lines."""
    lines = csv_lines(path)
    while lines and is_blank(lines[-1][1]):
        lines.pop()
    header = [field.strip() for field in lines[0][1]] if lines else []
    _check_header(path, header, names)
    places = [header.index(name) for name in names]
    by_spectrum = len(header) > len(names)
    found: list[list[list[float]]] = [[] for _ in range(rows)]
    for number, line in lines[1:]:
        if len(line) != len(header):
            raise typer.BadParameter(
                f"{path}, line {number}: expected {len(header)} numbers between commas, one for "
                f"each of {', '.join(header)}, got {len(line)}."
            )
        condition = [_number(path, number, header[place], line[place]) for place in places]
        if by_spectrum:
            row = _spectrum(path, number, line[header.index(_SPECTRUM)], rows)
            found[row].append(condition)
        else:
            for conditions in found:
                conditions.append(condition)
    for row, conditions in enumerate(found):
        if not conditions:
            who = f"spectrum {row + 1}" if by_spectrum else "the spectra"
            raise typer.BadParameter(
                f"{path} has no condition for {who}; write at least one line of {','.join(header)}."
            )
    return found


def _check_header(path: Path, header: list[str], names: Sequence[str]) -> None:
    """Check that the first line has every name once, and besides at most `spectrum`."""
    optional = {_SPECTRUM} - set(names)
    if len(set(header)) == len(header) and set(names) <= set(header) <= {*names, *optional}:
        return
    shown = ",".join(header)
    what = "numbers" if header and all(map(is_number, header)) else f"{shown!r}"
    more = ""
    if optional:
        more = f", and {_SPECTRUM!r} too if the spectra have different conditions"
    raise typer.BadParameter(
        f"{path}, line 1: the first line must have the names of the numbers of a condition, "
        f"{','.join(names)}, in any order{more}; got {what}."
    )


def _number(path: Path, number: int, name: str, field: str) -> float:
    """One number of a condition; infinity is a fault of its spectrum, which the fit reports."""
    try:
        value = as_number(field.strip())
    except ValueError:
        value = np.nan
    if np.isnan(value):
        raise typer.BadParameter(
            f"{path}, line {number}: {name} must be a number, got {field!r}; a spectrum with fewer "
            "conditions has fewer lines."
        )
    return value


def _spectrum(path: Path, number: int, field: str, rows: int) -> int:
    """The place of a spectrum, from 0, for its number, from 1."""
    text = field.strip()
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= rows):
        raise typer.BadParameter(
            f"{path}, line {number}: {_SPECTRUM} must be the number of a spectrum, from 1 to "
            f"{rows}, in the order of the targets, got {field!r}."
        )
    return int(text) - 1
