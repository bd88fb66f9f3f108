"""What the commands on problem files share: their options, and their messages."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..problem import Problem

ProblemPath = Annotated[
    Path, typer.Argument(metavar="FILE", help="A problem file, as `eigenfit init` writes one.")
]
DataFile = Annotated[
    str | None,
    typer.Option(help="Other data than those of the problem file; - is standard input."),
]
AllowPython = Annotated[
    bool,
    typer.Option("--allow-python", help='Run the Python file of a problem with type = "python".'),
]
AcceptBadRows = Annotated[
    bool,
    typer.Option(
        "--accept-bad-rows",
        help="Lines of the data that cannot be understood are named, but are no failure.",
    ),
]


def read_problem(path: Path, data: str | None = None, allow_python: bool = False) -> Problem:
    """Read a problem file, and name the lines of its data that were left out.

    Raises:
        typer.Exit: with 2 if it cannot be understood.
    """
    with explained():
        from ..problem import Problem

        problem = Problem.read(path, allow_python=allow_python, data_file=data)
    for fault in problem.faults:
        say(f"{fault} This line is left out.")
    return problem


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn what is wrong with a problem, or missing in the installation, into a message.

    Raises:
        typer.Exit: with 2.
    """
    try:
        yield
    except (ValueError, ModuleNotFoundError) as error:
        from ..problem import ProblemError

        if not isinstance(error, (ProblemError, ModuleNotFoundError)):
            raise
        for line in str(error).splitlines():
            say(line)
        raise typer.Exit(2) from None


def say(text: str) -> None:
    """A line on standard error."""
    print(f"eigenfit: {text}", file=sys.stderr)


def ends_with(problem: Problem, accept_bad_rows: bool, lost: int = 0) -> None:
    """End the command with the status that its data and answers deserve.

    Args:
        problem: with the lines that were left out.
        accept_bad_rows: whether these are no failure.
        lost: how many spectra have no answer.

    Raises:
        typer.Exit: with 2 for lines that were left out, 1 for spectra without an answer.
    """
    if problem.faults and not accept_bad_rows:
        raise typer.Exit(2)
    if lost:
        raise typer.Exit(1)
