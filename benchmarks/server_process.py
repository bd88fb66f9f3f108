"""The embedded server in a process of its own, as the programs here use it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import requests

from eigenfit.export.publishing import publish, staging_directory

MODEL = "default"
BATCHING = Path(__file__).parents[1] / "serving" / "deploy" / "batching.config"
START_SECONDS = 60.0


class Server(NamedTuple):
    """A server that answers.

    Attributes:
        process: it.
        grpc: host and port.
        rest: the address of the model, `http://host:port/v1/models/name`.
        start_seconds: from the start of the process until `/metadata` answered.
    """

    process: subprocess.Popen[bytes]
    grpc: str
    rest: str
    start_seconds: float

    def resident_mebibytes(self) -> float:
        """The resident memory of the process now."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in text.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def versions(self) -> dict[int, str]:
        """The state of every version that the server knows."""
        status: Any = requests.get(self.rest, timeout=30).json()
        return {int(each["version"]): each["state"] for each in status["model_version_status"]}


@contextlib.contextmanager
def running_server(base_dir: Path, *flags: str) -> Iterator[Server]:
    """A server of a model with the batching of `serving/deploy`, one batch thread for each core.

    Args:
        base_dir: of the model.
        flags: more of them.

    Yields:
        The server, once it answers `/metadata`. SIGTERM stops it at the end.

    Raises:
        SystemExit: if it does not start, or does not end with code 0.
    """
    batching = base_dir.with_name(f"{base_dir.name}-batching.config")
    threads = f"num_batch_threads {{ value: {os.cpu_count()} }}"
    batching.write_text(re.sub(r"^num_batch_threads.*$", threads, BATCHING.read_text(), flags=re.M))
    grpc_port, rest_port = _free_ports(2)
    command = [sys.executable, "-m", "eigenfit.serving", f"--model_base_path={base_dir}"]
    command += [f"--port={grpc_port}", f"--rest_api_port={rest_port}", f"--model_name={MODEL}"]
    command += ["--enable_batching", f"--batching_parameters_file={batching}", *flags]
    began = time.monotonic()
    process = subprocess.Popen(command)
    rest = f"http://127.0.0.1:{rest_port}/v1/models/{MODEL}"
    try:
        _wait_for(f"{rest}/metadata", process)
        yield Server(process, f"127.0.0.1:{grpc_port}", rest, time.monotonic() - began)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise SystemExit("the server did not end within a minute of SIGTERM") from None
    if code != 0:
        raise SystemExit(f"the server ended with code {code}")


def publish_copy(source: Path, base_dir: Path, *, broken: bool = False) -> Path:
    """Publish a version directory once more, under the next number; broken: as no model at all."""
    with staging_directory(base_dir) as staged:
        shutil.copytree(source, staged, dirs_exist_ok=True)
        if broken:
            (staged / "saved_model.pb").write_bytes(b"this is no model")
        return publish(staged, base_dir, None)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise SystemExit(f"the server ended with code {process.returncode}")
        with contextlib.suppress(requests.ConnectionError):
            if requests.get(url, timeout=30).ok:
                return
        time.sleep(0.02)
    raise SystemExit(f"the server did not answer within {START_SECONDS:.0f} s")
