"""The embedded server under load: many clients, bad requests, new versions, one of them broken.

    .venv/bin/python benchmarks/soak.py [--clients 64] [--seconds 60]

The server runs in a process of its own, with request batching. Every client asks again and again,
in turn for good fits of a few rows, for rows that cannot be fitted, and wrongly. Every five seconds
a new version is published, and one of them is no model at all. Every answer is compared with the
one that the solver gave before. It ends with an error if an answer is wrong, a request is lost, or
a good request gets an error. Prints counts, latencies and the server's memory over time.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from eigenfit.export import export_saved_model
from eigenfit.export.publishing import publish, remove_old_versions, staging_directory
from eigenfit.serving import AsyncGrpcClient, ServingError
from eigenfit.solver import SpectralSolver, Toeplitz

SIZE = 8
PUBLISH_SECONDS = 5.0
BROKEN_VERSION = 4


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def resident_mebibytes(process: int) -> float:
    text = Path(f"/proc/{process}/status").read_text()
    line = next(line for line in text.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


class Soak:
    """What the clients share: requests with known answers, and the counts."""

    def __init__(self, solver: SpectralSolver):
        generator = np.random.default_rng(5)
        self.requests = []
        for rows in (1, 1, 2, 3, 8, 1, 5, 1):
            targets = solver.spectrum(generator.normal(size=(rows, SIZE))).numpy()
            if rows == 3:
                targets[1] = np.nan  # a row that cannot be fitted, among good ones
            self.requests.append((targets, solver.fit(targets)))
        self.counts: collections.Counter[str] = collections.Counter()
        self.latencies: list[float] = []
        self.faults: list[str] = []

    async def good(self, client: AsyncGrpcClient, number: int) -> None:
        targets, expected = self.requests[number % len(self.requests)]
        began = time.perf_counter()
        answer = await client.fit(targets)
        self.latencies.append(time.perf_counter() - began)
        same = np.array_equal(answer.parameters, expected.parameters.numpy(), equal_nan=True)
        same &= np.array_equal(answer.status, expected.status.numpy())
        self.counts["good"] += 1
        if not same:
            self.faults.append(f"wrong answer to request {number}")

    async def bad(self, client: AsyncGrpcClient, number: int) -> None:
        """A mistake of the client: it must get an error, and nobody else."""
        wrong = (
            ("serving_default", {"targets": np.zeros((2, SIZE + 1))}),
            ("serving_default", {"levels": np.zeros((2, SIZE))}),
            ("no_such_signature", {"targets": np.zeros((2, SIZE))}),
            ("spectrum", {"parameters": np.zeros((1, SIZE + 2))}),
        )
        signature, inputs = wrong[number % len(wrong)]
        try:
            await client.predict(signature, inputs)
        except (ServingError, ValueError):
            self.counts["bad, refused"] += 1
        else:
            self.faults.append(f"a wrong request of {signature} was answered")

    async def client(self, port: int, until: float, first: int) -> None:
        async with AsyncGrpcClient(f"127.0.0.1:{port}", "default", timeout=30) as client:
            number = first
            while time.monotonic() < until:
                number += 1
                try:
                    await (
                        self.bad(client, number) if number % 7 == 0 else self.good(client, number)
                    )
                except ServingError as error:
                    self.faults.append(f"request {number}: {error.code}: {error.message[:200]}")


async def publish_versions(base_dir: Path, until: float) -> int:
    source, published = base_dir / "1", 0
    while time.monotonic() + PUBLISH_SECONDS < until:
        await asyncio.sleep(PUBLISH_SECONDS)
        with staging_directory(base_dir) as staged:
            shutil.copytree(source, staged, dirs_exist_ok=True)
            version = published + 2
            if version == BROKEN_VERSION:
                (staged / "saved_model.pb").write_bytes(b"this is no model")
            source = publish(staged, base_dir, None)
            if version == BROKEN_VERSION:
                source = base_dir / str(version - 1)
        remove_old_versions(base_dir, keep=4, newest=int(source.name))
        published += 1
    return published


async def watch(process: int, until: float) -> list[float]:
    sizes = []
    while time.monotonic() < until:
        sizes.append(resident_mebibytes(process))
        await asyncio.sleep(2.0)
    return sizes


async def run(soak: Soak, port: int, base_dir: Path, server: int, options: argparse.Namespace):
    until = time.monotonic() + options.seconds
    clients = [soak.client(port, until, 1000 * k) for k in range(options.clients)]
    work = asyncio.gather(*clients)
    published, sizes = await asyncio.gather(publish_versions(base_dir, until), watch(server, until))
    await work
    return published, sizes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()

    solver = SpectralSolver(Toeplitz(SIZE))
    soak = Soak(solver)
    with tempfile.TemporaryDirectory() as folder:
        base_dir = Path(folder) / "model"
        export_saved_model(solver, base_dir, measure_latency=False)
        port = free_port()
        batching = Path(folder) / "batching.config"
        batching.write_text(
            "max_batch_size { value: 256 } batch_timeout_micros { value: 500 } "
            "num_batch_threads { value: 2 } max_enqueued_batches { value: 1000 }"
        )
        command = [sys.executable, "-m", "eigenfit.serving", f"--model_base_path={base_dir}"]
        command += [f"--port={port}", "--enable_batching", "--max_num_load_retries=0"]
        command += [f"--batching_parameters_file={batching}"]
        server = subprocess.Popen(command)
        try:
            _wait_for(port, server)
            published, sizes = asyncio.run(run(soak, port, base_dir, server.pid, options))
        finally:
            server.send_signal(signal.SIGTERM)
            code = server.wait(timeout=60)

    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    print(f"{options.clients} clients for {options.seconds:.0f} s, {published} versions published")
    print(", ".join(f"{name}: {count}" for name, count in sorted(soak.counts.items())))
    times = 1e3 * np.array(soak.latencies)
    middle, high = np.percentile(times, [50, 99])
    print(f"latency of good requests: median {middle:.1f} ms, 99 % {high:.1f} ms")
    print(f"resident memory of the server, MiB: {' '.join(f'{size:.0f}' for size in sizes)}")
    print(f"the server ended with code {code} after SIGTERM")
    if soak.faults or code != 0:
        print("\n".join(soak.faults[:20]))
        raise SystemExit(f"{len(soak.faults)} faults")
    print("no wrong answer, no lost request, no error that the client did not cause")


def _wait_for(port: int, server: subprocess.Popen) -> None:
    for _ in range(600):
        if server.poll() is not None:
            raise SystemExit(f"the server ended with code {server.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("the server did not open its port within a minute")


if __name__ == "__main__":
    main()
