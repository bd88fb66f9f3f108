"""A server process for all the wrong requests of a file."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tensorflow.core.protobuf import saved_model_pb2

from ..conftest import CONFIG
from .server_process import ServerProcess


@pytest.fixture(scope="session")
def start_fuzzed(
    many_path, toeplitz_path, tmp_path_factory
) -> Iterator[Callable[..., ServerProcess]]:
    """Starts a server with the given flags; all stop when the tests end."""
    with contextlib.ExitStack() as stack:

        def start(**flags: Any) -> ServerProcess:
            directory = tmp_path_factory.mktemp("fuzzed")
            config = directory / "models.txt"
            config.write_text(CONFIG.format(many=many_path, toeplitz=toeplitz_path))
            process = ServerProcess(config, directory / "log", **flags)
            stack.callback(process.stop)
            process.wait()
            return process

        yield start


@pytest.fixture(scope="session")
def signatures(many_path, toeplitz_path) -> dict[str, Any]:
    """The signatures of both models, read from their files and not asked of the server."""
    return {"many": _signatures(many_path), "toeplitz": _signatures(toeplitz_path)}


def _signatures(base: Path) -> dict[str, Any]:
    module: Any = saved_model_pb2
    model = module.SavedModel.FromString((base / "1" / "saved_model.pb").read_bytes())
    return dict(model.meta_graphs[0].signature_def)
