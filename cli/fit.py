"""`eigenfit fit`: fits a problem file, or the spectra of a file with an exported model."""

from __future__ import annotations

import contextlib
import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from .problem_file import AcceptBadRows, AllowPython, DataFile

if TYPE_CHECKING:
    import numpy as np

    from ..serving.batch.model import ExportedModel

# Rows of the first piece of a fit; also the smallest piece.
_SMALLEST_PIECE = 256


def fit(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A problem file, as `eigenfit init` writes one; or the version directory of an "
            "exported model, such as models/ho3/1.",
        ),
    ],
    targets_file: Annotated[
        Path | None,
        typer.Argument(
            metavar="TARGETS",
            help="With a model: observed levels, one spectrum a line. CSV in UTF-8 (an empty field "
            "or nan is a level that was not observed, so for a model of one level an empty line is "
            "a spectrum; where the model names its levels, the first line may hold their names, in "
            "any order, and else there is no header) or a two-dimensional .npy.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="The folder for the results; with a model the file for the CSV. When left out "
            "ho3_results beside ho3.toml; with a model standard output.",
        ),
    ] = None,
    residuals: Annotated[
        bool,
        typer.Option(
            "--residuals",
            help="With a model: add a column, observed minus fitted, for each level or line.",
        ),
    ] = False,
    conditions_file: Annotated[
        Path | None,
        typer.Option(
            "--conditions",
            metavar="FILE",
            help="With a model that asks for them: the fields, wave vectors, angles of the "
            "spectra. CSV in UTF-8 with a condition a line; the first line has their names, such "
            "as Bx,By,Bz, and also spectrum (its number, from 1) if the spectra have different "
            "conditions. Or a .npy of shape (spectra, conditions, numbers).",
        ),
    ] = None,
    data: DataFile = None,
    allow_python: AllowPython = False,
    accept_bad_rows: AcceptBadRows = False,
) -> None:
    """Fit a problem file, or a file with a model.

    Prints the summary and writes a folder of results.

    With a model: fit every spectrum of TARGETS and print a line of CSV for each. The columns are
    status, cause (0 for none), steps, loss, the parameters by name and their standard errors (se_
    and the name), and with --residuals those of the levels (residual and the name). A model with
    several solutions gives a line for each. A model of a structure at many conditions, such as
    magnetic fields, needs --conditions.

    The exit status is 0 if every spectrum has an answer; 1 if some have none (INVALID_INPUT or
    NON_FINITE); 2 if an argument or a file is wrong, and then nothing is fitted, or if lines of the
    data could not be understood, and then the others are fitted. Standard error says why.
    """
    if source.is_dir():
        if targets_file is None:
            raise typer.BadParameter(
                f"{source} is a directory; with an exported model give a file of targets too, "
                "or give a problem file, such as ho3.toml."
            )
        for path in (targets_file, output, conditions_file):
            if path is not None and path.is_dir():
                raise typer.BadParameter(f"{path} is a directory; give a file.")
        for path in (targets_file, conditions_file):
            if path is not None and not path.exists():
                raise typer.BadParameter(f"there is no file {path}.")
        fit_model(source, targets_file, output, residuals, conditions_file)
        return
    given = {"TARGETS": targets_file, "--residuals": residuals or None}
    given["--conditions"] = conditions_file
    what = next((name for name, value in given.items() if value is not None), None)
    if what is not None:
        raise typer.BadParameter(
            f"{what} belongs to an exported model, and {source} is no directory. The data of a "
            "problem file are named in it, or by --data."
        )
    from .fit_problem import fit_problem

    fit_problem(source, output, data, allow_python, accept_bad_rows)


def fit_model(
    model_dir: Path,
    targets_file: Path,
    output: Path | None = None,
    residuals: bool = False,
    conditions_file: Path | None = None,
) -> None:
    """Fit every spectrum of a file with an exported model; prints a line of CSV for each.

    Args:
        model_dir: version directory of the model.
        targets_file: levels, one spectrum a line.
        output: where the CSV goes; standard output when None.
        residuals: whether there are columns of residuals.
        conditions_file: the conditions of the spectra, if the model asks for them.

    Raises:
        typer.BadParameter: if the model or a file is wrong; nothing is then fitted.
        typer.Exit: with 1 if some spectra have no answer.
    """
    import tensorflow as tf  # slow to import, so not for `--help`

    from ..serving.batch.model import read_model
    from ..solver.fit.pieces import in_pieces
    from .progress import row_progress
    from .targets import read_targets

    try:
        model = read_model(model_dir)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error)) from None
    levels = target_names(model_dir, model.width)
    targets = read_targets(targets_file, model.width, levels)
    if not len(targets):
        raise typer.BadParameter(
            f"{targets_file} holds no spectrum; write {model.width} levels a line."
        )
    inputs = {"targets": targets, **conditions_of(model, conditions_file, len(targets))}
    serve = load_fit(model_dir)
    # Open it before the fit, so that a wrong path does not lose the answers, and after the targets
    # are read, which may be in the same file.
    with open_output(output) as file:
        # In pieces, so that Ctrl-C works and a terminal shows the progress.
        with row_progress() as progress:
            outputs = in_pieces(
                lambda *rows: serve(**dict(zip(inputs, rows, strict=True))),
                [tf.constant(array, model.dtype) for array in inputs.values()],
                _SMALLEST_PIECE,
                progress,
            )
        answer = {name: value.numpy() for name, value in outputs.items()}
        shown = levels or [str(number) for number in range(model.width)]
        columns = shown if residuals else None
        csv.writer(file).writerows(as_table(answer, model.parameter_names, columns))
        # Flush here: after a closed pipe (`| head -1`) Typer then ends without a traceback.
        file.flush()
    missing = without_answer(answer)
    for line in missing:
        print(f"eigenfit: {line}", file=sys.stderr)
    if missing:
        raise typer.Exit(1)


