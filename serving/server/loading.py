"""A version directory becomes a model in memory, warm and ready."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from .answers import ANSWERS
from .batcher import Batcher
from .batching_parameters import BatchingParameters, parse_batching_parameters
from .codes import invalid_argument
from .options import ServerOptions
from .rules import Rules
from .served_version import Loaded, ServedVersion
from .session_model import Runner, SessionModel
from .text_configs import read_text
from .warmup import warm_up


class LoadedModel:
    """A session, and what stands in front of it: a batcher, a limit."""

    def __init__(
        self,
        signatures: Mapping[str, Any],
        runner: Runner,
        rules: Rules,
        closers: Sequence[Callable[[], None]],
    ):
        self.signatures = signatures
        self.runner = runner
        self.rules = rules
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

    Raises:
        ServingError: INVALID_ARGUMENT if the options contradict each other.
    """
    intra_op_threads, inter_op_threads = _threads(options)
    tags = [tag for tag in options.saved_model_tags.split(",") if tag] or [tf.saved_model.SERVING]
    rules = Rules(
        check_method_names=options.enable_signature_method_name_check,
        tensor_content=options.enable_serialization_as_tensor_content,
    )

    def load(version: ServedVersion) -> Loaded:
        session = SessionModel(version.directory, intra_op_threads, inter_op_threads, tags)
        closers = [session.close]
        try:
            runner: Runner = session
            parameters = None if batcher is None else batcher.parameters
            if batcher is not None and options.enable_per_model_batching_parameters:
                parameters = _own_parameters(version.directory)
            if batcher is not None and parameters is not None:
                runner = batching = batcher.wrap(session, parameters)
                closers.insert(0, batching.close)
            if options.max_batch_rows:
                runner = LimitedRunner(runner, options.max_batch_rows)
            loaded = LoadedModel(session.signatures, runner, rules, closers)
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


def _threads(options: ServerOptions) -> tuple[int, int]:
    """Within an operation, and operations at a time."""
    both = options.tensorflow_session_parallelism
    intra = options.tensorflow_intra_op_parallelism
    inter = options.tensorflow_inter_op_parallelism
    if both > 0 and intra > 0 and inter > 0:
        raise invalid_argument(
            "Either configure server_options.tensorflow_session_parallelism or "
            "(server_options.tensorflow_intra_op_parallelism, "
            "server_options.tensorflow_inter_op_parallelism) separately. You cannot configure all."
        )
    return (intra, inter) if intra > 0 or inter > 0 else (both, both)


def _own_parameters(directory: str) -> BatchingParameters | None:
    """What the version says about batching; None if it says nothing."""
    path = Path(directory, "batching_params.pbtxt")
    return parse_batching_parameters(read_text(path)) if path.exists() else None
