"""`eigenfit export`: a problem file as a model that can be served."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .problem_file import AllowPython, DataFile, ProblemPath, explained, read_problem, say


def export(
    file: ProblemPath,
    model_dir: Annotated[
        Path,
        typer.Argument(help="Directory of the model, such as models/ho3; holds its versions."),
    ],
    data: DataFile = None,
    allow_python: AllowPython = False,
) -> None:
    """Make a model of a problem, for other data.

    The model has the same system, parameters and settings.

    Prints the new version directory, which `eigenfit serve` and `eigenfit fit` take, and
    TensorFlow Serving. The exit status is 0, or 2 if something is wrong.
    """
    problem = read_problem(file, data, allow_python)
    with explained():
        solver = problem.solver()
    from ..export import export_saved_model

    starts = problem.starts
    if 0 < len(starts) < problem.structure.num_parameters:
        say(
            "the model has no default starts, for the file gives them for "
            f"{', '.join(starts)} only; a caller may pass them as `initial`."
        )
    try:
        print(export_saved_model(solver, model_dir), flush=True)
    except (ValueError, OSError) as error:
        say(str(error))
        raise typer.Exit(2) from None
