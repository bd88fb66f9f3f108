"""The summary of a fitted row as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..level_counts import LevelCounts
from .status import Cause, Status


def bracketed(value: float, error: float) -> str:
    """Format a number with its standard error in units of the last digit: `310583.541(30)`.

    The error is rounded to two digits.

    Args:
        value: the number.
        error: its standard error; inf if the data do not determine it, NaN at a bound.

    Example:
        >>> bracketed(310583.5412, 0.02955), bracketed(-0.0900464, 0.0007154)
        ('310583.541(30)', '-0.09005(72)')
        >>> bracketed(1234.5, 67.0), bracketed(5.0, float("inf"))
        ('1234(67)', '5.0 (error not determined)')
    """
    if np.isnan(value):
        return "NaN"
    if np.isnan(error):
        return f"{value:.10g} (at its bound)"
    if np.isinf(error):
        return f"{float(f'{value:.10g}')} (error not determined)"
    if error <= 0:
        return f"{value:.10g}(0)"
    if error <= 1e-14 * abs(value):
        return f"{value:.15g}(0)"  # beyond double precision
    exponent = int(np.floor(np.log10(error)))
    digits = 1 - exponent  # decimals that show two digits of the error
    if round(error * 10.0**digits) == 100:
        digits -= 1
    if digits <= 0:
        unit = 10.0 ** (-digits)
        return f"{round(value / unit) * unit + 0.0:.0f}({round(error / unit) * unit:.0f})"
    if digits > 15 or abs(value) >= 1e15:
        power = int(np.floor(np.log10(max(abs(value), error))))
        return f"{bracketed(value / 10.0**power, error / 10.0**power)}e{power:d}"
    # Adding 0 makes -0.0 positive.
    return f"{round(value, digits) + 0.0:.{digits}f}({round(error * 10.0**digits)})"


def summarize(
    numbers: Mapping[str, Any],
    names: Sequence[str] | None = None,
    targets: np.ndarray | None = None,
    labels: Sequence[Sequence[str]] | None = None,
) -> str:
    """The summary of one row, with all of its solutions.

    Args:
        numbers: the fields of a `FitResult` for the row.
        names: of the parameters; None for `x0, x1, ...`.
        targets: `[m]`, the observed values; None if unknown.
        labels: from `level_labels`, for each solution one for each target; None if unknown.

    Returns:
        Several lines of text.
    """
    if np.ndim(numbers["status"]):
        parts = []
        for place in range(len(numbers["status"])):
            one = {name: field[place] for name, field in numbers.items()}
            own = None if labels is None else labels[place : place + 1]
            text = summarize(one, names, targets, own)
            parts.append(f"Solution {place + 1}\n{text}")
        return "\n\n".join(parts)
    status = Status(int(numbers["status"]))
    lines = [f"{status.name}: {status.message}"]
    if numbers["cause"]:
        lines.append(f"cause: {Cause(int(numbers['cause'])).message}")
    if status < 0:
        return "\n".join(lines)
    lines.append(f"{int(numbers['steps'])} steps, loss {numbers['loss']:.6g}")
    parameters = numbers["parameters"]
    names = [f"x{place}" for place in range(len(parameters))] if names is None else names
    width = max(len(name) for name in names)
    lines.append("")
    for name, value, error in zip(names, parameters, numbers["standard_errors"], strict=True):
        lines.append(f"{name:<{width}}  {bracketed(float(value), float(error))}")
    lines += ["", *_table(numbers["residuals"], targets, None if labels is None else labels[0])]
    return "\n".join(lines)


def level_labels(
    counts: Sequence[int],
    levels: np.ndarray,
    origins: np.ndarray,
    conditions: np.ndarray | None = None,
) -> list[str]:
    """Labels of the targets: `3`, `3 - 0` for a difference, `1:3 - 0:0` with member numbers.

    Names take the place of numbers where there are any; see `LevelCounts.label`. With conditions
    `3 at 0.5`, or `1 - 0 at (0, 0, 0.5)`.

    Args:
        counts: the number of levels of each member, a `LevelCounts` if there are names.
        levels: `[m, w]`, the level numbers of each target, counted through all members, several for
            a blend; -1 for none. The label of a target without any, a function of all levels, is
            `#` with the number of the target.
        origins: `[m, w]`, the number of the level subtracted from each, -1 for none.
        conditions: `[K, d]`, the condition of each member; None without.

    Example:
        >>> level_labels([1, 3], np.array([[0], [3]]), np.array([[-1], [0]]))
        ['0:0', '1:2 - 0:0']
        >>> level_labels(LevelCounts([1, 3], ["S=1", "S=0"]), np.array([[3]]), np.array([[0]]))
        ['S=0:2 - S=1:0']
        >>> level_labels([3], np.array([[2, 1]]), np.array([[0, 0]]))  # a blend
        ['2 - 0 & 1 - 0']
        >>> at = np.array([[0.5], [1.0]])
        >>> level_labels([2, 2], np.array([[1], [3]]), np.array([[0], [0]]), at)
        ['1 - 0 at 0.5', '1 at 1 - 0 at 0.5']
    """
    named = LevelCounts.of(counts)
    if conditions is not None:
        named = LevelCounts(named[:1], levels=named.levels[:1])

    def place_of(number: int) -> tuple[str, str]:
        """The level, and the condition."""
        if conditions is None:
            return named.label(number), ""
        member, inside = divmod(number, named[0])
        return named.label(inside), f" at {_condition(conditions[member])}"

    def line(level: int, origin: int) -> str:
        label, at = place_of(level)
        if origin < 0:
            return label + at
        other, there = place_of(origin)
        return f"{label} - {other}{at}" if at == there else f"{label}{at} - {other}{there}"

    found = []
    for place, both in enumerate(zip(levels.tolist(), origins.tolist(), strict=True)):
        own = [line(*pair) for pair in zip(*both, strict=True) if pair[0] >= 0]
        found.append(" & ".join(own) if own else f"#{place}")
    return found


def _condition(numbers: np.ndarray) -> str:
    """A condition as text: `0.5`, or `(0, 0, 0.5)`."""
    shown = ", ".join(f"{number:.6g}" for number in numbers)
    return shown if len(numbers) == 1 else f"({shown})"


def _table(
    residuals: np.ndarray, targets: np.ndarray | None, labels: Sequence[str] | None
) -> list[str]:
    """The lines with observed and fitted values; residuals only if targets are unknown."""
    seen = [int(place) for place in np.flatnonzero(~np.isnan(residuals))]
    if targets is None or labels is None:
        return [f"target {place}: observed - fitted {residuals[place]:.3g}" for place in seen]
    seen = [place for place in seen if not np.isnan(targets[place])]
    # Decimals that show three digits of the rms residual.
    largest = max((abs(targets[place]) for place in seen), default=0.0) or 1.0
    typical = max(np.sqrt(np.mean(residuals[seen] ** 2)) if seen else 0.0, 1e-9 * largest)
    decimals = int(np.clip(2 - np.floor(np.log10(typical)), 0, 12))
    rows = [("level", "observed", "fitted", "observed - fitted")]
    for place in seen:
        fitted = targets[place] - residuals[place]
        numbers = (f"{targets[place]:.{decimals}f}", f"{fitted:.{decimals}f}")
        rows.append((labels[place], *numbers, f"{residuals[place]:.3g}"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return [
        "  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
