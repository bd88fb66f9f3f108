"""`eigenfit fit`: the spectra of a file, as a table."""

from __future__ import annotations

import contextlib
import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TextIO

import numpy as np
import typer

from .targets import read_targets

# Rows of the first piece of a fit, and of the smallest.
_SMALLEST_PIECE = 256

ModelDir = Annotated[
    Path,
    typer.Argument(help="Version directory of an exported model, as models/ho3/1.", exists=True),
]


def fit(
    model_dir: ModelDir,
    targets_file: Annotated[
        Path,
        typer.Argument(
            help="Observed levels, one spectrum a line: CSV in UTF-8 (an empty field or nan is a "
            "level that was not observed, so for a model of one level an empty line is a spectrum; "
            "no header) or a two-dimensional .npy.",
            exists=True,
            dir_okay=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(help="Write the CSV here; standard output when left out.", dir_okay=False),
    ] = None,
) -> None:
    """Fit every spectrum of a file with an exported model; prints a line of CSV for each.

    The columns are status, cause (0, or the number of what is wrong with the spectrum), steps,
    loss, the parameters by name and their standard errors, se_ and the name; for a model that finds
    several solutions, a line for each.

    Ends with 0 if every spectrum has an answer, with 1 if some have none (INVALID_INPUT or
    NON_FINITE; why is said on standard error), with 2 if something is wrong with an argument, the
    model or the file, and then nothing is fitted.
    """
    import tensorflow as tf  # slow to import: `--help` does without

    from ..serving.batch.model import read_model
    from ..solver.fit.pieces import in_pieces, show

    try:
        model = read_model(model_dir)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error)) from None
    targets = read_targets(targets_file, model.width)
    if not len(targets):
        raise typer.BadParameter(
            f"{targets_file} holds no spectrum; write {model.width} levels a line."
        )
    serve = load_fit(model_dir)
    # Opened before the fit, so that a wrong path does not cost the answers, and after the targets
    # are read, which may be in the same file.
    with open_output(output) as file:
        # Between pieces Ctrl-C stops it, and a person is told how far it is.
        outputs = in_pieces(
            lambda rows: serve(targets=rows),
            [tf.constant(targets, model.dtype)],
            _SMALLEST_PIECE,
            show if sys.stderr.isatty() and len(targets) > _SMALLEST_PIECE else None,
        )
        answer = {name: value.numpy() for name, value in outputs.items()}
        csv.writer(file).writerows(as_table(answer, model.parameter_names))
        # Now, not when Python ends: if nobody reads any more (`| head -1`), Typer ends quietly.
        file.flush()
    missing = without_answer(answer)
    for line in missing:
        print(f"eigenfit: {line}", file=sys.stderr)
    if missing:
        raise typer.Exit(1)


def load_fit(model_dir: Path) -> Any:
    """The signature of an exported model that fits.

    Raises:
        typer.BadParameter: if it cannot be loaded.
    """
    import tensorflow as tf

    try:
        return tf.saved_model.load(str(model_dir)).signatures["serving_default"]
    except Exception as error:  # of nearly any kind, if a file is damaged
        raise typer.BadParameter(
            f"the model in {model_dir} cannot be loaded; export it again. {error}"
        ) from None


def open_output(path: Path | None) -> contextlib.AbstractContextManager[TextIO]:
    """The file for the CSV, in UTF-8 as names of parameters need it; standard output when None.

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


def as_table(answer: dict[str, np.ndarray], names: Sequence[str]) -> list[list[str]]:
    """A header and a line for each row of the answer.

    A model that finds several solutions gives a line for each of them, with the numbers of the
    spectrum and of the solution, from 1, in front.

    Args:
        answer: the outputs of a model, by name.
        names: of the parameters.
    """
    from ..solver import Status  # imports TensorFlow

    several = answer["status"].ndim == 2
    header = [*(["spectrum", "solution"] if several else []), "status", "cause"]
    header += ["steps", "loss"]
    header += [*names, *(f"se_{name}" for name in names)]
    lines = [header]
    for place in np.ndindex(answer["status"].shape):
        numbers = [
            answer["loss"][place],
            *answer["parameters"][place],
            *answer["standard_errors"][place],
        ]
        line = [str(number + 1) for number in place] if several else []
        line.append(Status(answer["status"][place]).name)
        line += [str(answer[name][place]) for name in ("cause", "steps")]
        lines.append([*line, *(repr(float(number)) for number in numbers)])
    return lines


def without_answer(answer: dict[str, np.ndarray]) -> list[str]:
    """A line for each reason why spectra have no answer; none if all have one.

    Args:
        answer: the outputs of a model, by name.
    """
    from ..solver import Cause, Status  # imports TensorFlow

    # Of several solutions the first is the best: where it is none, there are no others.
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
