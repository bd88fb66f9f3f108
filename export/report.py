"""The validation report: differences from the live solver, and latencies."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ..solver import SpectralSolver
from .examples import example_inputs
from .signatures import Signature
from .validation import Difference

#: The report inside a version directory.
REPORT_FILE = "assets.extra/validation.json"
_LATENCY_ROWS = (1, 1024)
_REPETITIONS = 5
# A call that is expected to take longer is not measured.
_MOST_SECONDS = 20.0


def make_report(
    differences: Mapping[str, Mapping[str, Difference]],
    latencies: Mapping[str, Mapping[str, float | None]] | None,
    warmup_requests: int,
    relative_tolerance: float,
) -> dict[str, Any]:
    """The report as plain data for JSON.

    Args:
        differences: from `validation.validate`.
        latencies: from `measure_latencies`; None if they were not measured.
        warmup_requests: number of requests replayed.
        relative_tolerance: of real outputs, from `validation.allowed_difference`.
    """
    signatures = {}
    for name, outputs in differences.items():
        signatures[name] = {
            "max_absolute_difference": max(d.absolute for d in outputs.values()),
            "max_relative_difference": max(d.relative for d in outputs.values()),
            "outputs": {output: difference._asdict() for output, difference in outputs.items()},
            "latency_ms": None if latencies is None else dict(latencies[name]),
        }
    return {
        "tolerance": {"relative": relative_tolerance, "integers": 0},
        "signatures": signatures,
        "warmup_requests_replayed": warmup_requests,
    }


def measure_latencies(
    reloaded: Any, signatures: Mapping[str, Signature], solver: SpectralSolver
) -> dict[str, dict[str, float | None]]:
    """The median time of a call of each signature in this process, in milliseconds.

    Args:
        reloaded: the loaded SavedModel.
        signatures: of the model, by name.
        solver: the live one; it makes the example rows, all solvable.

    Returns:
        Milliseconds by signature and number of rows ("1", "1024"); None where a call is expected to
        take more than 20 s.
    """
    found: dict[str, dict[str, float | None]] = {name: {} for name in signatures}
    for rows in _LATENCY_ROWS:
        examples = example_inputs(solver, rows, flawed=False)
        for name, signature in signatures.items():
            inputs = {str(spec.name): examples[str(spec.name)] for spec in signature.inputs}
            one_row = found[name].get("1")
            if one_row is not None and one_row * rows > 1e3 * _MOST_SECONDS:
                found[name][str(rows)] = None
                continue
            found[name][str(rows)] = _median_ms(reloaded.signatures[name], inputs)
    return found


def _median_ms(function: Any, inputs: Mapping[str, tf.Tensor]) -> float:
    function(**inputs)  # the first call builds the graph's executor
    times = []
    for _ in range(_REPETITIONS):
        began = time.perf_counter()
        answer = function(**inputs)
        for value in answer.values():
            value.numpy()
        times.append(time.perf_counter() - began)
    return 1e3 * float(np.median(times))
