"""The tables of a page."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..content import Batch, Datum, Solution
from ..numbers import decimals_for, few_digits, fixed, shown_unit, with_error
from .layout import Table

# More data than this make a table that nobody reads.
_MOST_DATA = 300


def parameter_table(solution: Solution) -> Table:
    """The parameters with their errors and units."""
    lines = [
        (one.name, with_error(one.value, one.error, 6), shown_unit(one.unit), _remark(one.error))
        for one in solution.parameters
    ]
    keep = [0, 1] + [column for column in (2, 3) if any(line[column] for line in lines)]
    head = ("parameter", "value", "unit", "")
    return Table(
        "Parameters",
        [head[column] for column in keep],
        [[line[column] for column in keep] for line in lines],
        texts=(2, 3),
        note="The digits in brackets are one standard error, in units of the last digits.",
    )


def _remark(error: float) -> str:
    if np.isinf(error):
        return "error not determined"
    return "at its bound" if np.isnan(error) else ""


def data_table(solution: Solution) -> Table:
    """Observed minus fitted, by state."""
    data = solution.counting
    note = ""
    if len(data) > _MOST_DATA:
        note = f"The {_MOST_DATA} largest of {len(data)} deviations."
        data = sorted(data, key=lambda one: -abs(one.residual))[:_MOST_DATA]
    units = sorted({shown_unit(one.unit) for one in data})
    unit = f" ({units[0]})" if len(units) == 1 and units[0] else ""
    decimals = _decimals(data)
    lines = [
        (
            one.label,
            one.side + with_error(one.observed, one.sigma, decimals),
            with_error(one.fitted, one.fitted_error, decimals),
            _difference(one.residual, decimals),
            fixed(one.normalized, 1),
        )
        for one in data
    ]
    head = ["state", f"observed{unit}", f"fitted{unit}", f"observed \u2212 fitted{unit}"]
    head.append("in standard errors")
    columns = 5 if any(np.isfinite(one.normalized) for one in data) else 4
    return Table(
        "Observed and fitted", head[:columns], [line[:columns] for line in lines], note=note
    )


def _difference(residual: float, decimals: int) -> str:
    """A residual with so many decimals, or two digits if these were all 0, as in an exact fit."""
    small = abs(residual) < 0.5 * 10.0**-decimals
    return few_digits(residual, 2) if small else fixed(residual, decimals)


def prediction_table(solution: Solution) -> Table | None:
    """What the model predicts for targets that were not observed; None if there are none."""
    data = [one for one in solution.data if not one.counts and np.isfinite(one.fitted)]
    data = [one for one in data if one.upper < 0 or one.upper != one.lower]
    if not data:
        return None
    decimals = _decimals(solution.counting)
    lines = [
        (one.label, with_error(one.fitted, one.fitted_error, decimals), shown_unit(one.unit))
        for one in data[:_MOST_DATA]
    ]
    columns = 3 if any(line[2] for line in lines) else 2
    more = len(data) - len(lines)
    return Table(
        "Not observed: what the model predicts",
        ["state", "predicted", "unit"][:columns],
        [line[:columns] for line in lines],
        texts=(2,),
        note=f"The first {len(lines)} of {len(data)}." if more else "",
    )


def solution_table(solutions: Sequence[Solution]) -> Table:
    """All solutions of a row side by side, a line for each quantity."""
    found = [one for one in solutions if one.has_answer]
    lines = [
        ("status", *(one.status.name for one in found)),
        ("loss", *(few_digits(one.loss, 5) for one in found)),
        ("rms deviation", *(few_digits(one.misfit.rms, 4) for one in found)),
        ("starts that ended there", *(str(one.agreeing) for one in found)),
    ]
    for place, parameter in enumerate(found[0].parameters):
        values = [one.parameters[place] for one in found]
        unit = f" ({shown_unit(parameter.unit)})" if parameter.unit else ""
        lines.append(
            (parameter.name + unit, *(with_error(one.value, one.error, 6) for one in values))
        )
    head = ["", "this answer", *(f"solution {number + 2}" for number in range(len(found) - 1))]
    return Table("Other solutions", head, lines)


def status_table(batch: Batch) -> Table:
    """How many rows have each status."""
    lines = [(one.name, str(count), one.message) for one, count in batch.counts.items()]
    return Table("Rows by status", ["status", "rows", "meaning"], lines, texts=(2,))


def worst_table(batch: Batch, most: int) -> Table:
    """The rows to look at first."""
    lines = []
    for row in batch.worst(most):
        cause = batch.causes[row]
        lines.append(
            (
                str(row),
                batch.statuses[row].name,
                few_digits(batch.losses[row], 4),
                few_digits(batch.rms[row], 4),
                cause.message if cause else "",
            )
        )
    columns = 5 if any(line[4] for line in lines) else 4
    head = ["row", "status", "loss", "rms deviation", "cause"]
    return Table(
        "Rows to look at first",
        head[:columns],
        [line[:columns] for line in lines],
        texts=(1, 4),
        note="Rows are counted from 0. Those without an answer come first, then unfinished ones, "
        "then the largest loss.",
    )


def _decimals(data: Sequence[Datum]) -> int:
    return decimals_for([one.residual for one in data], [one.fitted for one in data])
