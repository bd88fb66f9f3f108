"""Counters and histograms, and their page for Prometheus.

Not with the package prometheus-client: it adds `_total` to the name of every counter, and the names
of TensorFlow Serving have no such ending.
"""

from __future__ import annotations

import bisect
import threading
from collections.abc import Iterable

from .codes import Code

# Microseconds: 10 times the powers of 1.8, as TensorFlow Serving has them.
_BOUNDS = tuple(10 * 1.8**power for power in range(33))
_REQUESTS = ":tensorflow:serving:request_count"
_LATENCY = ":tensorflow:serving:request_latency"
_RUNTIME = ":tensorflow:serving:runtime_latency"
_KINDS = {
    "predict_log": "Predict",
    "classify_log": "Classify",
    "regress_log": "Regress",
    "multi_inference_log": "MultiInference",
}
Labels = tuple[tuple[str, str], ...]


class _Histogram:
    def __init__(self) -> None:
        self.counts = [0] * (len(_BOUNDS) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect.bisect_left(_BOUNDS, value)] += 1
        self.total += value


class ServerMetrics:
    """Counts requests and how long they took; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: dict[Labels, int] = {}
        self._histograms: dict[str, dict[Labels, _Histogram]] = {_LATENCY: {}, _RUNTIME: {}}

    def count(
        self,
        model: str,
        kind: str,
        entrypoint: str,
        status: Code,
        seconds: float,
        runtime_seconds: float,
    ) -> None:
        """Count one request.

        Args:
            model: its name.
            kind: `predict_log` and so on.
            entrypoint: `GRPC` or `REST`.
            status: how it ended.
            seconds: how long it took.
            runtime_seconds: how much of that the graph took.
        """
        api = _KINDS[kind]
        latency = (("model_name", model), ("API", api), ("entrypoint", entrypoint))
        runtime = (("model_name", model), ("API", api), ("runtime", "TF1"))
        with self._lock:
            counter = (("model_name", model), ("status", status.name))
            self._counters[counter] = self._counters.get(counter, 0) + 1
            if status is Code.OK:
                self._observe(_LATENCY, latency, seconds)
                self._observe(_RUNTIME, runtime, runtime_seconds)

    def _observe(self, name: str, labels: Labels, seconds: float) -> None:
        self._histograms[name].setdefault(labels, _Histogram()).add(seconds * 1e6)

    def values(self, names: Iterable[str]) -> dict[str, int]:
        """The totals of the counters among these names."""
        with self._lock:
            return {name: sum(self._counters.values()) for name in names if name == _REQUESTS}

    def page(self) -> str:
        """Everything, in the text format of Prometheus."""
        with self._lock:
            lines = [f"# TYPE {_REQUESTS} counter"]
            for labels, value in self._counters.items():
                lines.append(f"{_REQUESTS}{_braces(labels)} {value}")
            for name, histograms in self._histograms.items():
                lines.append(f"# TYPE {name} histogram")
                for labels, histogram in histograms.items():
                    lines.extend(_histogram_lines(name, labels, histogram))
        return "\n".join([*lines, ""])


def _histogram_lines(name: str, labels: Labels, histogram: _Histogram) -> Iterable[str]:
    running = 0
    for bound, count in zip([*_BOUNDS, float("inf")], histogram.counts, strict=True):
        running += count
        limit = "+Inf" if bound == float("inf") else f"{bound:g}"
        yield f"{name}_bucket{_braces((*labels, ('le', limit)))} {running}"
    yield f"{name}_sum{_braces(labels)} {histogram.total:g}"
    yield f"{name}_count{_braces(labels)} {running}"


def _braces(labels: Labels) -> str:
    escaped = (
        (key, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))
        for key, value in labels
    )
    return "{" + ",".join(f'{key}="{value}"' for key, value in escaped) + "}"
