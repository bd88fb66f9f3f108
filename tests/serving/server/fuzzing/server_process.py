"""A server process for thousands of wrong requests, and what it may hold."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..clients import predict_request
from ..program import Program

# What any request may take, a wrong one too. It is far more than they need.
SECONDS = 20.0
# What Python says of itself has no place in an answer.
PYTHON = re.compile(r"Traceback|\w(?:Error|Exception)\b|<class |object at 0x|site-packages|numpy")
# A leak of 2 kB at each request is seen. One is known, of half as much: TensorFlow 2.21 never frees
# the message of an error that a running graph reports.
_MOST_GROWTH = 6.0
# What gRPC's own pool adds under load ends after 20 idle seconds.
_SETTLING_SECONDS = 30.0
# Threads of the pool that runs requests, which are made when they are needed.
_THREADS = 32


class Resources(NamedTuple):
    """What a process holds: resident memory in MiB, threads, open files and connections."""

    memory: float
    threads: int
    files: int


class ServerProcess(Program):
    """The program with the model `many`.

    Args:
        config: of the models.
        log: where its messages go.
        more: flags.
    """

    def __init__(self, config: Path, log: Path, **more: Any):
        super().__init__(log, model_config_file=config, **more)
        self.rest_address = ("127.0.0.1", self.rest_port)
        try:
            self.client = self.connected()
            self._files = self.resources().files
            self.check()
        except BaseException:
            self.__exit__()
            raise

    def check(self) -> None:
        """It runs, and answers right requests rightly."""
        assert self.process.poll() is None, self.log[-5000:]
        x = np.array([1.0, 3.0], np.float32)
        answer = self.client.predict(predict_request("many", x=x), timeout=SECONDS)
        np.testing.assert_array_equal(answer["y"], [2.5, 3.5])
        assert self.client.rows([1.0, 3.0]) == (200, {"predictions": [2.5, 3.5]})

    def resources(self) -> Resources:
        """What it holds now."""
        directory = Path(f"/proc/{self.process.pid}")
        pages = int((directory / "statm").read_text().split()[1])
        return Resources(
            pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
            len(list((directory / "task").iterdir())),
            len(list((directory / "fd").iterdir())),
        )

    def check_leaks(self, send: Callable[[], None]) -> None:
        """What `send` does, a thousand requests or so, costs nothing when it is done again."""
        send()
        before = self._settled()
        for _ in range(3):
            send()
        after = self._settled(before.threads + _THREADS)
        assert after.memory - before.memory < _MOST_GROWTH, (before, after)
        assert after.threads <= before.threads + _THREADS, (before, after)
        assert after.files <= self._files, (self._files, after)

    def _settled(self, threads: float = float("inf")) -> Resources:
        """What it holds when it has seen that connections are closed, and threads have ended.

        What does not go in half a minute stays, and is in the answer.
        """
        limit = time.monotonic() + _SETTLING_SECONDS
        while time.monotonic() < limit:
            held = self.resources()
            if held.files <= self._files and held.threads <= threads:
                break
            time.sleep(0.05)
        return self.resources()

    def stop(self) -> None:
        self.client.close()
        with self:
            self.process.terminate()
            assert self.process.wait(timeout=60) == 0, self.log[-5000:]
        assert "Unexpected error" not in self.log
