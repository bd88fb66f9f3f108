"""Where the starts of a search ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..content import Solution
from ..errors import require_answer
from .style import FAINT, FITTED, new_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_ends(solutions: Sequence[Solution]) -> Figure:
    """Draw the ends of a search; see `search_ends`."""
    require_answer("search_ends", solutions[0])
    found = [one for one in solutions if one.has_answer]
    tried = found[0].starts
    counts = [one.agreeing for one in found]
    labels = [f"loss {one.loss:.4g}" for one in found]
    elsewhere = tried - sum(counts)
    if elsewhere > 0:
        counts.append(elsewhere)
        labels.append("elsewhere, or not finished")
    figure, axes = new_axes(1.0 + 0.32 * len(counts))
    colours = [FITTED] * len(found) + [FAINT] * (len(counts) - len(found))
    places = np.arange(len(counts))
    bars = axes.barh(places, counts, color=colours, height=0.7)
    axes.bar_label(bars, padding=3, fontsize=8)
    axes.set_yticks(places, labels)
    axes.invert_yaxis()
    axes.set_xlabel(f"starts that ended here, of {tried}")
    axes.locator_params(axis="x", integer=True)
    axes.margins(x=0.12)
    return figure
