"""The time of a request: how much the graph took of it, and how much is left."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np

from .codes import Code, ServingError
from .served_version import Loaded
from .session_model import Runner


class Stopwatch:
    """A loaded version, for one request, that adds up the time of its runs.

    Args:
        loaded: the version.

    Attributes:
        seconds: spent in runs, waiting for a batch included.
    """

    def __init__(self, loaded: Loaded):
        self.signatures = loaded.signatures
        self.runner: Runner = self
        self.rules = loaded.rules
        self.seconds = 0.0
        self._loaded = loaded
        self._made = time.perf_counter()

    def run(
        self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str], timeout: float | None
    ) -> list[np.ndarray]:
        """See `Runner.run`; the timeout began when the request did.

        Raises:
            ServingError: DEADLINE_EXCEEDED if reading the request took all the time.
        """
        started = time.perf_counter()
        if timeout is not None:
            timeout -= started - self._made
            if timeout <= 0:
                raise ServingError(
                    Code.DEADLINE_EXCEEDED, "The time of the request was over before it could run"
                )
        try:
            return self._loaded.runner.run(feeds, fetches, timeout)
        finally:
            self.seconds += time.perf_counter() - started

    def close(self) -> None:
        """See `Loaded.close`."""
        self._loaded.close()
