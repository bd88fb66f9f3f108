"""The command `eigenfit` and its subcommands."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from ..serving.server.options import add_serve_command
from .fit import fit
from .fit_dataset import fit_dataset

application = typer.Typer(add_completion=False, no_args_is_help=True)
application.command()(fit)
add_serve_command(application)
application.command()(fit_dataset)


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
    del show_version  # handled by its callback
