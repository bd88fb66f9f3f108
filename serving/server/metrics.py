"""Prometheus metrics: number and latency of requests."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Callable, Iterator

import prometheus_client
from grpc import StatusCode

from ..errors import as_serving_error

_PREFIX = ":tensorflow:serving:"
# Bucket bounds in microseconds, 10 * 1.8**k, as in TensorFlow Serving.
_BOUNDS = [10 * 1.8**power for power in range(33)]


class Metrics:
    """The three metrics of a server, under the names of TensorFlow Serving, in microseconds."""

    def __init__(self) -> None:
        self._registry = registry = prometheus_client.CollectorRegistry()
        self._count = prometheus_client.Counter(
            _PREFIX + "request_count",
            "Requests by outcome",
            ["model_name", "status"],
            registry=registry,
        )
        self._latency, self._runtime = (
            prometheus_client.Histogram(
                _PREFIX + name,
                f"Microseconds of {what}",
                ["model_name", "API", label],
                registry=registry,
                buckets=_BOUNDS,
            )
            for name, what, label in [
                ("request_latency", "the whole request", "entrypoint"),
                ("runtime_latency", "the run of the graph, waiting for it included", "runtime"),
            ]
        )

    @contextlib.contextmanager
    def count(
        self, model: str, entrypoint: str, deadline: float | None
    ) -> Iterator[Callable[[float], None]]:
        """Count the request that the block answers; yields a function for the seconds of its run.

        The model must exist, as invented names would fill the memory. The deadline, a time of
        `time.monotonic()`, tells a timeout from a cancellation.
        """
        began, runs = time.perf_counter(), []
        status = StatusCode.OK
        try:
            yield runs.append
        except asyncio.CancelledError:
            is_late = deadline is not None and time.monotonic() >= deadline
            status = StatusCode.DEADLINE_EXCEEDED if is_late else StatusCode.CANCELLED
            raise
        except Exception as error:
            status = as_serving_error(error).code
            raise
        finally:
            self._count.labels(model, status.name).inc()
            if status is StatusCode.OK:
                seconds = time.perf_counter() - began
                self._latency.labels(model, "Predict", entrypoint).observe(seconds * 1e6)
                self._runtime.labels(model, "Predict", "TF1").observe(sum(runs) * 1e6)

    def page(self) -> bytes:
        """All metrics in the text format of Prometheus."""
        page = prometheus_client.generate_latest(self._registry)
        # prometheus_client appends `_total` to the names of counters, TensorFlow Serving does not.
        page = re.sub(
            rb"^(# \w+ )?(:[\w:]+request_count)_total", rb"\1\2", page, flags=re.MULTILINE
        )
        return re.sub(rb"^(# \w+ )?:\S+_created[ {].*\n", b"", page, flags=re.MULTILINE)
