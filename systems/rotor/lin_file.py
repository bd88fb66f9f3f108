"""Measured lines in the `.lin` files of SPFIT."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from ...solver import Blend, Transitions
from .labels import label
from .spfit_text import COUNTS, WAVENUMBER, free_numbers, text_of

# The free part of a line begins after twelve numbers of three characters.
_FREE = 36


class LineList(NamedTuple):
    """The lines of a `.lin` file; see `read_lin`.

    Attributes:
        lines: for each target its (upper, lower) level, by name, or a `Blend` of several.
        frequencies: in MHz.
        sigma: their errors, in MHz.
        max_j: the largest J of a level.
    """

    lines: tuple[Any, ...]
    frequencies: tuple[float, ...]
    sigma: tuple[float, ...]
    max_j: int

    def observation(self) -> Transitions:
        """What these lines measure: an observation for a solver."""
        return Transitions(self.lines)


def read_lin(path: str, top: str = "asymmetric") -> LineList:
    """Read the lines of a `.lin` file, of one state without spins.

    The quantum numbers of the upper level, then of the lower one, stand in three characters each:
    J Ka Kc, or J K, or J. The rest begins in column 37: frequency, error, and the weight in a
    blend. A negative error means that both are in cm^-1; they are converted to MHz. Successive
    lines of one frequency and error are a blend. The file ends at an empty line.

    Args:
        path: the file.
        top: the kind of rotor, as in `Rotor`.

    Returns:
        The lines, with names of levels as `Rotor` has them.

    Raises:
        ValueError: with the number of the line, for what cannot be read, for more quantum numbers
            than a state without spins has, and for the width of a blend.
    """
    entries: list[tuple[tuple[str, str], float, float, float]] = []
    levels: list[tuple[int, ...]] = []
    for number, text in enumerate(text_of(path).splitlines(), start=1):
        if not text.strip():
            break
        where = f"read_lin: {path}, line {number}"
        upper, lower = _numbers_of(where, text[:_FREE], COUNTS[top])
        levels += [upper, lower]
        entries.append(((label(*upper), label(*lower)), *_measured(where, text[_FREE:])))
    if not entries:
        raise ValueError(f"read_lin: {path} has no lines; the first line of the file is empty.")
    groups: list[list[tuple[tuple[str, str], float, float, float]]] = []
    for entry in entries:
        same = bool(groups) and groups[-1][0][1:3] == entry[1:3]
        if groups and not same and len(groups[-1]) > 1 and groups[-1][0][1] == entry[1]:
            raise ValueError(
                f"read_lin: {path}: a blend at {entry[1]:.4f} MHz is followed by its width, which "
                "is not supported; leave that line out."
            )
        if same:
            groups[-1].append(entry)
        else:
            groups.append([entry])
    lines = tuple(
        group[0][0] if len(group) == 1 else Blend([(pair, weight) for pair, _, _, weight in group])
        for group in groups
    )
    return LineList(
        lines,
        tuple(group[0][1] for group in groups),
        tuple(group[0][2] for group in groups),
        max(level[0] for level in levels),
    )


def _numbers_of(where: str, text: str, count: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The quantum numbers of both levels; K of a symmetric top without the sign for its parity."""
    fields = [text[first : first + 3].strip() for first in range(0, len(text), 3)]
    given, rest = fields[: 2 * count], fields[2 * count :]
    try:
        numbers = [int(field) for field in given]
    except ValueError:
        numbers = []
    if len(numbers) < 2 * count:
        raise ValueError(
            f"{where}: the first {6 * count} characters must be {2 * count} quantum numbers of "
            f"three characters each, got {text[: 6 * count]!r}."
        )
    if rest and re.fullmatch(r"-?\d+", rest[0]):
        raise ValueError(
            f"{where}: a level of one state without spins has {count} quantum numbers, but there "
            f"are more: {text.rstrip()!r}. Spins and several states are not supported."
        )
    upper, lower = numbers[:count], numbers[count:]
    if count == 2:
        upper[1], lower[1] = abs(upper[1]), abs(lower[1])
    if min(upper + lower) < 0:
        raise ValueError(f"{where}: quantum numbers must not be negative, got {upper} and {lower}.")
    return tuple(upper), tuple(lower)


def _measured(where: str, text: str) -> tuple[float, float, float]:
    """Frequency and error in MHz, and the weight."""
    found = free_numbers(text)
    if len(found) < 2 or not found[1]:
        raise ValueError(
            f"{where}: from column {_FREE + 1} on there must be a frequency and its error, got "
            f"{text.strip()!r}."
        )
    frequency, error = found[0], found[1]
    weight = found[2] if len(found) > 2 else 1.0
    scale = WAVENUMBER if error < 0 else 1.0
    return frequency * scale, abs(error) * scale, weight
