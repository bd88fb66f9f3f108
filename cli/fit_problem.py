"""`eigenfit fit FILE`: fits a problem file and writes a folder of results."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .problem_file import ends_with, explained, read_problem
from .progress import row_progress


def fit_problem(
    path: Path, output: Path | None, data: str | None, allow_python: bool, accept_bad_rows: bool
) -> None:
    """Fit a problem file; print the summary and write the results.

    Args:
        path: the problem file.
        output: the folder for the results; beside the problem file when None.
        data: other data than those of the file.
        allow_python: whether a Python file of the problem may be run.
        accept_bad_rows: whether lines that are left out are no failure.

    Raises:
        typer.Exit: with 2 if something is wrong, 1 if spectra have no answer.
    """
    problem = read_problem(path, data, allow_python)
    from ..problem.results import check_folder, default_folder, summary, write_results

    folder = default_folder(path) if output is None else output
    with explained():
        check_folder(folder)  # before the fit, so that its answer is not lost
        with row_progress() as progress:
            fit = problem.fit(progress=progress)
        written = write_results(problem, fit, folder)
    print(summary(problem, fit))
    page = " Open report.html there." if (written / "report.html").exists() else ""
    print(f"\nResults are in {written}.{page}", flush=True)
    # The best of several solutions comes first; if it failed, there are no others.
    statuses = np.asarray(fit.status).reshape(len(problem.targets), -1)[:, 0]
    ends_with(problem, accept_bad_rows, int((statuses < 0).sum()))
