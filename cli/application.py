"""The options and subcommands of `eigenfit`."""

from __future__ import annotations

import csv
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ..solver import Status

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
            help="Observed levels, one spectrum a line: CSV (an empty field or nan is a level "
            "that was not observed; no header) or a two-dimensional .npy.",
            exists=True,
            dir_okay=False,
        ),
    ],
    output: Annotated[
        Path | None, typer.Option(help="Write the CSV here; standard output when left out.")
    ] = None,
) -> None:
    """Fit every spectrum of a file with an exported model; prints a line of CSV for each.

    The columns are status, steps, loss, the parameters and their standard errors; for a model that
    finds several solutions, a line for each.
    """
    import tensorflow as tf  # slow to import: `--help` does without

    if not (model_dir / "saved_model.pb").exists():
        versions = [path.parent.name for path in model_dir.glob("*/saved_model.pb")]
        versions.sort(key=lambda name: (name.isdecimal(), int(name) if name.isdecimal() else 0))
        hint = f" Did you mean {model_dir / versions[-1]}?" if versions else ""
        raise typer.BadParameter(f"{model_dir} is not the version directory of a model.{hint}")
    model = tf.saved_model.load(str(model_dir))
    serve = model.signatures["serving_default"]
    expected = serve.structured_input_signature[1]["targets"]
    targets = read_targets(targets_file, expected.shape[1])
    answer = serve(targets=tf.constant(targets, expected.dtype))
    rows = as_table({name: value.numpy() for name, value in answer.items()})
    if output is None:
        csv.writer(sys.stdout).writerows(rows)
        return
    with output.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def read_targets(path: Path, levels: int) -> np.ndarray:
    """The targets in a file, `[rows, levels]`; what is wrong with it is an error for people."""
    if path.suffix == ".npy":
        targets = np.load(path, allow_pickle=False)
        if targets.dtype.kind not in "iuf" or targets.shape[1:] != (levels,):
            raise typer.BadParameter(
                f"{path} must hold real numbers of shape (spectra, {levels}), got {targets.dtype} "
                f"of shape {targets.shape}."
            )
        return targets
    with path.open(newline="") as file:
        lines = [(number, line) for number, line in enumerate(csv.reader(file), 1) if line]
    for number, line in lines:
        if len(line) != levels:
            raise typer.BadParameter(
                f"{path}, line {number}: expected {levels} levels between commas, got {len(line)}."
            )
    rows = [[_level(path, number, field) for field in line] for number, line in lines]
    return np.array(rows).reshape(-1, levels)


def _level(path: Path, number: int, field: str) -> float:
    """One level; an empty field is a level that was not observed."""
    try:
        return float(field) if field.strip() else float("nan")
    except ValueError:
        raise typer.BadParameter(
            f"{path}, line {number}: {field!r} is not a number; leave the field empty, or write "
            "nan, for a level that was not observed."
        ) from None


def as_table(answer: dict[str, np.ndarray]) -> list[list[str]]:
    """A header and a line for each row of the answer.

    A model that finds several solutions gives a line for each of them, with the numbers of the
    spectrum and of the solution, from 1, in front.
    """
    several = answer["status"].ndim == 2
    count = answer["parameters"].shape[-1]
    header = [*(["spectrum", "solution"] if several else []), "status", "steps", "loss"]
    header += [f"x{index}" for index in range(count)] + [f"se{index}" for index in range(count)]
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
