"""The embedded server under load: many clients, bad requests, new versions, one of them broken.

    .venv/bin/python benchmarks/soak.py [--clients 64] [--seconds 60]

The server runs in a process of its own, with request batching. Three quarters of the clients ask
over gRPC, the others over REST; none sends anything twice. Each asks again and again, in turn for
fits of a few rows, for rows that cannot be fitted, for spectra, and wrongly. The wrong requests are
written by hand, so that no client of eigenfit holds them back; each must be refused with its code
and message. Every few seconds a new version is published, and one of them is no model at all.

Every fit is compared with the one that the solver gave before, bit for bit, and every spectrum with
NumPy. It ends with an error if an answer is wrong, a request is lost, a good request gets an error,
or the newest version is not served at the end. Prints counts, latencies and the server's memory.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import json
import os
import platform
import tempfile
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import grpc.aio
import numpy as np
import requests
import tensorflow as tf
from server_process import MODEL, Server, publish_copy, running_server
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from eigenfit.export import export_saved_model
from eigenfit.export.publishing import remove_old_versions
from eigenfit.serving import AsyncGrpcClient, AsyncRestClient, ServingError
from eigenfit.solver import SpectralSolver, Status, Toeplitz

SIZE = 8
BROKEN_VERSION = 4
EVERY_WRONG = 7  # one request in so many is wrong
TIMEOUT = 30.0
LOAD_SECONDS = 30.0
# How far the levels of a converged fit may be from NumPy's, of the largest.
LEVELS_APART = 1e-8


class WrongMessage(NamedTuple):
    """A gRPC request that must be refused: with what code, and with what in the message."""

    kind: str
    request: Any
    code: grpc.StatusCode
    fragment: str


class WrongBody(NamedTuple):
    """A REST request that must be refused: with what HTTP status, and with what in the message."""

    kind: str
    model: str
    body: str
    status: int
    fragment: str


def wrong_messages() -> list[WrongMessage]:
    """Mistakes of a client over gRPC."""

    def message(model: str, signature: str, name: str, value: np.ndarray) -> Any:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = model
        request.model_spec.signature_name = signature
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        return request

    good, wide = np.ones((2, SIZE)), np.ones((2, SIZE + 1))
    fit, code = "serving_default", grpc.StatusCode
    return [
        WrongMessage(
            "shape", message(MODEL, fit, "targets", wide), code.INVALID_ARGUMENT, f"[2,{SIZE + 1}]"
        ),
        WrongMessage(
            "dtype",
            message(MODEL, fit, "targets", good.astype(np.float32)),
            code.INVALID_ARGUMENT,
            "to be double but float is provided",
        ),
        WrongMessage(
            "input name",
            message(MODEL, fit, "levels", good),
            code.INVALID_ARGUMENT,
            "Signature input alias: targets",
        ),
        WrongMessage(
            "signature",
            message(MODEL, "no_such_signature", "targets", good),
            code.FAILED_PRECONDITION,
            'Serving signature key "no_such_signature" not found.',
        ),
        WrongMessage(
            "model",
            message("no_such_model", fit, "targets", good),
            code.NOT_FOUND,
            "Servable not found for request: Latest(no_such_model)",
        ),
    ]


def wrong_bodies() -> list[WrongBody]:
    """Mistakes of a client over REST."""
    good, wide = [[1.0] * SIZE] * 2, [[1.0] * (SIZE + 1)] * 2
    cut = json.dumps({"instances": good})[:-3]
    unknown = {"signature_name": "no_such_signature", "instances": good}
    plain = json.dumps({"instances": good})
    return [
        WrongBody("JSON", MODEL, cut, 400, "JSON Parse error"),
        WrongBody("shape", MODEL, json.dumps({"instances": wide}), 400, f"[2,{SIZE + 1}]"),
        WrongBody(
            "ragged rows",
            MODEL,
            json.dumps({"inputs": [good[0], wide[0]]}),
            400,
            f"Encountered list at unexpected size: {SIZE + 1}",
        ),
        WrongBody(
            "text",
            MODEL,
            json.dumps({"instances": [["one"] * SIZE]}),
            400,
            "is not of expected type: double",
        ),
        WrongBody(
            "input name",
            MODEL,
            json.dumps({"inputs": {"levels": good}}),
            400,
            "Missing named input: targets",
        ),
        WrongBody(
            "signature",
            MODEL,
            json.dumps(unknown),
            400,
            'Serving signature name: "no_such_signature" not found',
        ),
        WrongBody("model", "no_such_model", plain, 404, "Servable not found for request"),
    ]


def toeplitz(rows: np.ndarray) -> np.ndarray:
    """`[B, n]`, first rows, to `[B, n, n]`, by NumPy alone."""
    place = np.abs(np.subtract.outer(np.arange(SIZE), np.arange(SIZE)))
    return rows[:, place]


class Soak:
    """What the clients share: requests with known answers, and what came of them."""

    def __init__(self, solver: SpectralSolver):
        generator = np.random.default_rng(5)
        self.fits = []
        for rows in (1, 1, 2, 3, 8, 1, 5, 1):
            targets = solver.spectrum(generator.normal(size=(rows, SIZE))).numpy()
            if rows == 3:
                targets[1] = np.nan  # a row that cannot be fitted, among good ones
            answer = {
                name: np.asarray(value) for name, value in solver.fit(targets)._asdict().items()
            }
            found = answer["status"] == Status.CONVERGED
            apart = np.linalg.eigvalsh(toeplitz(answer["parameters"][found])) - targets[found]
            if np.abs(apart).max() > LEVELS_APART * np.abs(targets[found]).max():
                raise SystemExit("the solver itself is wrong: nothing is worth asking a server")
            self.fits.append((targets, answer))
        parameters = [generator.normal(size=(rows, SIZE)) for rows in (1, 4, 2)]
        self.spectra = [(each, np.linalg.eigvalsh(toeplitz(each))) for each in parameters]
        self.messages, self.bodies = wrong_messages(), wrong_bodies()
        self.sent = 0
        self.seconds: dict[str, list[float]] = collections.defaultdict(list)
        self.faults: list[str] = []

    async def fit(self, client: Any, number: int) -> str | None:
        targets, expected = self.fits[number % len(self.fits)]
        answer = (await client.fit(targets))._asdict()
        wrong = [
            name
            for name, value in expected.items()
            if not np.array_equal(answer[name], value, equal_nan=True)
        ]
        return f"{', '.join(wrong)} differ from the solver's" if wrong else None

    async def spectrum(self, client: Any, number: int) -> str | None:
        parameters, expected = self.spectra[number % len(self.spectra)]
        answer = await client.spectrum(parameters)
        right = answer.shape == expected.shape and np.allclose(
            answer, expected, rtol=0, atol=1e-12 * np.abs(expected).max()
        )
        return None if right else "the levels differ from NumPy's"

    async def wrong_message(self, stub: Any, number: int) -> tuple[str, str | None]:
        """A mistake over gRPC: it must get its error, and nobody else."""
        wrong = self.messages[number % len(self.messages)]
        kind = f"gRPC, wrong {wrong.kind}"
        try:
            await stub.Predict(wrong.request, timeout=TIMEOUT)
        except grpc.aio.AioRpcError as error:
            if error.code() is wrong.code and wrong.fragment in str(error.details()):
                return kind, None
            return kind, f"refused with {error.code()}: {error.details()}"
        return kind, "it was answered"

    async def wrong_body(self, server: Server, session: Any, number: int) -> tuple[str, str | None]:
        """A mistake over REST."""
        wrong = self.bodies[number % len(self.bodies)]
        kind = f"REST, wrong {wrong.kind}"
        url = f"{server.rest.removesuffix(MODEL)}{wrong.model}:predict"
        try:
            answer = await asyncio.to_thread(session.post, url, data=wrong.body, timeout=TIMEOUT)
            text = answer.json()["error"]
        except (requests.RequestException, KeyError) as error:
            return kind, f"no answer: {error!r}"
        if answer.status_code == wrong.status and wrong.fragment in text:
            return kind, None
        return kind, f"refused with {answer.status_code}: {text}"

    async def work(
        self,
        interface: str,
        client: Any,
        ask_wrongly: Callable[[int], Awaitable[tuple[str, str | None]]],
        until: float,
        first: int,
    ) -> None:
        """Ask, one request after the other, until the time is over."""
        number = first
        while time.monotonic() < until:
            number += 1
            self.sent += 1
            began = time.perf_counter()
            kind = f"{interface}, {'spectrum' if number % 5 == 0 else 'fit'}"
            try:
                if number % EVERY_WRONG == 0:
                    kind, fault = await ask_wrongly(number // EVERY_WRONG)
                elif number % 5 == 0:
                    fault = await self.spectrum(client, number)
                else:
                    fault = await self.fit(client, number)
            except ServingError as error:
                fault = f"{error.code}: {error.message}"
            if fault is None:
                self.seconds[kind].append(time.perf_counter() - began)
            else:
                self.faults.append(f"{kind}, request {number}: {fault[:300]}")

    async def grpc_client(self, server: Server, until: float, first: int) -> None:
        options: dict[str, Any] = {"timeout": TIMEOUT, "retries": 0}
        async with (
            AsyncGrpcClient(server.grpc, MODEL, **options) as client,
            grpc.aio.insecure_channel(server.grpc) as channel,
        ):
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            await self.work(
                "gRPC", client, lambda number: self.wrong_message(stub, number), until, first
            )

    async def rest_client(self, server: Server, until: float, first: int) -> None:
        address = server.rest.partition("/v1/")[0]
        options: dict[str, Any] = {"timeout": TIMEOUT, "retries": 0}
        with requests.Session() as session:
            async with AsyncRestClient(address, MODEL, **options) as client:
                await self.work(
                    "REST",
                    client,
                    lambda number: self.wrong_body(server, session, number),
                    until,
                    first,
                )


async def publish_versions(base_dir: Path, seconds: float, until: float) -> list[int]:
    """Publish versions, one of them broken but never the last; the numbers of the good ones."""
    source, good = base_dir / "1", [1]
    number = 1
    while time.monotonic() + seconds < until or number == BROKEN_VERSION:
        await asyncio.sleep(seconds)
        number += 1
        published = publish_copy(source, base_dir, broken=number == BROKEN_VERSION)
        if number != BROKEN_VERSION:
            source = published
            good.append(number)
        remove_old_versions(base_dir, keep=4, newest=number)
    return good


async def watch(server: Server, until: float) -> tuple[list[float], set[int]]:
    """The server's memory every second, and the versions that were ever seen available."""
    sizes, available = [], set()
    while time.monotonic() < until:
        sizes.append(server.resident_mebibytes())
        states = await asyncio.to_thread(server.versions)
        available |= {version for version, state in states.items() if state == "AVAILABLE"}
        await asyncio.sleep(1.0)
    return sizes, available


