"""The options that a command line of the server means."""

from collections.abc import Sequence
from typing import Any
from unittest import mock

import typer
import typer.testing

from eigenfit.serving.server import ServerOptions, app
from eigenfit.serving.server.options import add_serve_command


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


# Flags of tensorflow_model_server in serving/deploy that the embedded server does not have.
NOT_HERE = (
    "--allow_version_labels_for_unavailable_models",
    "--grpc_channel_arguments",
    "--grpc_max_threads",
    "--rest_api_num_threads",
)


def deployed_options(flags: Sequence[str]) -> ServerOptions:
    """The options of a file of serving/deploy, as far as the embedded server has them."""
    return parse_flags([flag for flag in flags if flag.partition("=")[0] not in NOT_HERE])
