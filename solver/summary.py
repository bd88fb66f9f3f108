"""One fitted row as text for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .status import Status


def bracketed(value: float, error: float) -> str:
    """A number with its standard error in units of the last digit: `310583.541(30)`.

    Two digits of the error are shown; none if it is not known.

    Args:
        value: the number.
        error: its standard error; inf if it is not determined, NaN at a bound.

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
    exponent = int(np.floor(np.log10(error)))
    digits = 1 - exponent  # so that two digits of the error stand behind the last place
    if round(error * 10.0**digits) == 100:
        digits -= 1
    if digits <= 0:
        unit = 10.0 ** (-digits)
        return f"{round(value / unit) * unit:.0f}({round(error / unit) * unit:.0f})"
    if digits > 17 or abs(value) >= 1e15:
        return f"{value:.10g}({error:.2g})"
    return f"{value:.{digits}f}({round(error * 10.0**digits)})"


def summarize(
    numbers: Mapping[str, Any],
    names: Sequence[str] | None = None,
    targets: np.ndarray | None = None,
    levels: np.ndarray | None = None,
    origins: np.ndarray | None = None,
) -> str:
    """The summary of one row, or of the several solutions of one row.

    Args:
        numbers: the fields of a `FitResult` for the row.
        names: of the parameters.
        targets: `[m]`, the observed values.
        levels: `[m]`, the level number of each.
        origins: `[m]`, the level that each is measured from, -1 for none.

    Returns:
        Several lines.
    """
    if np.ndim(numbers["status"]):
        parts = []
        for place in range(len(numbers["status"])):
            one = {name: field[place] for name, field in numbers.items()}
            text = summarize(one, names, targets, levels, origins)
            parts.append(f"Solution {place + 1}\n{text}")
        return "\n\n".join(parts)
    status = Status(int(numbers["status"]))
    lines = [f"{status.name}: {status.message}"]
    if status < 0:
        return lines[0]
    lines.append(f"{int(numbers['steps'])} steps, loss {numbers['loss']:.6g}")
    parameters = numbers["parameters"]
    names = [f"x{place}" for place in range(len(parameters))] if names is None else names
    width = max(len(name) for name in names)
    lines.append("")
    for name, value, error in zip(names, parameters, numbers["standard_errors"], strict=True):
        lines.append(f"{name:<{width}}  {bracketed(float(value), float(error))}")
    lines += ["", *_levels(numbers["residuals"], targets, levels, origins)]
    return "\n".join(lines)


def _levels(
    residuals: np.ndarray,
    targets: np.ndarray | None,
    levels: np.ndarray | None,
    origins: np.ndarray | None,
) -> list[str]:
    """The table of observed and fitted values; residuals alone where no more is known."""
    seen = ~np.isnan(residuals)
    if targets is None or levels is None or origins is None:
        return [f"target {k}: observed - fitted {residuals[k]:.6g}" for k in np.flatnonzero(seen)]
    rows = [("level", "observed", "fitted", "observed - fitted")]
    for place in np.flatnonzero(seen & ~np.isnan(targets)):
        origin = int(origins[place])
        label = str(int(levels[place])) + (f" - {origin}" if origin >= 0 else "")
        fitted = targets[place] - residuals[place]
        rows.append((label, f"{targets[place]:.8g}", f"{fitted:.8g}", f"{residuals[place]:.3g}"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return [
        "  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
