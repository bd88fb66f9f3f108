"""Thousands of wrong requests: never a crash, a hang or a leak; always an error status.

What is wrong for sure must be refused; the rest may be answered or refused. Errors have a known
code and a message for users. The server that is asked over gRPC joins requests into batches, that
of REST does not.
"""

import http.client
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import hypothesis.strategies as st
import pytest

from ..conftest import many_config
from . import grpc_faults, rest_faults
from .drawing import send_many
from .grpc_faults import PATHS, spoiled_bytes, spoiled_message
from .rest_faults import JSON, spoiled_body, spoiled_http, spoiled_path
from .server_process import PYTHON, SECONDS, ServerProcess

GRPC_ONES = st.sampled_from(grpc_faults.RIGHT)
REST_ONES = st.sampled_from(rest_faults.RIGHT)
BODIES = st.tuples(REST_ONES, JSON)
HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# INTERNAL is gRPC's code for bytes that are no message.
CODES = {"INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "UNIMPLEMENTED", "INTERNAL"}
# 501 is for numbers that JSON cannot write, such as complex ones, and for classify and regress.
STATUSES = {400, 404, 413, 417, 501}


def started(many_path: Path, directory: Path, **flags: Any) -> Iterator[ServerProcess]:
    (directory / "models.txt").write_text(many_config(many_path))
    process = ServerProcess(directory / "models.txt", directory / "log", **flags)
    yield process
    process.stop()


@pytest.fixture(scope="module")
def batching(many_path, tmp_path_factory) -> Iterator[ServerProcess]:
    directory = tmp_path_factory.mktemp("batching")
    # While one batch runs, the next one gathers.
    (directory / "batching").write_text("num_batch_threads { value: 1 }")
    flags = {"enable_batching": True, "batching_parameters_file": directory / "batching"}
    yield from started(many_path, directory, **flags)


@pytest.fixture(scope="module")
def plain(many_path, tmp_path_factory) -> Iterator[ServerProcess]:
    yield from started(many_path, tmp_path_factory.mktemp("plain"))


def send_grpc(process: ServerProcess, refused: set[Any]) -> Callable[[list[Any]], None]:
    """A function that sends requests, all at a time, and judges what comes back."""
    calls: dict[str, Any] = {
        method: process.client.channel.unary_unary(path) for method, path in PATHS.items()
    }

    def send(batch: list[tuple[str, bytes, bool]]) -> None:
        under_way = [
            (method, sent, sure, calls[method].future(sent, timeout=SECONDS))
            for method, sent, sure in batch
        ]
        for method, sent, sure, call in under_way:
            error = call.exception()
            if error is None:
                assert not sure, (method, sent)
                continue
            code, message = error.code().name, error.details()
            assert code in CODES, (code, message, method, sent)
            assert 0 < len(message.encode()) <= 1027
            assert not PYTHON.search(message), message
            refused.add((method, sent))
        process.check()

    return send


def send_http(process: ServerProcess, refused: set[Any]) -> Callable[[list[Any]], None]:
    """The same for HTTP, one after the other."""

    def send(batch: list[tuple[bytes, bool]]) -> None:
        for sent, sure in batch:
            status, body = _exchange(process, sent)
            if status == 200:
                assert not sure or sent.startswith(b"HEAD"), sent
            elif status:
                assert status in STATUSES, (status, body, sent)
                assert not PYTHON.search(body.decode()), (body, sent)
                refused.add(sent)
        process.check()

    return send


def _exchange(process: ServerProcess, sent: bytes) -> tuple[int, bytes]:
    """Status and body of the answer; 0 if chunks are missing and the connection is closed."""
    chunked = b"chunked" in sent
    with socket.create_connection(process.rest_address, SECONDS) as connection:
        try:
            connection.sendall(sent)
            if chunked:  # more is not to come
                connection.shutdown(socket.SHUT_WR)
            response = http.client.HTTPResponse(connection, method=sent[:4].decode("latin-1"))
            response.begin()
            return response.status, response.read()
        except (ConnectionError, http.client.BadStatusLine):
            if not chunked:
                raise
            return 0, b""


def send_bodies(process: ServerProcess, refused: set[Any]) -> Callable[[list[Any]], None]:
    """The same for bodies, over one connection: each answer is JSON."""

    def send(batch: list[tuple[str, bytes, bool]]) -> None:
        connection = http.client.HTTPConnection(*process.rest_address, timeout=SECONDS)
        for path, body, sure in batch:
            connection.request("POST", path, body)
            response = connection.getresponse()
            text = response.read().decode()
            answer = json.loads(text)
            if response.status == 200:
                assert not sure, body
                continue
            assert response.status in STATUSES, (response.status, text, body)
            assert list(answer) == ["error"]
            assert not PYTHON.search(text), (text, body)
            refused.add(body)
        connection.close()
        process.check()

    return send


@pytest.mark.parametrize(
    ("server", "sender", "right", "spoil", "count", "least"),
    [
        ("batching", send_grpc, GRPC_ONES, spoiled_bytes, 1800, 1200),
        ("batching", send_grpc, GRPC_ONES, spoiled_message, 2800, 1800),
        ("plain", send_bodies, BODIES, spoiled_body, 1500, 900),
        ("plain", send_http, st.none(), spoiled_path, 500, 350),
        ("plain", send_http, REST_ONES, spoiled_http, 600, 300),
    ],
)
def test_wrong_requests(request, server, sender, right, spoil, count, least):
    refused: set[Any] = set()
    send_many(right, spoil, count, sender(request.getfixturevalue(server), refused))
    assert len(refused) >= least


def test_no_grpc_at_all(batching):
    random = Random(1)
    for number in range(300):
        sent = random.randbytes(random.randint(1, 200))
        with socket.create_connection(("127.0.0.1", batching.port), SECONDS) as connection:
            connection.sendall(HTTP2 + sent if number % 2 else sent)
    batching.check()


def test_grpc_leaks_nothing(batching):
    send = send_grpc(batching, set())

    def some() -> None:
        send_many(GRPC_ONES, spoiled_bytes, 300, send)
        send_many(GRPC_ONES, spoiled_message, 600, send)

    batching.check_leaks(some)


def test_rest_leaks_nothing(plain):
    def some() -> None:
        send_many(BODIES, spoiled_body, 300, send_bodies(plain, set()))
        send_many(st.none(), spoiled_path, 200, send_http(plain, set()))
        send_many(REST_ONES, spoiled_http, 200, send_http(plain, set()))
        _half_open(plain)

    plain.check_leaks(some)


def _half_open(process: ServerProcess) -> None:
    """Connections that say nothing, or not all: they are in nobody's way, and go when closed."""
    starts = [
        b"",
        b"POST /v1/mod",
        b"POST /v1/models/many:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
        b"POST /v1/models/many:predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
    ]
    connections = []
    for number in range(80):
        connections.append(socket.create_connection(process.rest_address, SECONDS))
        connections[-1].sendall(starts[number % 4])
    process.check()
    for connection in connections:
        connection.close()
