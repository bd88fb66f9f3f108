"""`eigenfit check`: what a problem file means, without a fit."""

from __future__ import annotations

from .problem_file import (
    AcceptBadRows,
    AllowPython,
    DataFile,
    ProblemPath,
    ends_with,
    explained,
    read_problem,
)


def check(
    file: ProblemPath,
    data: DataFile = None,
    allow_python: AllowPython = False,
    accept_bad_rows: AcceptBadRows = False,
) -> None:
    """Say what a problem file means.

    There is no fit: sizes, parameters, data by state, degrees of freedom, and which parameters the
    data cannot determine. The exit status is 0, or 2 if something cannot be understood.
    """
    problem = read_problem(file, data, allow_python)
    with explained():
        print(problem.check(), flush=True)
    ends_with(problem, accept_bad_rows)
