"""The command `eigenfit` and its subcommands."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from .fit import fit
from .fit_dataset import fit_dataset
from .serve import serve

application = typer.Typer(add_completion=False, no_args_is_help=True)
application.command()(fit)
# Every option is the server's: it has its own names and its own help.
application.command(
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)(serve)
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
    del show_version  # its callback has acted
