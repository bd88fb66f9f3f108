"""The correlation matrix of the parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..content import Solution
from ..errors import require_answer
from .style import new_axes, plain, shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The numbers are written into at most so many cells a line, and names beside at most so many lines.
_MOST_NUMBERS, _MOST_NAMES = 9, 30


def draw_correlations(solution: Solution) -> Figure:
    """Draw the correlation matrix; see `correlation_matrix`."""
    require_answer("correlation_matrix", solution)
    found = solution.correlation
    count = len(found)
    figure, axes = new_axes(float(np.clip(1.6 + 0.42 * count, 2.4, 4.6)))
    axes.set_facecolor("#eeeeee")  # shows through where there is no number
    edges = np.arange(count + 1) - 0.5
    cells = axes.pcolormesh(edges, edges, found, cmap="RdBu_r", vmin=-1.0, vmax=1.0)
    axes.set_aspect("equal")
    axes.invert_yaxis()
    # In steps: a continuous scale would be stored as a picture of dots.
    steps = np.linspace(-1.0, 1.0, 21)
    figure.colorbar(cells, ax=axes, shrink=0.8, boundaries=steps, ticks=steps[::5])
    if count <= _MOST_NAMES:
        names = [plain(shortened(one.name, 16)) for one in solution.parameters]
        axes.set_xticks(range(count), names, rotation=90 if count > 4 else 0)
        axes.set_yticks(range(count), names)
    if count <= _MOST_NUMBERS:
        for line, column in np.ndindex(count, count):
            value = found[line, column]
            axes.text(
                column,
                line,
                f"{value:.2f}" if np.isfinite(value) else "\u2013",
                color="white" if abs(value) > 0.6 else "black",
                fontsize=8,
                horizontalalignment="center",
                verticalalignment="center",
            )
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure
