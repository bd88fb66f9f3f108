"""A version directory becomes a model in memory, warm and ready."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .answers import ANSWERS
from .batcher import Batcher
from .codes import invalid_argument
from .options import ServerOptions
from .served_version import Loaded, ServedVersion
from .session_model import Runner, SessionModel
from .warmup import warm_up


class LoadedModel:
    """A session, and what stands in front of it: a batcher, a limit."""

    def __init__(
        self,
        signatures: Mapping[str, Any],
        runner: Runner,
        closers: Sequence[Callable[[], None]],
    ):
        self.signatures = signatures
        self.runner = runner
        self._closers = closers

    def close(self) -> None:
        """See `Loaded.close`."""
        for close in self._closers:
            close()


class LimitedRunner:
    """Refuses tensors with too many rows, so that one request cannot take all the memory."""

    def __init__(self, inner: Runner, most_rows: int):
        self._inner = inner
        self._most_rows = most_rows

    def run(
        self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str], timeout: float | None
    ) -> list[np.ndarray]:
        """See `Runner.run`."""
        for name, array in feeds.items():
            if array.ndim and len(array) > self._most_rows:
                raise invalid_argument(
                    f"Input {name} has {len(array)} rows; this server takes {self._most_rows} "
                    "(max_batch_rows)"
                )
        return self._inner.run(feeds, fetches, timeout)


def make_loader(
    options: ServerOptions, batcher: Batcher | None = None
) -> Callable[[ServedVersion], Loaded]:
    """A function that loads a version.

    Args:
        options: of the server.
        batcher: joins requests; None to run each by itself.

    Returns:
        The function; it raises if the version cannot be loaded or one of its warm-up requests
        fails.
    """

    def load(version: ServedVersion) -> Loaded:
        session = SessionModel(
            version.directory,
            options.tensorflow_intra_op_parallelism,
            options.tensorflow_inter_op_parallelism,
        )
        closers = [session.close]
        try:
            runner: Runner = session
            if batcher is not None:
                runner = batching = batcher.wrap(session)
                closers.insert(0, batching.close)
            if options.max_batch_rows:
                runner = LimitedRunner(runner, options.max_batch_rows)
            loaded = LoadedModel(session.signatures, runner, closers)
            if options.enable_model_warmup:
                warm_up(
                    version.directory,
                    lambda kind, request: ANSWERS[kind](loaded, version.version, request, None),
                )
        except BaseException:
            for close in closers:
                close()
            raise
        return loaded

    return load
