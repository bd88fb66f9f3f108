"""The options that a command line of the server means."""

from collections.abc import Sequence
from typing import Any
from unittest import mock

import typer
import typer.testing

from eigenfit.serving.server import ServerOptions, app
from eigenfit.serving.server.command import add_serve_command


def run_command(flags: Sequence[str]) -> tuple[int, str, ServerOptions | None]:
    """The exit code, what is printed, and the options with which a server would be started."""
    given: list[Any] = []
    application = typer.Typer()
    add_serve_command(application)
    runner = typer.testing.CliRunner(env={"COLUMNS": "200"})
    with mock.patch.object(app, "serve", lambda options: given.append(options) or 0):
        result = runner.invoke(application, list(flags))
    return result.exit_code, result.output, given[0] if given else None


def parse_flags(flags: Sequence[str]) -> ServerOptions:
    code, output, options = run_command(flags)
    assert code == 0, output
    assert options is not None
    return options
