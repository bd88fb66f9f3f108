"""The options and subcommands of `eigenfit`."""

from __future__ import annotations

import contextlib
import csv
import io
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, TextIO

import numpy as np
import typer

from .targets import read_targets

# The outputs of a model that the table is made of.
_OUTPUTS = ("status", "steps", "loss", "parameters", "standard_errors")

# Rows of the first piece of a fit, and of the smallest.
_SMALLEST_PIECE = 256

application = typer.Typer(add_completion=False, no_args_is_help=True)

ModelDir = Annotated[
    Path,
    typer.Argument(help="Version directory of an exported model, as models/ho3/1.", exists=True),
]


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"eigenfit {version('eigenfit')}")
        raise typer.Exit


@application.callback(invoke_without_command=True)
def options(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and stop."
        ),
    ] = False,
) -> None:
    """Fit the parameters of structured matrices to observed spectra."""
    del show_version  # its callback has acted


@application.command()
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

    The columns are status, steps, loss, the parameters by name and their standard errors, se_ and
    the name; for a model that finds several solutions, a line for each.

    Ends with 0 if every spectrum has an answer, with 1 if some have none (INVALID_INPUT or
    NON_FINITE; why is said on standard error), with 2 if something is wrong with an argument, the
    model or the file, and then nothing is fitted.
    """
    import tensorflow as tf  # slow to import: `--help` does without

    from ..solver.pieces import in_pieces, show

    serve = load_fit(model_dir)
    names = parameter_names(model_dir, serve.structured_outputs["parameters"].shape[-1])
    expected = serve.structured_input_signature[1]["targets"]
    targets = read_targets(targets_file, expected.shape[1])
    if not len(targets):
        raise typer.BadParameter(
            f"{targets_file} holds no spectrum; write {expected.shape[1]} levels a line."
        )
    # Opened before the fit, so that a wrong path does not cost the answers, and after the targets
    # are read, which may be in the same file.
    with open_output(output) as file:
        # Between pieces Ctrl-C stops it, and a person is told how far it is.
        outputs = in_pieces(
            lambda rows: serve(targets=rows),
            [tf.constant(targets, expected.dtype)],
            _SMALLEST_PIECE,
            show if sys.stderr.isatty() and len(targets) > _SMALLEST_PIECE else None,
        )
        answer = {name: value.numpy() for name, value in outputs.items()}
        csv.writer(file).writerows(as_table(answer, names))
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
        typer.BadParameter: if the directory holds no model, or one of another kind.
    """
    import tensorflow as tf

    from ..export.publishing import newest_model, pattern_characters

    if not (model_dir / "saved_model.pb").exists():
        newest = newest_model(model_dir)
        hint = f" Did you mean {newest}?" if newest else ""
        raise typer.BadParameter(f"{model_dir} is not the version directory of a model.{hint}")
    pattern = pattern_characters(model_dir)
    if pattern:
        raise typer.BadParameter(
            f"TensorFlow cannot load a model from a path with {pattern}, got {model_dir.absolute()}"
            "; rename or copy it."
        )
    try:
        signatures = tf.saved_model.load(str(model_dir)).signatures
    except Exception as error:  # of nearly any kind, if the file is damaged
        raise typer.BadParameter(
            f"the model in {model_dir} cannot be loaded; export it again. {error}"
        ) from None
    serve = signatures.get("serving_default")
    inputs = serve.structured_input_signature[1] if serve else {}
    outputs = serve.structured_outputs if serve else {}
    if set(inputs) != {"targets"} or not set(_OUTPUTS) <= set(outputs):
        raise typer.BadParameter(
            f"{model_dir} must hold a model that export_saved_model wrote, whose serving_default "
            f"takes targets and returns {', '.join(_OUTPUTS)}; this one takes "
            f"{', '.join(sorted(inputs)) or 'nothing'} and returns "
            f"{', '.join(sorted(outputs)) or 'nothing'}."
        )
    return serve


def parameter_names(model_dir: Path, count: int) -> list[str]:
    """The names of the parameters; `x0, x1, ...` if no description stands beside the model.

    Raises:
        typer.BadParameter: if the description cannot be read or belongs to another model.
    """
    from ..export import load_solver_info  # imports TensorFlow

    try:
        names = load_solver_info(model_dir)["parameter_names"]
    except FileNotFoundError:
        return [f"x{index}" for index in range(count)]
    except (OSError, ValueError) as error:
        raise typer.BadParameter(
            f"the description of the model in {model_dir} cannot be used; export it again. {error}"
        ) from None
    if len(names) != count:
        raise typer.BadParameter(
            f"the description of the model in {model_dir} names {len(names)} parameters "
            f"({', '.join(names)}), but the model has {count}; export it again."
        )
    return names


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
    header = [*(["spectrum", "solution"] if several else []), "status", "steps", "loss"]
    header += [*names, *(f"se_{name}" for name in names)]
    lines = [header]
    for place in np.ndindex(answer["status"].shape):
        numbers = [
            answer["loss"][place],
            *answer["parameters"][place],
            *answer["standard_errors"][place],
        ]
        line = [str(number + 1) for number in place] if several else []
        line += [Status(answer["status"][place]).name, str(answer["steps"][place])]
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
    causes = answer.get("cause", np.zeros_like(answer["status"]))
    causes = causes.reshape(len(statuses), -1)[:, 0]
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
