"""A server process for all the wrong requests of a file."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ..conftest import many_config
from .server_process import ServerProcess


@pytest.fixture(scope="session")
def start_fuzzed(many_path, tmp_path_factory) -> Iterator[Callable[..., ServerProcess]]:
    """Starts a server with the given flags; all stop when the tests end."""
    with contextlib.ExitStack() as stack:

        def start(**flags: Any) -> ServerProcess:
            directory = tmp_path_factory.mktemp("fuzzed")
            config = directory / "models.txt"
            config.write_text(many_config(many_path))
            process = ServerProcess(config, directory / "log", **flags)
            stack.callback(process.stop)
            return process

        yield start
