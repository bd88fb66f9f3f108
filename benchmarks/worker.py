"""Each peer lives in a process of its own, and the parent asks them in turn.

So no peer shares threads, caches or settings with another, only one of them works at a time, and a
slow spell of the machine hits all of them.
"""

from __future__ import annotations

import multiprocessing
import os
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from . import peers

#: No call of a suite needs longer.
_LONGEST_CALL = 900.0


class PeerError(Exception):
    """A peer raised, or did not answer in time."""


class Answer(NamedTuple):
    """The seconds of each repetition, what the last one returned, and the peer's details."""

    seconds: list[float]
    value: Any
    details: dict[str, Any]


class Worker:
    """The process of one peer; a context manager that ends it."""

    def __init__(self, name: str):
        self.name = name
        context = multiprocessing.get_context("spawn")
        self._connection, far = context.Pipe()
        self._process = context.Process(target=_serve, args=(name, far), daemon=True)
        added = {"TF_CPP_MIN_LOG_LEVEL": "3", **peers.environment(name)}
        before = {key: os.environ.get(key) for key in added}
        os.environ.update(added)  # a process gets its environment when it starts
        try:
            self._process.start()
        finally:
            for key, value in before.items():
                if value is None:
                    del os.environ[key]
                else:
                    os.environ[key] = value
        far.close()
        self._receive()  # it has imported all it needs

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.join(2.0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def call(self, method: str, *arguments: Any, repetitions: int = 1) -> Answer:
        """Call a method of the peer; the time is taken in its process, without the way there.

        Raises:
            PeerError: if it raised or did not answer; the worker is of no use afterwards.
        """
        try:
            self._connection.send((method, arguments, repetitions))
        except OSError as error:
            raise PeerError(f"{self.name}: the process has ended") from error
        return self._receive()

    def _receive(self) -> Answer:
        try:
            if not self._connection.poll(_LONGEST_CALL):
                self._process.kill()
                raise PeerError(f"{self.name}: no answer within {_LONGEST_CALL:.0f} s")
            answer = self._connection.recv()
        except (EOFError, OSError) as error:
            raise PeerError(f"{self.name}: the process ended without an answer") from error
        if isinstance(answer, str):
            raise PeerError(f"{self.name}: {answer}")
        return answer


def _serve(name: str, connection: Connection) -> None:
    """Answer calls until the parent closes the connection."""
    try:
        peer = peers.load(name)()
        connection.send(Answer([], None, {}))
        while True:
            method, arguments, repetitions = connection.recv()
            seconds = []
            value = None
            for _ in range(repetitions):
                began = time.perf_counter()
                value = getattr(peer, method)(*arguments)
                seconds.append(time.perf_counter() - began)
            connection.send(Answer(seconds, value, peer.details()))
    except EOFError:
        pass
    except Exception:
        connection.send(traceback.format_exc(limit=-4))
