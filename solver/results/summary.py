"""The summary of a fitted row as text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..wording import counted
from .notation import bracketed
from .solution import Solution

# As many predicted values as a summary lists.
_MOST_PREDICTED = 20


def summarize(solutions: Sequence[Solution]) -> str:
    """The summary of one row, with all of its solutions.

    Args:
        solutions: of the row, best first.

    Returns:
        Several lines of text.
    """
    if len(solutions) == 1:
        return _one(solutions[0])
    parts = [f"Solution {place + 1}\n{_one(each)}" for place, each in enumerate(solutions)]
    return "\n\n".join(parts)


def _one(solution: Solution) -> str:
    status, cause = solution.status, solution.cause
    lines = [f"{status.name}: {status.message}"]
    if cause:
        lines.append(f"cause: {cause.message}")
    if status < 0:
        return "\n".join(lines)
    lines.append(_quality(solution))
    lines += [f"warning: {text}" for text in solution.warnings]
    lines += ["", *_parameters(solution)]
    if solution.strong_correlations:
        lines += ["", "correlations above 0.9:"]
        lines += [f"{one}, {other}  {r:.4f}" for one, other, r in solution.strong_correlations]
    lines += ["", *_observed(solution)]
    predicted = _predicted(solution)
    return "\n".join([*lines, "", *predicted] if predicted else lines)


def _quality(solution: Solution) -> str:
    """Steps, loss, and what chi2 says where it is known."""
    numbers, found = solution.numbers, solution.statistics
    steps = counted(int(numbers["steps"]), "step")
    if found is None or np.isnan(found.degrees_of_freedom):
        return f"{steps}, loss {numbers['loss']:.6g}"
    freedom = int(found.degrees_of_freedom)
    many = f"{counted(freedom, 'degree')} of freedom"
    if np.isnan(found.chi2):
        return f"{steps}, robust loss {numbers['loss']:.6g}, {many}"
    line = f"{steps}, chi2 {found.chi2:.6g}, {many}"
    if freedom > 0:
        line += f", reduced chi2 {found.chi2 / freedom:.4g}"
    if not np.isnan(found.p_value):
        line += f", p-value {found.p_value:.2g}"
    return line


def _parameters(solution: Solution) -> list[str]:
    """A line for each parameter: name, value with error, unit."""
    width = max(len(name) for name in solution.names)
    numbers = solution.numbers
    columns = (solution.names, numbers["parameters"], numbers["standard_errors"], solution.units)
    return [
        f"{name:<{width}}  {bracketed(float(value), float(error))} {unit}".rstrip()
        for name, value, error, unit in zip(*columns, strict=True)
    ]


def _observed(solution: Solution) -> list[str]:
    """The lines with observed and fitted values; residuals only if targets are unknown."""
    residuals, targets, labels = solution.numbers["residuals"], solution.targets, solution.labels
    seen = [int(place) for place in np.flatnonzero(solution.observed)]
    if targets is None or labels is None:
        return [f"target {place}: observed - fitted {residuals[place]:.3g}" for place in seen]
    # Decimals that show three digits of the rms residual.
    largest = max((abs(targets[place]) for place in seen), default=0.0) or 1.0
    typical = max(np.sqrt(np.mean(residuals[seen] ** 2)) if seen else 0.0, 1e-9 * largest)
    decimals = int(np.clip(2 - np.floor(np.log10(typical)), 0, 12))
    rows = [["level", "observed", "fitted", "observed - fitted"]]
    for place in seen:
        fitted = targets[place] - residuals[place]
        numbers = (f"{targets[place]:.{decimals}f}", f"{fitted:.{decimals}f}")
        rows.append([labels[place], *numbers, f"{residuals[place]:.3g}"])
    return _aligned(_with_units(solution, rows, seen))


def _predicted(solution: Solution) -> list[str]:
    """The lines with the values of the targets that were not observed; none if all were."""
    facts, labels, found = solution.facts, solution.labels, solution.statistics
    if facts is None or labels is None or found is None:
        return []
    values, errors = found.prediction
    missing = np.flatnonzero(~solution.observed & facts.measures & np.isfinite(values))
    if not len(missing):
        return []
    shown = [int(place) for place in missing[:_MOST_PREDICTED]]
    rows = [["level", "predicted"]]
    for place in shown:
        value, error = float(values[place]), float(errors[place])
        # Without an error where it depends only on parameters that are held at a bound.
        rows.append(
            [labels[place], f"{value:.10g}" if np.isnan(error) else bracketed(value, error)]
        )
    lines = ["not observed:", *_aligned(_with_units(solution, rows, shown))]
    rest = len(missing) - len(shown)
    return [*lines, f"and {rest} more, see predict()"] if rest else lines


def _with_units(
    solution: Solution, rows: list[list[str]], places: Sequence[int]
) -> list[list[str]]:
    """The table with the unit of the targets in its header, or with a column of units."""
    units = [""] * len(places)
    if solution.facts is not None:
        units = [solution.facts.target_units[place] for place in places]
    if len(set(units)) > 1:
        return [[*row, unit] for row, unit in zip(rows, ["unit", *units], strict=True)]
    if not units or not units[0]:
        return rows
    (first, second, *others), *rest = rows
    return [[first, f"{second} / {units[0]}", *others], *rest]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows of a table as lines, with columns aligned at the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
