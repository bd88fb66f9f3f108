"""`eigenfit predict`: what would be measured if the fitted model is right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .problem_file import (
    AcceptBadRows,
    AllowPython,
    DataFile,
    ProblemPath,
    ends_with,
    explained,
    read_problem,
    say,
)

if TYPE_CHECKING:
    from ..problem import Problem
    from ..solver import FitResult


def predict(
    file: ProblemPath,
    output: Annotated[
        Path | None,
        typer.Option(help="Write the CSV here; standard output when left out.", dir_okay=False),
    ] = None,
    levels: Annotated[
        bool, typer.Option("--levels", help="All levels, in place of what was measured.")
    ] = False,
    results: Annotated[
        Path | None,
        typer.Option(
            help="The folder of results that `eigenfit fit` wrote; that beside the problem file "
            "when left out.",
            file_okay=False,
        ),
    ] = None,
    data: DataFile = None,
    allow_python: AllowPython = False,
    accept_bad_rows: AcceptBadRows = False,
) -> None:
    """Print what would be measured, as CSV.

    A line for each level or line that the data may hold, measured or not: what was observed, the
    fitted value, and its standard error. The error of another measurement is not included. If
    `eigenfit fit` has fitted this problem file to these data, its results are taken; else, and with
    --levels, the problem is fitted. The exit status is that of `eigenfit fit`.
    """
    if levels and results is not None:
        raise typer.BadParameter("--levels needs a new fit; leave out --results.")
    problem = read_problem(file, data, allow_python)
    from ..problem.results import levels_table, residuals_table
    from .fit import open_output

    with explained():
        if levels:
            fit = problem.fit()
            table = levels_table(problem, fit)
        else:
            fit = _fitted(problem, file, results)
            table = residuals_table(problem, fit, fit.predict())
    with open_output(output) as stream:
        table.to_csv(stream, index=False, lineterminator="\n")
        stream.flush()
    statuses = fit.status.numpy().reshape(len(problem.targets), -1)[:, 0]
    ends_with(problem, accept_bad_rows, int((statuses < 0).sum()))


def _fitted(problem: Problem, file: Path, results: Path | None) -> FitResult:
    """The fit of a folder of results; a new one if the folder beside the file has no right one.

    Raises:
        ProblemError: if the given folder has no right one.
    """
    from ..problem import ProblemError
    from ..problem.results import default_folder, saved_fit

    folder = default_folder(file) if results is None else results
    try:
        fit = saved_fit(problem, folder)
    except ProblemError:
        if results is not None:
            raise
        return problem.fit()
    say(f"taken from the results in {folder}; nothing was fitted.")
    return fit