async def run(
    soak: Soak, server: Server, base_dir: Path, options: argparse.Namespace
) -> tuple[list[int], list[float], set[int]]:
    over_rest = options.clients // 4
    # A REST request waits in a thread of this pool: one for each client, and one to watch.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(over_rest + 1))
    until = time.monotonic() + options.seconds
    clients = [
        (soak.rest_client if k < over_rest else soak.grpc_client)(server, until, 1000 * k)
        for k in range(options.clients)
    ]
    published, (sizes, available), *_ = await asyncio.gather(
        publish_versions(base_dir, options.publish_seconds, until),
        watch(server, until),
        *clients,
    )
    return published, sizes, available


def served_at_last(server: Server, newest: int) -> int:
    """Wait until the newest good version is available; returns its number."""
    until = time.monotonic() + LOAD_SECONDS
    while (states := server.versions()).get(newest) != "AVAILABLE":
        if time.monotonic() > until:
            raise SystemExit(f"version {newest} is not served: {states}")
        time.sleep(0.1)
    return newest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--publish-seconds", type=float, default=5.0)
    options = parser.parse_args()

    solver = SpectralSolver(Toeplitz(SIZE))
    soak = Soak(solver)
    with tempfile.TemporaryDirectory() as folder:
        base_dir = Path(folder) / "model"
        export_saved_model(solver, base_dir, measure_latency=False)
        with running_server(base_dir, "--max_num_load_retries=0") as server:
            idle = server.resident_mebibytes()
            good, sizes, available = asyncio.run(run(soak, server, base_dir, options))
            available |= {served_at_last(server, good[-1])}

    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    print(
        f"{options.clients} clients, {options.clients // 4} of them over REST, for "
        f"{options.seconds:.0f} s; good versions published {good}, seen available "
        f"{sorted(available)}"
    )
    for kind, seconds in sorted(soak.seconds.items()):
        middle, high = np.percentile(1e3 * np.array(seconds), [50, 99])
        print(f"{kind:24s} {len(seconds):7d}   p50 {middle:7.1f} ms   p99 {high:7.1f} ms")
    right = sum(map(len, soak.seconds.values()))
    refused = sum(len(seconds) for kind, seconds in soak.seconds.items() if "wrong" in kind)
    print(f"{soak.sent} sent: {right - refused} answered rightly, {refused} refused rightly")
    start, middle, end = sizes[min(2, len(sizes) - 1)], sizes[len(sizes) // 2], sizes[-1]
    print(
        f"resident memory of the server, MiB: before the first request {idle:.0f}, start "
        f"{start:.0f}, middle {middle:.0f}, end {end:.0f}, highest {max(sizes):.0f}"
    )
    print(f"second by second: {' '.join(f'{size:.0f}' for size in sizes)}")
    if BROKEN_VERSION in available:
        raise SystemExit("the broken version was available")
    if soak.faults or right != soak.sent:
        print("\n".join(soak.faults[:20]))
        lost = soak.sent - right - len(soak.faults)
        raise SystemExit(f"{len(soak.faults)} faults, {lost} requests lost")
    print("no wrong answer, no lost request, no error that the client did not cause")


if __name__ == "__main__":
    main()
