"""The command `eigenfit serve`, made of the fields of `ServerOptions`."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import typing
from typing import TYPE_CHECKING, Any

from .options import ServerOptions

if TYPE_CHECKING:
    import typer


def add_serve_command(application: typer.Typer) -> None:
    """Add the embedded server as a command to a Typer application.

    Every field of `ServerOptions` becomes an option with its name. As in `tensorflow_model_server`,
    a switch may have a value: `--enable_batching=true`.

    Args:
        application: gets the command `serve`.
    """
    import typer
    import typer.core

    fields = dataclasses.fields(ServerOptions)
    kinds = typing.get_type_hints(ServerOptions)
    switches = {f"--{field.name}" for field in fields if kinds[field.name] is bool}

    class Command(typer.core.TyperCommand):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            return super().parse_args(ctx, [_plain_switch(each, switches) for each in args])

    def serve(**values: Any) -> None:
        """Serve exported models as TensorFlow Serving does, over gRPC and REST."""
        values["rest_api_port"] = values["rest_api_port"] or None
        try:
            from .app import serve as run
        except ModuleNotFoundError as missing:
            if "eigenfit[serve]" not in str(missing):
                raise
            sys.exit(f"eigenfit: {missing}")
        try:
            options = ServerOptions(**values)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
        raise typer.Exit(run(options))

    parameters = []
    for field in fields:
        flag, kind = f"--{field.name}", kinds[field.name]
        names = f"{flag}/--no-{field.name}" if flag in switches else flag
        option = typer.Option(field.default, names, help=field.metadata["help"])
        parameters.append(
            inspect.Parameter(
                field.name, inspect.Parameter.KEYWORD_ONLY, default=option, annotation=kind
            )
        )
    serve.__annotations__ = kinds
    vars(serve)["__signature__"] = inspect.Signature(parameters)
    application.command(cls=Command)(serve)


def _plain_switch(argument: str, switches: set[str]) -> str:
    """`--x` for `--x=true`, `--no-x` for `--x=false`."""
    flag, equal, value = argument.partition("=")
    if not equal or flag not in switches or value.lower() not in ("true", "false", "1", "0"):
        return argument
    return flag if value.lower() in ("true", "1") else f"--no-{flag.removeprefix('--')}"
