"""One server process for all the wrong requests of a file, with batching or without."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tensorflow.core.protobuf import saved_model_pb2

from ..conftest import CONFIG
from .server_process import ServerProcess


@pytest.fixture(scope="session")
def servers(many_path, toeplitz_path, tmp_path_factory) -> Iterator[dict[str, ServerProcess]]:
    """One without batching and one with it; they start at the same time."""
    directory = tmp_path_factory.mktemp("fuzzed")
    config, batching = directory / "models.txt", directory / "batching.txt"
    config.write_text(CONFIG.format(many=many_path, toeplitz=toeplitz_path))
    # While one batch runs, the next one gathers.
    batching.write_text("num_batch_threads { value: 1 }")
    flags = {"enable_batching": True, "batching_parameters_file": batching}
    with contextlib.ExitStack() as stack:
        started = {}
        for name, more in {"plain": {}, "batching": flags}.items():
            started[name] = ServerProcess(config, directory / f"log-{name}", **more)
            stack.callback(started[name].stop)
        for process in started.values():
            process.wait()
        yield started


@pytest.fixture(scope="session")
def signatures(many_path, toeplitz_path) -> dict[str, Any]:
    """The signatures of both models, read from their files and not asked of the server."""
    return {"many": _signatures(many_path), "toeplitz": _signatures(toeplitz_path)}


def _signatures(base: Path) -> dict[str, Any]:
    module: Any = saved_model_pb2
    model = module.SavedModel.FromString((base / "1" / "saved_model.pb").read_bytes())
    return dict(model.meta_graphs[0].signature_def)
