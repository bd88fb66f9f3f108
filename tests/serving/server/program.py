"""The embedded server as a process of its own: what ends or stops it is seen from outside."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc

from .clients import Client

SERVER = ("-m", "eigenfit.serving")


def free_ports() -> list[int]:
    with socket.socket() as first, socket.socket() as second:
        for probe in (first, second):
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in (first, second)]


class Program:
    """A server program, which is killed at the end of the context.

    Args:
        log: where its messages go.
        ports: of gRPC and REST; free ones by default.
        program: what Python runs, if not the server itself.
        flags: of the server.
    """

    def __init__(
        self,
        log: Path,
        ports: Sequence[int] = (),
        program: Sequence[str] = SERVER,
        **flags: Any,
    ):
        self.port, self.rest_port = ports or free_ports()
        self._log = log
        flags = {"port": self.port, "rest_api_port": self.rest_port, **flags}
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, *program, *(f"--{n}={value}" for n, value in flags.items())],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                text=True,
                env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def connected(self) -> Client:
        """A client of it, when it answers."""
        client = Client(self)
        grpc.channel_ready_future(client.channel).result(timeout=300)
        return client

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *_: Any) -> None:
        self.process.kill()
        self.process.communicate()
