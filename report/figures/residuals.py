"""Normalized residuals: observed minus fitted in standard errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..content import Datum, Solution
from ..errors import require_answer, require_data
from .style import FAINT, OBSERVED, new_axes, plain, shortened, with_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# More data than this are drawn without their names, by observed value.
_MOST_NAMES = 40
# So many of the largest are named then.
_NAMED = 4


def draw_residuals(solution: Solution) -> Figure:
    """Draw the normalized residuals; see `normalized_residuals`."""
    require_answer("normalized_residuals", solution)
    data = [one for one in solution.counting if np.isfinite(one.residual)]
    require_data("normalized_residuals", data)
    values = np.array([one.normalized for one in data])
    quantity = "(observed - fitted) / standard error"
    normalized = bool(np.isfinite(values).all())
    if not normalized:
        # Without degrees of freedom the size of the errors is not known.
        values = np.array([one.residual for one in data])
        units = {one.unit for one in data}
        quantity = with_unit("observed - fitted", units.pop() if len(units) == 1 else "")
    by_name = len(data) <= _MOST_NAMES
    figure, axes = new_axes(float(np.clip(0.9 + 0.19 * len(data), 2.0, 8.0)) if by_name else 3.4)
    if by_name:
        # Normalized residuals have the same scale wherever they are small.
        least = 2.2 if normalized else np.finfo(float).tiny
        _draw_by_name(axes, values, [one.label for one in data], least)
        axes.set_xlabel(quantity)
    else:
        _draw_by_value(axes, values, np.array([one.fitted for one in data]), data)
        axes.set_ylabel(quantity)
        axes.set_xlabel("fitted" if np.isfinite(data[0].fitted) else "number of the target")
    if normalized:
        band = axes.axvspan if by_name else axes.axhspan
        band(-2.0, 2.0, color=FAINT, alpha=0.15, linewidth=0)
        band(-1.0, 1.0, color=FAINT, alpha=0.2, linewidth=0)
    return figure


def _draw_by_name(axes: Axes, values: np.ndarray, labels: list[str], least: float) -> None:
    """Bars from zero, one below the other, on a scale that reaches at least so far."""
    places = np.arange(len(values))
    axes.hlines(places, 0.0, values, colors=OBSERVED, linewidth=1.2)
    axes.plot(values, places, "o", color=OBSERVED, markersize=4)
    axes.axvline(0.0, color="black", linewidth=0.8)
    axes.set_yticks(places, [plain(shortened(label)) for label in labels])
    axes.set_ylim(len(values) - 0.4, -0.6)
    largest = max(np.abs(values).max() * 1.1, least)
    axes.set_xlim(-largest, largest)


def _draw_by_value(
    axes: Axes, values: np.ndarray, fitted: np.ndarray, data: Sequence[Datum]
) -> None:
    """Points over the fitted value, the largest with their names."""
    across = fitted if np.isfinite(fitted).all() else np.arange(len(values))
    axes.plot(across, values, "o", color=OBSERVED, markersize=3)
    axes.axhline(0.0, color="black", linewidth=0.8)
    for place in np.argsort(-np.abs(values))[:_NAMED]:
        axes.annotate(
            plain(shortened(data[place].label)),
            (across[place], values[place]),
            xytext=(0, 5),
            textcoords="offset points",
            horizontalalignment="center",
            fontsize=8,
        )
