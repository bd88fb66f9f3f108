"""A result at a glance: one line of text, and a table for notebooks."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from ..wording import counted, listed
from .context import Context
from .notation import bracketed
from .status import Status

if TYPE_CHECKING:
    from .fit_result import FitResult

# Rows and parameters of the table for notebooks; names in a line of text.
_MOST_ROWS = 20
_MOST_COLUMNS = 12
_MOST_NAMES = 6


def as_text(fit: FitResult, context: Context | None) -> str:
    """What the result is, in one line: sizes, names, and how many rows have each status."""
    names = listed(_names(fit, context), _MOST_NAMES)
    sizes = [
        counted(fit.residuals.shape[-1], "target"),
        counted(fit.eigenvalues.shape[-1], "level"),
        counted(fit.parameters.shape[-1], "parameter"),
    ]
    if len(fit.status.shape) == 2:
        sizes.insert(0, counted(fit.status.shape[1], "solution"))
    if any(tf.is_symbolic_tensor(field) for field in fit):
        return f"<FitResult inside a graph: {', '.join(sizes)}: {names}>"
    sizes.insert(0, counted(len(fit.status), "row"))
    return f"<FitResult: {', '.join(sizes)}: {names}; {_statuses(fit)}>"


def as_html(fit: FitResult, context: Context | None) -> str:
    """The first rows as a table: status, loss, parameters with standard errors.

    Several solutions have a line each.
    """
    title = f"<p>{html.escape(as_text(fit, context).strip('<>'))}</p>"
    if any(tf.is_symbolic_tensor(field) for field in fit):
        return title
    names = _names(fit, context)[:_MOST_COLUMNS]
    units = [""] * len(names) if context is None else context.facts.parameter_units
    heads = [f"{name} / {unit}" if unit else name for name, unit in zip(names, units, strict=False)]
    status, loss = np.asarray(fit.status), np.asarray(fit.loss)
    values, errors = np.asarray(fit.parameters), np.asarray(fit.standard_errors)
    several = status.ndim == 2
    head = ["row", *(["solution"] if several else []), "status", "loss", *heads]
    lines = []
    for place in np.ndindex(*status[:_MOST_ROWS].shape):
        numbers = zip(values[place], errors[place], names, strict=False)
        shown = [
            "" if np.isnan(x) else bracketed(float(x), float(error)) for x, error, _ in numbers
        ]
        loss_here = "" if np.isnan(loss[place]) else f"{loss[place]:.6g}"
        number = [str(part) for part in place]
        lines.append([*number, Status(int(status[place])).name, loss_here, *shown])
    rest = []
    if len(status) > _MOST_ROWS:
        rest.append(f"{len(status) - _MOST_ROWS} more rows")
    if values.shape[-1] > _MOST_COLUMNS:
        rest.append(f"{values.shape[-1] - _MOST_COLUMNS} more parameters")
    more = f"<p>{' and '.join(rest)}</p>" if rest else ""
    body = "".join(_line("td", line) for line in lines)
    return f"{title}<table><thead>{_line('th', head)}</thead><tbody>{body}</tbody></table>{more}"


def _line(tag: str, cells: Sequence[str]) -> str:
    inside = "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells)
    return f"<tr>{inside}</tr>"


def _names(fit: FitResult, context: Context | None) -> list[str]:
    if context is not None:
        return list(context.facts.parameter_names)
    return [f"x{place}" for place in range(fit.parameters.shape[-1])]


def _statuses(fit: FitResult) -> str:
    """`990 CONVERGED, 10 STATIONARY`, of the best solutions."""
    status = np.asarray(fit.status)
    best = status[:, 0] if status.ndim == 2 else status
    counts = Counter(int(code) for code in best)
    order = sorted(counts, key=lambda code: (code < 0, abs(code)))
    return ", ".join(f"{counts[code]} {Status(code).name}" for code in order) or "no rows"