def conditions_of(model: ExportedModel, path: Path | None, rows: int) -> dict[str, np.ndarray]:
    """The conditions of the spectra as an input of the model; {} for a model that takes none.

    Args:
        model: described in its directory.
        path: of the file of conditions, if there is one.
        rows: number of spectra.

    Raises:
        typer.BadParameter: for a wrong file, for none where the model asks for conditions, and the
            other way round.
    """
    from .conditions import read_conditions

    names, limit = model.condition_names, model.conditions_limit
    if not names:
        if path is None:
            return {}
        raise typer.BadParameter(
            f"--conditions {path}: the model takes no conditions; leave the option out, or export "
            "a model of a Sweep."
        )
    if path is None:
        raise typer.BadParameter(
            f"the model asks for conditions ({', '.join(names)}), up to {limit} for each spectrum; "
            f"give --conditions FILE, a CSV file with the line {','.join(names)} and then one "
            "condition a line."
        )
    return {"conditions": read_conditions(path, names, limit, rows)}


def target_names(model_dir: Path, count: int) -> list[str] | None:
    """The names of the targets in the description of a model; None if it has none."""
    from ..export import load_solver_info

    try:
        names = load_solver_info(model_dir).get("target_names")
    except FileNotFoundError:
        return None
    return names if isinstance(names, list) and len(names) == count else None


def load_fit(model_dir: Path) -> Any:
    """Load an exported model and return its signature `serving_default`.

    Raises:
        typer.BadParameter: if it cannot be loaded.
    """
    import tensorflow as tf

    try:
        return tf.saved_model.load(str(model_dir)).signatures["serving_default"]
    except Exception as error:  # a damaged file raises nearly any kind
        raise typer.BadParameter(
            f"the model in {model_dir} cannot be loaded; export it again. {error}"
        ) from None


def open_output(path: Path | None) -> contextlib.AbstractContextManager[TextIO]:
    """Open the CSV file in UTF-8, which parameter names may need; standard output when None.

    Raises:
        typer.BadParameter: if it cannot be written.
    """
    if path is None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8", newline="")
        return contextlib.nullcontext(sys.stdout)
    try:
        return path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise typer.BadParameter(
            f"--output {path} cannot be written ({error.strerror}); pass a file in a directory "
            "that exists."
        ) from None


def as_table(
    answer: dict[str, np.ndarray], names: Sequence[str], levels: Sequence[str] | None = None
) -> list[list[str]]:
    """The answer as a table: a header, then a line for each row.

    With several solutions there is a line for each, which begins with the numbers of the spectrum
    and of the solution, counted from 1.

    Args:
        answer: the outputs of a model, by name, `[rows, ...]` or `[rows, S, ...]`.
        names: of the `p` parameters.
        levels: names of the `m` targets, for columns with their residuals; None for no such
            columns.

    Returns:
        The fields of each line, as text.
    """
    import numpy as np

    from ..solver import Status  # imports TensorFlow

    several = answer["status"].ndim == 2
    header = [*(["spectrum", "solution"] if several else []), "status", "cause"]
    header += ["steps", "loss"]
    header += [*names, *(f"se_{name}" for name in names)]
    header += [f"residual {name}" for name in levels or ()]
    lines = [header]
    for place in np.ndindex(answer["status"].shape):
        numbers = [
            answer["loss"][place],
            *answer["parameters"][place],
            *answer["standard_errors"][place],
            *([] if levels is None else answer["residuals"][place]),
        ]
        line = [str(number + 1) for number in place] if several else []
        line.append(Status(answer["status"][place]).name)
        line += [str(answer[name][place]) for name in ("cause", "steps")]
        lines.append([*line, *(repr(float(number)) for number in numbers)])
    return lines


def without_answer(answer: dict[str, np.ndarray]) -> list[str]:
    """One line of text for each reason why spectra have no answer; empty if all have one.

    Args:
        answer: the outputs of a model, by name, `[rows, ...]` or `[rows, S, ...]`.
    """
    import numpy as np

    from ..solver import Cause, Status  # imports TensorFlow

    # The best of several solutions comes first; if it failed, there are no others.
    statuses = answer["status"].reshape(len(answer["status"]), -1)[:, 0]
    causes = answer["cause"].reshape(len(statuses), -1)[:, 0]
    lines = []
    for status, cause in sorted(
        set(zip(statuses[statuses < 0], causes[statuses < 0], strict=True))
    ):
        which = np.flatnonzero((statuses == status) & (causes == cause))
        why = Cause(cause).message if cause else Status(status).message
        lines.append(
            f"{len(which)} of {len(statuses)} spectra have no answer, the first is number "
            f"{which[0] + 1}: {Status(status).name}, {why}"
        )
    return lines
