"""The contents of a page from the contents of a fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..content import Batch, Path, Solution
from ..figures.comparison import draw_comparison
from ..figures.correlations import draw_correlations
from ..figures.distributions import draw_distributions
from ..figures.ends import draw_ends
from ..figures.levels import draw_levels
from ..figures.paths import draw_paths
from ..figures.residuals import draw_residuals
from ..words import answer_of_batch, answer_of_row
from .layout import Page, Part, Picture, Pictures, Table
from .svg import as_svg
from .tables import (
    data_table,
    parameter_table,
    prediction_table,
    solution_table,
    status_table,
    worst_table,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# A figure: how it is drawn, its name and its caption.
Drawing = tuple[Callable[[], "Figure"], str, str]


def compose(
    title: str,
    batch: Batch,
    rows: Sequence[tuple[int, Sequence[Solution]]],
    path: Path | None,
    provenance: Sequence[tuple[str, str]],
    worst: int,
) -> Page:
    """The page of a fit.

    Args:
        title: its heading.
        batch: all rows.
        rows: numbers and solutions of the rows that are shown in full.
        path: the way of the first of these; None for no such figure.
        provenance: names and values.
        worst: how many rows to list that should be looked at first.
    """
    if len(batch.statuses) == 1:
        ((_, solutions),) = rows
        part = Part("", (), [*_blocks("row", solutions, path)])
        return Page(title, answer_of_row(solutions), [part], provenance)
    parts = [Part("", (), [*_batch_blocks(batch, worst)])]
    for place, (row, solutions) in enumerate(rows):
        blocks = [*_blocks(f"row{row}", solutions, path if place == 0 else None)]
        parts.append(Part(f"Row {row}", answer_of_row(solutions), blocks))
    return Page(title, answer_of_batch(batch), parts, provenance)


def _batch_blocks(batch: Batch, worst: int) -> Iterator[Table | Pictures]:
    """Tables and figures of a batch."""
    yield status_table(batch)
    if any(status > 0 for status in batch.statuses):
        caption = "How the fitted parameters are distributed over the rows."
        yield _pictures([(lambda: draw_distributions(batch), "distributions", caption)])
    if worst:
        yield worst_table(batch, worst)


def _blocks(
    name: str, solutions: Sequence[Solution], path: Path | None
) -> Iterator[Table | Pictures]:
    """Tables and figures of a row; none if it has no answer."""
    best = solutions[0]
    if not best.has_answer:
        return
    yield parameter_table(best)
    if best.counting:
        yield data_table(best)
    predicted = prediction_table(best)
    if predicted is not None:
        yield predicted
    yield _pictures(_drawings(name, solutions, path))
    if sum(one.has_answer for one in solutions) > 1:
        yield solution_table(solutions)


def _drawings(name: str, solutions: Sequence[Solution], path: Path | None) -> Iterator[Drawing]:
    """The figures of a row that have something to show."""
    best = solutions[0]
    yield (lambda: draw_levels(best)), f"{name}-levels", "Level diagram."
    if any(np.isfinite(one.observed) for one in best.counting):
        caption = "Observed against fitted values; the largest deviations are named."
        yield (lambda: draw_comparison(best)), f"{name}-comparison", caption
    if best.counting:
        caption = "Observed minus fitted."
        if any(np.isfinite(one.normalized) for one in best.counting):
            caption = (
                "Normalized residuals. Two thirds are expected in the inner band, all but one in "
                "twenty in the outer."
            )
        yield (lambda: draw_residuals(best)), f"{name}-residuals", caption
    if len(best.parameters) > 1 and np.isfinite(best.correlation).any():
        caption = "Correlations of the parameters."
        yield (lambda: draw_correlations(best)), f"{name}-correlations", caption
    if best.starts > 1:
        caption = "Where the starting points of the search ended."
        yield (lambda: draw_ends(solutions)), f"{name}-ends", caption
    if path is not None and len(path.loss):
        caption = "The eigenvalues on their way from the first start."
        yield (lambda: draw_paths(path, unit=best.level_unit)), f"{name}-path", caption


def _pictures(drawings: Sequence[Drawing] | Iterator[Drawing]) -> Pictures:
    return Pictures(
        [Picture(as_svg(draw(), name, caption), caption) for draw, name, caption in drawings]
    )
