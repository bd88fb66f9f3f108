"""The level diagram: observed levels beside fitted ones, names, and lines as arrows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..content import Datum, Level, Member, Solution
from ..errors import require_answer
from .apart import apart
from .style import FAINT, FITTED, OBSERVED, WIDTH, new_axes, plain, shortened, with_unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# More names than this do not fit beside a column.
_MOST_NAMES = 36
# More columns than this are too narrow for names.
_MOST_NAMED_COLUMNS = 6
# In a column of width 1: where observed levels end, fitted ones begin and end, and names begin.
_MIDDLE, _END, _NAMES = 0.24, 0.56, 0.62
_INCHES_OF_NAME = 0.155


def draw_levels(solution: Solution) -> Figure:
    """Draw the level diagram of a solution; see `level_diagram`."""
    require_answer("level_diagram", solution)
    members, data = solution.members, solution.data
    seen = {number for one in data if one.counts for number in (one.upper, one.lower)} - {-1}
    grounds = {one.upper for one in data if one.upper == one.lower}
    lines = [one for one in data if _is_line(one, grounds)]
    levels = [one for one in data if one.upper >= 0 and not _is_line(one, grounds)]
    named = [_named(member, seen, len(members)) for member in members]
    most = max(map(len, named), default=0)
    height = float(np.clip(0.9 + _INCHES_OF_NAME * most, 3.2, 7.0))
    figure, axes = new_axes(height, float(np.clip(1.3 * len(members), WIDTH, 2 * WIDTH)))
    places = {
        level.number: (column, level.value)
        for column, member in enumerate(members)
        for level in member.levels
    }
    begin = 0.0 if not levels else _MIDDLE + 0.08
    for column, member in enumerate(members):
        _draw_rungs(axes, column, begin, member.levels, seen)
    # A zero of the scale is drawn where it was given.
    shown = [one for one in levels if one.counts or one.upper == one.lower]
    shown = [one for one in shown if np.isfinite(one.residual) and np.isfinite(one.observed)]
    _draw_observed(axes, shown, places)
    _draw_lines(axes, [one for one in lines if one.counts], places, begin)
    heights = [value for _, value in places.values() if np.isfinite(value)]
    span = (max(heights) - min(heights)) or 1.0
    gap = span * _INCHES_OF_NAME / max(height - 0.9, 1.0)
    for column, some in enumerate(named):
        _write_names(axes, column, some, gap)
    axes.set_xlim(-0.05, len(members) - 0.15)
    axes.set_ylabel(with_unit("level", solution.level_unit))
    axes.spines["bottom"].set_visible(False)
    labels = [plain(shortened(member.label, 14)) for member in members]
    turned = 90 if len(members) > _MOST_NAMED_COLUMNS else 0
    axes.set_xticks(np.arange(len(members)) + _END / 2, labels, rotation=turned)
    axes.tick_params(axis="x", length=0)
    _legend(axes, bool(shown), bool(lines), len(seen) < len(places))
    return figure


def _is_line(datum: Datum, grounds: set[int]) -> bool:
    """Whether a target is the distance of two levels, neither of which is a zero of the scale."""
    return datum.lower >= 0 and datum.lower not in grounds


def _named(member: Member, seen: set[int], columns: int) -> list[Level]:
    """The levels of a column whose names are written: all, or else those that were observed."""
    if columns > _MOST_NAMED_COLUMNS:
        return []
    every = [level for level in member.levels if np.isfinite(level.value)]
    if len(every) > _MOST_NAMES:
        every = [level for level in every if level.number in seen]
    return every if len(every) <= _MOST_NAMES else []


def _draw_rungs(
    axes: Axes, column: int, begin: float, levels: Sequence[Level], seen: set[int]
) -> None:
    """Draw the fitted levels, those without a datum faint."""
    for wanted, colour in ((False, FAINT), (True, FITTED)):
        values = [level.value for level in levels if (level.number in seen) is wanted]
        width = _linewidth(len(levels))
        axes.hlines(values, column + begin, column + _END, colors=colour, linewidth=width)


def _linewidth(count: int) -> float:
    """Thin enough for so many levels in a column to stay apart."""
    return float(np.clip(1.4 * _MOST_NAMES / max(count, 1), 0.2, 1.4))


def _draw_observed(axes: Axes, data: Sequence[Datum], places: dict[int, tuple[int, float]]) -> None:
    """Draw observed levels beside their fitted ones, which give them the zero of the scale."""
    for datum in data:
        column, fitted = places[datum.upper]
        value = fitted + datum.residual
        left, right = column + 0.0, column + _MIDDLE
        axes.hlines([value], left, right, colors=OBSERVED, linewidth=_linewidth(len(data)))
        axes.plot(
            [right, column + _MIDDLE + 0.08],
            [value, fitted],
            color=FAINT,
            linewidth=0.4 * _linewidth(len(data)),
            zorder=0,
        )
        if np.isfinite(datum.sigma):
            axes.errorbar(
                [(left + right) / 2], [value], [datum.sigma], color=OBSERVED, linewidth=0.8
            )


def _draw_lines(
    axes: Axes,
    lines: Sequence[Datum],
    places: dict[int, tuple[int, float]],
    begin: float,
) -> None:
    """Draw each line as an arrow of the observed length from its lower level."""
    inside = begin + (_END - begin) * (np.arange(len(lines)) + 0.5) / max(len(lines), 1)
    for datum, across in zip(lines, inside, strict=True):
        (first, low), (last, high) = places[datum.lower], places[datum.upper]
        end = high + datum.residual
        if not np.isfinite(end) or not np.isfinite(low):
            continue
        axes.annotate(
            "",
            xy=(last + across, end),
            xytext=(first + across, low),
            arrowprops={
                "arrowstyle": "-|>",
                "color": OBSERVED,
                "linewidth": 0.8,
                "shrinkA": 0,
                "shrinkB": 0,
                "mutation_scale": 7,
            },
        )


def _write_names(axes: Axes, column: int, levels: Sequence[Level], gap: float) -> None:
    """Write the names beside the levels, moved apart, with thin lines to what they name."""
    levels = sorted(levels, key=lambda level: level.value)
    heights = apart([level.value for level in levels], gap)
    for level, height in zip(levels, heights, strict=True):
        axes.plot(
            [column + _END, column + _NAMES - 0.01],
            [level.value, height],
            color=FAINT,
            linewidth=0.5,
        )
        axes.text(
            column + _NAMES,
            float(height),
            plain(shortened(level.label, 18)),
            fontsize=8,
            verticalalignment="center",
        )


def _legend(axes: Axes, levels: bool, lines: bool, unseen: bool) -> None:
    """Say what the colours mean."""
    from matplotlib.lines import Line2D

    kinds = [(OBSERVED, "observed", levels), (OBSERVED, "observed lines", lines)]
    kinds += [(FITTED, "fitted", levels or lines), (FAINT, "not observed", unseen)]
    handles = [Line2D([], [], color=colour, label=label) for colour, label, used in kinds if used]
    axes.figure.legend(
        handles=handles, loc="outside upper left", ncols=len(handles), fontsize=8, frameon=False
    )
