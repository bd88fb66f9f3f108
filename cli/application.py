"""The command `eigenfit` and its subcommands."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from ..serving.server.options import main
from .fit import fit
from .fit_dataset import fit_dataset

application = typer.Typer(add_completion=False, no_args_is_help=True)
application.command()(fit)
application.command()(fit_dataset)


# The server parses its flags itself: they have the names of tensorflow_model_server, underscores
# included, and its switches may have a value.
@application.command(
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    }
)
def serve(context: typer.Context) -> None:
    """Serve exported models as TensorFlow Serving does, over gRPC and REST."""
    raise typer.Exit(main(context.args))


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
