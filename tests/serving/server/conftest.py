"""One server for most tests: loading TensorFlow and models is what takes time."""

import contextlib
import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eigenfit.serving.server import RunningServer, ServerOptions, start_server

from .clients import Client, entry, listed
from .models import save_many

MORE = 'model_version_policy { all {} } version_labels { key: "stable" value: 1 }'


def many_config(path: Path) -> str:
    """The configuration of the model `many`."""
    return listed(entry("many", path, MORE))


@pytest.fixture(scope="session", autouse=True)
def frozen_imports() -> None:
    """As the program does: collecting garbage, at the end of each version, is quick then."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def many_path(tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("many")
    save_many(base / "1")
    return base


@pytest.fixture(scope="session")
def server(many_path, tmp_path_factory) -> Iterator[RunningServer]:
    config = tmp_path_factory.mktemp("config") / "models.txt"
    config.write_text(many_config(many_path))
    monitoring = config.with_name("monitoring.txt")
    monitoring.write_text("prometheus_config { enable: true }")
    options = ServerOptions(
        model_config_file=str(config),
        monitoring_config_file=str(monitoring),
        port=0,
        rest_api_port=0,
        rest_api_timeout_in_ms=2000,
        enable_grpc_healthcheck_service=True,
    )
    with start_server(options) as running:
        yield running


@pytest.fixture(scope="session")
def client(server) -> Iterator[Client]:
    connected = Client(server)
    yield connected
    connected.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Client]]:
    """Start a server with the given options; it stops when the test ends."""
    with contextlib.ExitStack() as stack:

        def start(**options: Any) -> Client:
            defaults = {"port": 0, "file_system_poll_wait_seconds": 0.05}
            server = stack.enter_context(start_server(ServerOptions(**{**defaults, **options})))
            client = Client(server)
            stack.callback(client.close)
            return client

        yield start


@pytest.fixture
def serve_many(serve, many_path, tmp_path) -> Callable[..., Client]:
    """The same for the model `many`; `batching` is the text of the parameters."""

    def start(batching: str | None = None, **options: Any) -> Client:
        if batching is not None:
            (tmp_path / "batching").write_text(batching)
            options["enable_batching"] = True
            options["batching_parameters_file"] = str(tmp_path / "batching")
        return serve(model_base_path=str(many_path), model_name="many", **options)

    return start
