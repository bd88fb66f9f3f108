"""Predicted lines in the `.cat` files of SPCAT."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...solver import FitResult, Parameterization, Transitions
from .labels import quantum_numbers
from .spfit_text import COUNTS, WAVENUMBER
from .system import Rotor, rotor_of

# What stands in place of the intensity, which is not calculated.
_NO_INTENSITY = -99.9999


def cat_lines(
    fit: FitResult,
    rotor: Rotor | Parameterization,
    lines: Sequence[tuple[str, str]],
    row: int = 0,
    tag: int = 0,
) -> list[str]:
    """Predicted lines in the format of a `.cat` file of SPCAT, ascending in frequency.

    Filled are the frequency and its standard error in MHz, from the fit and all its correlations,
    the energy of the lower level in cm^-1 above the lowest one, its degeneracy 2J + 1 without those
    of nuclear spins, the tag and the quantum numbers. Intensities are not calculated: their column
    has -99.9999.

    Args:
        fit: the result of a solver of this rotor.
        rotor: the rotor, with fixed parameters or without; its unit is "MHz" or "cm^-1".
        lines: the lines, two levels each by name, in any order of the two; see `allowed_lines`.
        row: which row of the fit.
        tag: the number of the molecule in a catalogue.

    Returns:
        The lines of the file.

    Raises:
        ValueError: for another structure than a rotor, or another unit.
    """
    rotor = rotor_of("cat_lines", rotor)
    units = {"MHz": 1.0, "cm^-1": WAVENUMBER}
    if rotor.level_unit not in units:
        raise ValueError(
            f"cat_lines: the unit of the rotor must be 'MHz' or 'cm^-1', got {rotor.level_unit!r}."
        )
    scale = units[rotor.level_unit]
    predicted = fit.predict(Transitions(lines))
    frequencies = scale * predicted.values.numpy()[row]
    errors = scale * predicted.standard_errors.numpy()[row]
    energies = dict(zip(rotor.level_names or (), fit.eigenvalues.numpy()[row], strict=True))
    lowest = min(energies.values())
    found = []
    for pair, frequency, error in zip(lines, frequencies, errors, strict=True):
        upper, lower = pair if frequency > 0 else pair[::-1]
        energy = scale * (energies[lower] - lowest) / WAVENUMBER
        numbers = [quantum_numbers(level, rotor.top) for level in (upper, lower)]
        found.append((abs(frequency), _cat_line(frequency, error, energy, numbers, tag, rotor.top)))
    return [text for _, text in sorted(found)]


def write_cat(
    path: str,
    fit: FitResult,
    rotor: Rotor | Parameterization,
    lines: Sequence[tuple[str, str]],
    row: int = 0,
    tag: int = 0,
) -> None:
    """Write predicted lines to a `.cat` file; see `cat_lines`.

    Args:
        path: the file.
        fit: see `cat_lines`.
        rotor: see `cat_lines`.
        lines: see `cat_lines`.
        row: see `cat_lines`.
        tag: see `cat_lines`.
    """
    text = "\n".join(cat_lines(fit, rotor, lines, row, tag))
    Path(path).write_text(text + "\n", encoding="ascii")


def _cat_line(
    frequency: float,
    error: float,
    energy: float,
    numbers: Sequence[tuple[int, ...]],
    tag: int,
    top: str,
) -> str:
    """One line, `F13.4,2F8.4,I2,F10.4,I3,I7,I4,12I2`."""
    count = COUNTS[top]
    shown = error if np.isfinite(error) and error < 999.9999 else 999.9999
    upper, lower = ("".join(map(_two_characters, level)).ljust(12) for level in numbers)
    freedom = 2 if top == "linear" else 3
    return (
        f"{abs(frequency):13.4f}{shown:8.4f}{_NO_INTENSITY:8.4f}{freedom:2d}{energy:10.4f}"
        f"{2 * numbers[0][0] + 1:3d}{tag:7d}{101 * count:4d}{upper}{lower}"
    ).rstrip()


def _two_characters(number: int) -> str:
    """A quantum number in two characters: A0 for 100, B0 for 110."""
    if number < 100:
        return f"{number:2d}"
    return f"{chr(ord('A') + number // 10 - 10)}{number % 10}"
