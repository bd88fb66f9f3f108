"""What serving costs: requests through gRPC beside the same model called in process.

Toeplitz n = 8. One process holds the embedded server with the batching of `serving/deploy`, one
batch thread for each core; this one holds the client and the model reloaded. Checks the answers,
then times both sides in turn: throughput with requests of many rows, from one thread and from
eight, and the latency of one row from one thread. The server is held to the better of the two
throughputs in process. Then the server gets the largest requests that it takes, for every
signature, and a second version.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from eigenfit.export import export_saved_model
from eigenfit.serving import GrpcClient
from eigenfit.solver import SpectralSolver, Toeplitz

from .. import report
from ..options import Options
from ..server_process import MODEL, Server, publish_copy, running_server

TITLE = "The embedded server beside the model in process"

SIZE = 8
ROWS = 256
THREADS = (1, 8)
REQUESTS = 64
LARGEST = 1000  # rows: max_batch_size of serving/deploy/batching.config
LARGEST_REPEATED = 5
LOAD_SECONDS = 60.0


def run(options: Options) -> dict[str, Any]:
    solver = SpectralSolver(Toeplitz(SIZE))
    generator = np.random.default_rng(0)
    count = REQUESTS // 8 if options.quick else REQUESTS
    x = generator.normal(size=(count, ROWS, SIZE))
    requests = [solver.spectrum(rows).numpy() for rows in x]
    with tempfile.TemporaryDirectory() as folder:
        version_dir = export_saved_model(solver, Path(folder) / "model", measure_latency=False)
        reloaded: Any = tf.saved_model.load(version_dir).signatures["serving_default"]
        with (
            running_server(Path(version_dir).parent) as server,
            GrpcClient(server.grpc, MODEL) as client,
        ):
            memory = [server.resident_mebibytes()]

            def in_process(targets: np.ndarray) -> dict[str, np.ndarray]:
                answer = reloaded(targets=tf.constant(targets))
                return {name: value.numpy() for name, value in answer.items()}

            sides: dict[str, Callable[[np.ndarray], Any]] = {
                "in process": in_process,
                "gRPC": client.fit,
            }
            fit, live = client.fit(requests[0]), in_process(requests[0])
            if not np.array_equal(fit.parameters, live["parameters"], equal_nan=True):
                raise SystemExit("the server answers differently: no time is worth reporting")
            rates = {name: {threads: [] for threads in THREADS} for name in sides}
            times: dict[str, list[float]] = {name: [] for name in sides}
            # In turn: a slow spell of the machine hits both.
            for _ in range(2 if options.quick else 2 * options.repetitions):
                for name, call in sides.items():
                    for threads in THREADS:
                        rates[name][threads].append(throughput(call, requests, threads))
                    times[name] += latencies(call, requests[0][:1], 30)
            largest_requests(solver, client)
            memory.append(server.resident_mebibytes())
            memory += memory_of_a_swap(server, Path(version_dir))
    return {"rates": rates, "times": times, "start": server.start_seconds, "memory": memory}


def text(result: dict[str, Any]) -> str:
    sides = list(result["times"])
    lines = []
    for threads in THREADS:
        cells = []
        for name in sides:
            rates = result["rates"][name][str(threads)]
            cells.append(f"{np.median(rates):.0f} rows/s ({min(rates):.0f} - {max(rates):.0f})")
        lines.append([f"{ROWS} rows a request, {threads} threads", *cells])
    for label, part in (("p50", 50), ("p99", 99)):
        cells = [report.seconds(np.percentile(result["times"][name], part)) for name in sides]
        lines.append([f"one row, {label}", *cells])
    best = {
        name: max(np.median(rates) for rates in result["rates"][name].values()) for name in sides
    }
    idle, largest, two_versions, afterwards = result["memory"]
    return report.table(["", *sides], lines) + (
        f"\nThroughput through gRPC: {100 * best['gRPC'] / best['in process']:.0f} % of that in "
        f"process. From the start of the process until `/metadata` answers: "
        f"{result['start']:.1f} s. Resident memory of the server: {idle:.0f} MiB before the first "
        f"request, {largest:.0f} after requests of {LARGEST} rows to every signature, at most "
        f"{two_versions:.0f} while a second version takes over, {afterwards:.0f} afterwards.\n"
    )


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
    """The times of calls, in seconds."""
    times = []
    for _ in range(repetitions):
        began = time.perf_counter()
        call(row)
        times.append(time.perf_counter() - began)
    return times


def largest_requests(solver: SpectralSolver, client: GrpcClient) -> None:
    """Every signature with as many rows as a request may have, a few times, two at a time."""
    parameters = np.random.default_rng(1).normal(size=(LARGEST, SIZE))
    targets = solver.spectrum(parameters).numpy()
    fit = {
        "targets": targets,
        "initial": np.full_like(parameters, np.nan),
        "weights": np.full_like(targets, np.nan),
        "tolerance": np.full(LARGEST, np.nan),
        "max_steps": np.zeros(LARGEST, np.int32),
    }
    point = {"parameters": parameters}
    calls = {
        "serving_default": {"targets": targets},
        "fit": fit,
        "spectrum": point,
        "matrix": point,
        "loss_and_gradient": {**point, "targets": targets},
        "covariance": {**point, "weights": fit["weights"]},
        "predict": {**point, "targets": targets, "weights": fit["weights"]},
    }
    offered = set(client.metadata().signatures)
    if set(calls) != offered:
        raise SystemExit(f"the model offers {offered}: not all of them would be asked")
    with ThreadPoolExecutor(2) as pool:
        for name, inputs in calls.items():
            for answer in pool.map(
                client.predict, [name] * LARGEST_REPEATED, [inputs] * LARGEST_REPEATED
            ):
                if any(len(value) != LARGEST for value in answer.values()):
                    raise SystemExit(f"{name} answered another number of rows")


def memory_of_a_swap(server: Server, version_dir: Path) -> tuple[float, float]:
    """Publish a version; the server's memory while two are there, at its highest, and afterwards.

    Sampled every 10 ms until only the new version is available.
    """
    sizes: list[float] = []
    done = threading.Event()

    def sample() -> None:
        while not done.wait(0.01):
            sizes.append(server.resident_mebibytes())

    sampling = threading.Thread(target=sample)
    sampling.start()
    try:
        new = int(publish_copy(version_dir, version_dir.parent).name)
        until = time.monotonic() + LOAD_SECONDS
        wanted = {new: "AVAILABLE", int(version_dir.name): "END"}
        while (states := server.versions()) != wanted:
            if time.monotonic() > until:
                raise SystemExit(f"version {new} did not take over: {states}")
            time.sleep(0.05)
    finally:
        done.set()
        sampling.join()
    return max(sizes), server.resident_mebibytes()
