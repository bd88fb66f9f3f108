"""The embedded server under load: many clients, bad requests, new versions, one of them broken.

The server runs in a process of its own, with request batching. Three quarters of the clients ask
over gRPC, the others over REST; none sends anything twice. Each asks again and again, in turn for
fits of a few rows, for rows that cannot be fitted, for spectra, and wrongly. The wrong requests are
written by hand, so that no client of eigenfit holds them back; each must be refused with its code
and a message. Every few seconds a new version is published, and one of them is no model at all.

Every fit is compared with the one that the solver gave before, bit for bit, and every spectrum with
NumPy. It ends with an error if an answer is wrong, a request is lost, a good request gets an error,
or the newest version is not served at the end.
"""

from __future__ import annotations

import collections
import json
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import numpy as np
import requests
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from eigenfit.export import export_saved_model
from eigenfit.export.publishing import remove_old_versions
from eigenfit.serving import GrpcClient, RestClient, ServingError
from eigenfit.solver import SpectralSolver, Status, Toeplitz

from .. import report
from ..options import Options
from ..server_process import MODEL, Server, publish_copy, running_server

TITLE = "The embedded server under load"

SIZE = 8
CLIENTS = 64
SECONDS, QUICK_SECONDS = 60.0, 30.0
PUBLISH_SECONDS = 5.0
BROKEN_VERSION = 4
EVERY_WRONG = 7  # one request in so many is wrong
TIMEOUT = 30.0
LOAD_SECONDS = 30.0
# How far the levels of a converged fit may be from NumPy's, of the largest.
LEVELS_APART = 1e-8


def run(options: Options) -> dict[str, Any]:
    seconds = QUICK_SECONDS if options.quick else SECONDS
    solver = SpectralSolver(Toeplitz(SIZE))
    soak = Soak(solver)
    with tempfile.TemporaryDirectory() as folder:
        base_dir = Path(folder) / "model"
        export_saved_model(solver, base_dir, measure_latency=False)
        with running_server(base_dir) as server:
            idle = server.resident_mebibytes()
            published, sizes, available = soak.all(server, base_dir, seconds)
            available |= {served_at_last(server, published[-1])}
    right = sum(map(len, soak.seconds.values()))
    if BROKEN_VERSION in available:
        raise SystemExit("the broken version was available")
    if soak.faults or right != soak.sent:
        print("\n".join(soak.faults[:20]))
        lost = soak.sent - right - len(soak.faults)
        raise SystemExit(f"{len(soak.faults)} faults, {lost} requests lost")
    return {
        "clients": CLIENTS,
        "seconds": seconds,
        "published": published,
        "available": sorted(available),
        "times": soak.seconds,
        "idle": idle,
        "sizes": sizes,
    }


def text(result: dict[str, Any]) -> str:
    lines, refused = [], 0
    for kind, times in sorted(result["times"].items()):
        middle, high = (report.seconds(np.percentile(times, part)) for part in (50, 99))
        lines.append([kind, str(len(times)), middle, high])
        refused += len(times) if "wrong" in kind else 0
    right, sizes = sum(map(len, result["times"].values())), result["sizes"]
    return (
        f"{result['clients']} clients, a quarter of them over REST, for {result['seconds']:.0f} s; "
        f"good versions published {result['published']}, seen available {result['available']}.\n\n"
        + report.table(["request", "", "p50", "p99"], lines)
        + f"\n{right - refused} answered rightly, {refused} refused rightly; no wrong answer, no "
        "lost request, no error that the client did not cause. Resident memory of the server: "
        f"{result['idle']:.0f} MiB before the first request, {sizes[-1]:.0f} at the end, "
        f"{max(sizes):.0f} at most.\n"
    )


class WrongMessage(NamedTuple):
    """A gRPC request that must be refused: with what code."""

    kind: str
    request: Any
    code: grpc.StatusCode


