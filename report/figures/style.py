"""The look that all figures share, and texts that Matplotlib shows as they are."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from eigenfit.extras import need

from ..numbers import shown_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours that the colour-blind can tell apart (Okabe & Ito 2008).
OBSERVED = "#d55e00"
FITTED = "#0072b2"
FAINT = "#9aa5b1"
GOOD, POOR = "#009e73", "#cc79a7"
#: Inches: as wide as a phone shows without making the letters too small.
WIDTH = 4.8
_FONT = 10.0


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """An empty figure, unknown to pyplot, so that nobody has to close it.

    Args:
        height: in inches.
        width: in inches.
    """
    need("report", "matplotlib")
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def new_axes(height: float, width: float = WIDTH) -> tuple[Figure, Axes]:
    """A figure with one pair of axes, without the lines above and on the right."""
    figure = new_figure(height, width)
    axes = figure.add_subplot()
    tidy(axes)
    return figure, axes


def tidy(axes: Axes) -> None:
    """Take away the lines above and on the right, and set the size of the letters."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=_FONT - 1)
    axes.xaxis.label.set_fontsize(_FONT)
    axes.yaxis.label.set_fontsize(_FONT)


def plain(text: str) -> str:
    r"""The text so that Matplotlib shows it letter for letter.

    Between two `$` Matplotlib reads formulas, and a name may hold any character. Control
    characters, which no picture can hold, become `\ufffd`.
    """
    shown = "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)
    return shown.replace("$", r"\$")


def with_unit(quantity: str, unit: str) -> str:
    """`level (cm^-1)`, or `level` without a unit."""
    return plain(f"{quantity} ({shown_unit(unit)})" if unit else quantity)


def shortened(text: str, most: int = 24) -> str:
    """At most so many letters, with `...` in the middle of a longer text."""
    if len(text) <= most:
        return text
    kept = most - 1
    return f"{text[: kept - kept // 2]}\u2026{text[len(text) - kept // 2 :]}"
