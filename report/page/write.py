"""Write the page of a fit."""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Mapping, Sequence

from eigenfit.extras import need
from eigenfit.whole_file import write_whole

from ...solver import FitResult, Trace
from ..content import Batch, batch_of, path_of, rows_of, source_of
from .compose import compose
from .layout import Page
from .provenance import provenance_of

_TEMPLATES = pathlib.Path(__file__).parent / "templates"
# What no page may hold: control characters but tabs and line breaks, and halves of characters.
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
# As many rows of a batch are shown in full unless the caller chooses.
_ROWS_IN_FULL = 3


def write_report(
    fit: FitResult,
    path: str | os.PathLike[str],
    *,
    title: str = "Result of a fit",
    provenance: Mapping[str, object] | None = None,
    rows: Sequence[int] | None = None,
    trace: Trace | None = None,
    worst: int = 10,
) -> pathlib.Path:
    """Write a page that shows a fit: one HTML file that needs no other file and no network.

    It says first in words what came out, with the warnings that matter. Then it shows the
    parameters with their errors, observed and fitted values, figures, and other solutions; for a
    batch the rows by status, the distributions of the parameters and the rows to look at first;
    at the end where the numbers come from.

    Args:
        fit: what `fit` of a solver returned.
        path: the file to write, such as "report.html". One that exists is replaced.
        title: the heading of the page.
        provenance: what else to say of the origin, by name, such as {"problem file": "ho3.toml"}.
            Versions, a digest of the data, the seed and the time are always there.
        rows: the numbers of the rows that are shown in full. When None, all of up to three rows,
            and of more the first and those two that should be looked at first.
        trace: what `trace` of the solver returned, for a figure of the way of the eigenvalues in
            the first of these rows; its row number is that of the row.
        worst: how many rows of a batch to list that should be looked at first.

    Returns:
        The path of the file.

    Raises:
        ModuleNotFoundError: without the extra `report`.
        ValueError: for a row that does not exist.
        OSError: if the file cannot be written.

    Example:
        >>> fit = SpectralSolver(Toeplitz(2)).fit([[1.0, 3.0]])
        >>> write_report(fit, "report.html", title="Two levels").name
        'report.html'
    """
    text = render_report(
        fit, title=title, provenance=provenance, rows=rows, trace=trace, worst=worst
    )
    target = pathlib.Path(path)
    write_whole(target, text.encode("utf-8"))
    return target


def render_report(
    fit: FitResult,
    *,
    title: str = "Result of a fit",
    provenance: Mapping[str, object] | None = None,
    rows: Sequence[int] | None = None,
    trace: Trace | None = None,
    worst: int = 10,
) -> str:
    """The page of `write_report` as text; see there."""
    batch = batch_of(fit)
    chosen = _chosen(batch) if rows is None else [*rows]
    if not chosen and len(batch.statuses) == 1:
        chosen = [0]
    shown = [*zip(chosen, rows_of(fit, chosen), strict=True)]
    way = path_of(trace, chosen[0]) if trace is not None and chosen else None
    said = provenance_of(source_of(fit), provenance or {})
    return _render(compose(title, batch, shown, way, said, worst))


def _chosen(batch: Batch) -> list[int]:
    """The rows that are shown in full unless the caller chooses."""
    count = len(batch.statuses)
    if count <= _ROWS_IN_FULL:
        return list(range(count))
    return list(dict.fromkeys([0, *batch.worst(_ROWS_IN_FULL - 1)]))


def _render(page: Page) -> str:
    """The HTML of a page; names may hold any character."""
    need("report", "jinja2")
    import jinja2
    import markupsafe

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    # Figures are elements already; every other text is escaped.
    environment.filters["element"] = markupsafe.Markup
    text = environment.get_template("page.html").render(page=page)
    text = _NO_TEXT.sub("\ufffd", text)
    return text
