"""How parameters are distributed over a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..content import Batch
from .style import FITTED, new_figure, plain, shortened, tidy, with_unit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# More parameters than this make the figure too long.
_MOST_SHOWN = 24
_COLUMNS = 2


def draw_distributions(batch: Batch) -> Figure:
    """Draw a histogram of each parameter; see `parameter_distributions`."""
    answered = batch.parameters[[status > 0 for status in batch.statuses]]
    if not len(answered):
        raise ValueError("parameter_distributions: no row of the batch has an answer to draw.")
    names = batch.names[:_MOST_SHOWN]
    lines = -(-len(names) // _COLUMNS)
    figure = new_figure(0.3 + 1.5 * lines)
    grid = np.atleast_1d(figure.subplots(lines, min(_COLUMNS, len(names)), squeeze=False)).ravel()
    for axes, name, values in zip(grid, names, answered.T, strict=False):
        # Square root of the number of rows, as many programs choose; a few rows make few bars.
        bars = int(np.clip(np.sqrt(len(values)), 5, 50))
        axes.hist(values, bins=bars, range=_range(values), color=FITTED)
        axes.set_title(with_unit(shortened(name, 20), batch.units.get(name, "")), fontsize=9)
        tidy(axes)
        axes.tick_params(labelsize=8)
        axes.locator_params(axis="x", nbins=4)
        axes.locator_params(axis="y", nbins=3, integer=True)
    for axes in grid[len(names) :]:
        axes.set_visible(False)
    figure.supylabel(plain("rows"), fontsize=9)
    return figure


def _range(values: np.ndarray) -> tuple[float, float]:
    """From the lowest to the highest value; more, if they differ by rounding only."""
    low, high = float(values.min()), float(values.max())
    largest = max(abs(low), abs(high))
    if high - low > 1e-9 * largest:
        return low, high
    margin = 0.5 * largest or 0.5
    return low - margin, high + margin
