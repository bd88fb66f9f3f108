"""The command `eigenfit` and its subcommands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .check import check
from .export import export
from .fit import fit
from .fit_dataset import fit_dataset
from .init import init
from .predict import predict
from .schema import schema
from .systems import systems
from .workbench import workbench

# Plain text: boxes cut messages into pieces, and drawing them takes longer than everything else.
application = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in (init, check, fit, predict, workbench, export):
    application.command()(command)


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
    """Serve models over gRPC and REST, as TensorFlow Serving."""
    from ..serving.server.options import main  # imports gRPC and NumPy

    raise typer.Exit(main(flags_of_serve(context.args)))


def flags_of_serve(arguments: list[str]) -> list[str]:
    """The flags of the server; `models/ho3` alone stands for the model `ho3` in this directory.

    Example:
        >>> flags_of_serve(["/models/ho3", "--port=0"])
        ['--model_base_path=/models/ho3', '--model_name=ho3', '--port=0']
    """
    if not arguments or arguments[0].startswith("-"):
        return arguments
    path = Path(arguments[0]).absolute()
    return [f"--model_base_path={path}", f"--model_name={path.name}", *arguments[1:]]


for command in (fit_dataset, systems, schema):
    application.command()(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # slow to import

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