class WrongBody(NamedTuple):
    """A REST request that must be refused: with what HTTP status."""

    kind: str
    model: str
    body: str
    status: int


def wrong_messages() -> list[WrongMessage]:
    """Mistakes of a client over gRPC."""

    def message(model: str, signature: str, name: str, value: np.ndarray) -> Any:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = model
        request.model_spec.signature_name = signature
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        return request

    good, wide = np.ones((2, SIZE)), np.ones((2, SIZE + 1))
    fit, single, code = "serving_default", good.astype(np.float32), grpc.StatusCode
    no_signature, no_model = "no_such_signature", "no_such_model"
    return [
        WrongMessage("shape", message(MODEL, fit, "targets", wide), code.INVALID_ARGUMENT),
        WrongMessage("dtype", message(MODEL, fit, "targets", single), code.INVALID_ARGUMENT),
        WrongMessage("input name", message(MODEL, fit, "levels", good), code.INVALID_ARGUMENT),
        WrongMessage(
            "signature", message(MODEL, no_signature, "targets", good), code.FAILED_PRECONDITION
        ),
        WrongMessage("model", message(no_model, fit, "targets", good), code.NOT_FOUND),
    ]


def wrong_bodies() -> list[WrongBody]:
    """Mistakes of a client over REST."""
    good, wide = [[1.0] * SIZE] * 2, [[1.0] * (SIZE + 1)] * 2
    plain = json.dumps({"instances": good})
    unknown = {"signature_name": "no_such_signature", "instances": good}
    return [
        WrongBody("JSON", MODEL, plain[:-3], 400),
        WrongBody("shape", MODEL, json.dumps({"instances": wide}), 400),
        WrongBody("ragged rows", MODEL, json.dumps({"inputs": [good[0], wide[0]]}), 400),
        WrongBody("text", MODEL, json.dumps({"instances": [["one"] * SIZE]}), 400),
        WrongBody("input name", MODEL, json.dumps({"inputs": {"levels": good}}), 400),
        WrongBody("signature", MODEL, json.dumps(unknown), 400),
        WrongBody("model", "no_such_model", plain, 404),
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
        self._lock = threading.Lock()  # around the three above

    def all(
        self, server: Server, base_dir: Path, seconds: float
    ) -> tuple[list[int], list[float], set[int]]:
        """All clients, new versions and a look at the server, each in a thread of its own."""
        until = time.monotonic() + seconds
        with ThreadPoolExecutor(CLIENTS + 2) as pool:
            publishing = pool.submit(publish_versions, base_dir, until)
            watching = pool.submit(watch, server, until)
            clients = [
                pool.submit(
                    self.rest_client if k < CLIENTS // 4 else self.grpc_client,
                    server,
                    until,
                    1000 * k,
                )
                for k in range(CLIENTS)
            ]
            for client in clients:
                client.result()
            return publishing.result(), *watching.result()

    def fit(self, client: Any, number: int) -> str | None:
        targets, expected = self.fits[number % len(self.fits)]
        answer = client.fit(targets)._asdict()
        wrong = [
            name
            for name, value in expected.items()
            if not np.array_equal(answer[name], value, equal_nan=True)
        ]
        return f"{', '.join(wrong)} differ from the solver's" if wrong else None

    def spectrum(self, client: Any, number: int) -> str | None:
        parameters, expected = self.spectra[number % len(self.spectra)]
        answer = client.spectrum(parameters)
        right = answer.shape == expected.shape and np.allclose(
            answer, expected, rtol=0, atol=1e-12 * np.abs(expected).max()
        )
        return None if right else "the levels differ from NumPy's"

    def wrong_message(self, stub: Any, number: int) -> tuple[str, str | None]:
        """A mistake over gRPC: it must get its error, and nobody else."""
        wrong = self.messages[number % len(self.messages)]
        kind = f"gRPC, wrong {wrong.kind}"
        try:
            stub.Predict(wrong.request, timeout=TIMEOUT)
        except grpc.RpcError as error:
            refused: Any = error
            if refused.code() is wrong.code and refused.details():
                return kind, None
            return kind, f"refused with {refused.code()}: {refused.details()}"
        return kind, "it was answered"

    def wrong_body(self, server: Server, session: Any, number: int) -> tuple[str, str | None]:
        """A mistake over REST."""
        wrong = self.bodies[number % len(self.bodies)]
        kind = f"REST, wrong {wrong.kind}"
        url = f"{server.rest.removesuffix(MODEL)}{wrong.model}:predict"
        try:
            answer = session.post(url, data=wrong.body, timeout=TIMEOUT)
            message = answer.json()["error"]
        except (requests.RequestException, KeyError) as error:
            return kind, f"no answer: {error!r}"
        if answer.status_code == wrong.status and message:
            return kind, None
        return kind, f"refused with {answer.status_code}: {message}"

    def work(
        self,
        interface: str,
        client: Any,
        ask_wrongly: Callable[[int], tuple[str, str | None]],
        until: float,
        first: int,
    ) -> None:
        """Ask, one request after the other, until the time is over."""
        number = first
        while time.monotonic() < until:
            number += 1
            with self._lock:
                self.sent += 1
            began = time.perf_counter()
            kind = f"{interface}, {'spectrum' if number % 5 == 0 else 'fit'}"
            try:
                if number % EVERY_WRONG == 0:
                    kind, fault = ask_wrongly(number // EVERY_WRONG)
                elif number % 5 == 0:
                    fault = self.spectrum(client, number)
                else:
                    fault = self.fit(client, number)
            except ServingError as error:
                fault = f"{error.code}: {error.message}"
            with self._lock:
                if fault is None:
                    self.seconds[kind].append(time.perf_counter() - began)
                else:
                    self.faults.append(f"{kind}, request {number}: {fault[:300]}")

    def grpc_client(self, server: Server, until: float, first: int) -> None:
        with (
            GrpcClient(server.grpc, MODEL, timeout=TIMEOUT, retries=0) as client,
            grpc.insecure_channel(server.grpc) as channel,
        ):
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            self.work("gRPC", client, lambda n: self.wrong_message(stub, n), until, first)

    def rest_client(self, server: Server, until: float, first: int) -> None:
        address = server.rest.partition("/v1/")[0]
        with (
            RestClient(address, MODEL, timeout=TIMEOUT, retries=0) as client,
            requests.Session() as session,
        ):
            self.work("REST", client, lambda n: self.wrong_body(server, session, n), until, first)


def publish_versions(base_dir: Path, until: float) -> list[int]:
    """Publish versions, one of them broken but never the last; the numbers of the good ones."""
    source, good = base_dir / "1", [1]
    number = 1
    while time.monotonic() + PUBLISH_SECONDS < until or number == BROKEN_VERSION:
        time.sleep(PUBLISH_SECONDS)
        number += 1
        published = publish_copy(source, base_dir, broken=number == BROKEN_VERSION)
        if number != BROKEN_VERSION:
            source = published
            good.append(number)
        remove_old_versions(base_dir, keep=4, newest=number)
    return good


def watch(server: Server, until: float) -> tuple[list[float], set[int]]:
    """The server's memory every second, and the versions that were ever seen available."""
    sizes, available = [], set()
    while time.monotonic() < until:
        sizes.append(server.resident_mebibytes())
        states = server.versions()
        available |= {version for version, state in states.items() if state == "AVAILABLE"}
        time.sleep(1.0)
    return sizes, available


def served_at_last(server: Server, newest: int) -> int:
    """Wait until the newest good version is available; returns its number."""
    until = time.monotonic() + LOAD_SECONDS
    while (states := server.versions()).get(newest) != "AVAILABLE":
        if time.monotonic() > until:
            raise SystemExit(f"version {newest} is not served: {states}")
        time.sleep(0.1)
    return newest
