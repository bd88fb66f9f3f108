"""`eigenfit predict`: what would be measured if the fitted model is right."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .problem_file import (
    AcceptBadRows,
    AllowPython,
    DataFile,
    ProblemPath,
    ends_with,
    explained,
    read_problem,
)


def predict(
    file: ProblemPath,
    output: Annotated[
        Path | None,
        typer.Option(help="Write the CSV here; standard output when left out.", dir_okay=False),
    ] = None,
    levels: Annotated[
        bool, typer.Option("--levels", help="All levels, in place of what was measured.")
    ] = False,
    data: DataFile = None,
    allow_python: AllowPython = False,
    accept_bad_rows: AcceptBadRows = False,
) -> None:
    """Print what would be measured, as CSV.

    The problem file is fitted. A line for each level or line that the data may hold, measured or
    not: what was observed, the fitted
    value, and its standard error. The error of another measurement is not included. The exit status
    is that of `eigenfit fit`.
    """
    problem = read_problem(file, data, allow_python)
    from ..problem.results import levels_table, residuals_table
    from .fit import open_output

    with explained():
        fit = problem.fit()
        if levels:
            table = levels_table(problem, fit)
        else:
            table = residuals_table(problem, fit, fit.predict())
    with open_output(output) as stream:
        table.to_csv(stream, index=False, lineterminator="\n")
        stream.flush()
    statuses = fit.status.numpy().reshape(len(problem.targets), -1)[:, 0]
    ends_with(problem, accept_bad_rows, int((statuses < 0).sum()))
