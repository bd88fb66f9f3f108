"""Observed values against fitted ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..content import Solution
from ..errors import require_answer, require_data
from .style import FAINT, OBSERVED, new_axes, plain, shortened, with_unit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# So many of the largest deviations are named.
_NAMED = 3


def draw_comparison(solution: Solution) -> Figure:
    """Draw observed against fitted values; see `observed_against_fitted`."""
    require_answer("observed_against_fitted", solution)
    data = [one for one in solution.counting if np.isfinite(one.observed)]
    require_data("observed_against_fitted", data)
    fitted = np.array([one.fitted for one in data])
    observed = np.array([one.observed for one in data])
    sigma = np.nan_to_num([one.sigma for one in data])
    figure, axes = new_axes(3.6)
    ends = [min(fitted.min(), observed.min()), max(fitted.max(), observed.max())]
    axes.plot(ends, ends, color=FAINT, linewidth=1.0, zorder=0)
    axes.errorbar(
        fitted,
        observed,
        sigma if sigma.any() else None,
        fmt="o",
        color=OBSERVED,
        markersize=4,
        linewidth=0.8,
    )
    for place in np.argsort([-abs(one.residual) for one in data])[:_NAMED]:
        right = fitted[place] < np.mean(ends)
        axes.annotate(
            plain(shortened(data[place].label)),
            (fitted[place], observed[place]),
            xytext=(6 if right else -6, -8 if observed[place] < fitted[place] else 4),
            textcoords="offset points",
            horizontalalignment="left" if right else "right",
            fontsize=8,
        )
    units = {one.unit for one in data}
    unit = units.pop() if len(units) == 1 else ""
    axes.set_xlabel(with_unit("fitted", unit))
    axes.set_ylabel(with_unit("observed", unit))
    return figure
