"""One server for most tests: loading TensorFlow and models is what takes time."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eigenfit.export import export_saved_model
from eigenfit.serving.server import RunningServer, ServerOptions, start_server
from eigenfit.solver import SpectralSolver, Toeplitz

from .clients import Client
from .models import save_many

CONFIG = """
model_config_list {{
  config {{
    name: "many" base_path: "{many}" model_platform: "tensorflow"
    model_version_policy {{ all {{}} }}
    version_labels {{ key: "stable" value: 1 }}
  }}
  config {{ name: "toeplitz" base_path: "{toeplitz}" model_platform: "tensorflow" }}
}}
"""


@pytest.fixture(scope="session")
def many_path(tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("many")
    save_many(base / "1")
    return base


@pytest.fixture(scope="session")
def toeplitz() -> SpectralSolver:
    return SpectralSolver(Toeplitz(3))


@pytest.fixture(scope="session")
def toeplitz_path(toeplitz, tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("toeplitz")
    export_saved_model(toeplitz, base)
    return base


@pytest.fixture(scope="session")
def server(many_path, toeplitz_path, tmp_path_factory) -> Iterator[RunningServer]:
    config = tmp_path_factory.mktemp("config") / "models.txt"
    config.write_text(CONFIG.format(many=many_path, toeplitz=toeplitz_path))
    monitoring = config.with_name("monitoring.txt")
    monitoring.write_text("prometheus_config { enable: true }")
    options = ServerOptions(
        model_config_file=str(config),
        monitoring_config_file=str(monitoring),
        port=0,
        rest_api_port=0,
        rest_api_timeout_in_ms=1000,
        enable_grpc_healthcheck_service=True,
        max_num_load_retries=0,
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
    running: list[Any] = []

    def start(**options: Any) -> Client:
        defaults = {"port": 0, "file_system_poll_wait_seconds": 0.05, "max_num_load_retries": 0}
        server = start_server(ServerOptions(**{**defaults, **options}))
        connected = Client(server)
        running.extend([connected.close, server.stop])
        return connected

    yield start
    for stop in running:
        stop()
