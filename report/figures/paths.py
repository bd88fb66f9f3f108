"""The eigenvalues and the loss on their way from the start to the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..content import Path
from .style import FITTED, OBSERVED, new_figure, tidy, with_unit

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_paths(path: Path, targets: Sequence[float] | None = None, unit: str = "") -> Figure:
    """Draw the way of a fit; see `eigenvalue_paths`."""
    if not len(path.loss):
        raise ValueError(
            "eigenvalue_paths: the row has no steps, as it could not be fitted; draw another row."
        )
    steps = np.arange(len(path.loss))
    figure = new_figure(4.2)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    # One step alone would be a line of no length.
    marker = "o" if len(steps) == 1 else None
    above.plot(steps, path.eigenvalues, color=FITTED, linewidth=1.0, marker=marker)
    for target in [] if targets is None else np.asarray(targets, float):
        if np.isfinite(target):
            above.axhline(float(target), color=OBSERVED, linewidth=0.8, linestyle=":")
    above.set_ylabel(with_unit("eigenvalues", unit))
    below.plot(steps, path.loss, color="black", linewidth=1.0, marker=marker)
    if (path.loss > 0).all():
        below.set_yscale("log")
    below.set_ylabel("loss")
    below.set_xlabel("step")
    below.locator_params(axis="x", integer=True)
    tidy(above)
    tidy(below)
    figure.align_ylabels()
    return figure
