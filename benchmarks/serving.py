"""What serving costs: requests through gRPC beside the same model called in process.

    .venv/bin/python benchmarks/serving.py [--rows 256] [--runs 30]

Toeplitz n = 8. One process holds the embedded server with request batching, this one the client and
the model reloaded. Checks the answers, then times both sides in turn: throughput with requests of
many rows, from one thread and from eight, and the latency of one row from one thread. The server is
held to the better of the two throughputs in process. Prints medians and ratios.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf
from soak import _wait_for, free_port

from eigenfit.export import export_saved_model
from eigenfit.serving import GrpcClient
from eigenfit.solver import SpectralSolver, Toeplitz

SIZE = 8
THREADS = (1, 8)
REQUESTS = 64


def throughput(
    call: Callable[[np.ndarray], object], requests: list[np.ndarray], threads: int
) -> float:
    """Rows per second with requests from several threads."""
    with ThreadPoolExecutor(threads) as pool:
        began = time.perf_counter()
        list(pool.map(call, requests))
        seconds = time.perf_counter() - began
    return sum(len(request) for request in requests) / seconds


def latencies(
    call: Callable[[np.ndarray], object], row: np.ndarray, repetitions: int
) -> list[float]:
    """The times of calls, in milliseconds."""
    times = []
    for _ in range(repetitions):
        began = time.perf_counter()
        call(row)
        times.append(1e3 * (time.perf_counter() - began))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--runs", type=int, default=10)
    options = parser.parse_args()

    solver = SpectralSolver(Toeplitz(SIZE))
    generator = np.random.default_rng(0)
    x = generator.normal(size=(REQUESTS, options.rows, SIZE))
    requests = [solver.spectrum(rows).numpy() for rows in x]
    with tempfile.TemporaryDirectory() as folder:
        version_dir = export_saved_model(solver, Path(folder) / "model", measure_latency=False)
        reloaded = tf.saved_model.load(version_dir).signatures["serving_default"]
        port = free_port()
        batching = Path(folder) / "batching.config"
        batching.write_text(
            "max_batch_size { value: 1024 } batch_timeout_micros { value: 0 } "
            "num_batch_threads { value: 2 } max_enqueued_batches { value: 1000 }"
        )
        command = [sys.executable, "-m", "eigenfit.serving", f"--port={port}", "--enable_batching"]
        command += [f"--model_base_path={Path(version_dir).parent}"]
        command += [f"--batching_parameters_file={batching}"]
        server = subprocess.Popen(command)
        try:
            _wait_for(port, server)
            with GrpcClient(f"127.0.0.1:{port}", "default") as client:

                def in_process(targets: np.ndarray) -> dict[str, np.ndarray]:
                    answer = reloaded(targets=tf.constant(targets))
                    return {name: value.numpy() for name, value in answer.items()}

                sides = {"in process": in_process, "gRPC": client.fit}
                fit, live = client.fit(requests[0]), in_process(requests[0])
                if not np.array_equal(fit.parameters, live["parameters"], equal_nan=True):
                    raise SystemExit("the server answers differently: no time is worth reporting")
                rates: dict[tuple[str, int], list[float]] = {
                    (name, threads): [] for threads in THREADS for name in sides
                }
                times: dict[str, list[float]] = {name: [] for name in sides}
                for _ in range(options.runs):  # in turn: a slow spell of the machine hits both
                    for name, call in sides.items():
                        for threads in THREADS:
                            rates[name, threads].append(throughput(call, requests, threads))
                        times[name] += latencies(call, requests[0][:1], 30)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=60)

    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    print(f"Toeplitz n = {SIZE}, {REQUESTS} requests of {options.rows} rows")
    for (name, threads), values in rates.items():
        print(
            f"{name:10s} {threads} threads {np.median(values):9.0f} rows/s "
            f"({min(values):.0f} - {max(values):.0f})"
        )
    best = {name: max(np.median(rates[name, threads]) for threads in THREADS) for name in sides}
    ratio = best["gRPC"] / best["in process"]
    print(f"throughput through gRPC: {100 * ratio:.0f} % of that in process")
    for name, values in times.items():
        middle, high = np.percentile(values, [50, 99])
        print(f"{name:10s} one row: p50 {middle:.2f} ms, p99 {high:.2f} ms")
    print(f"more for one row: {np.median(times['gRPC']) - np.median(times['in process']):.2f} ms")


if __name__ == "__main__":
    main()
