"""Thousands of wrong REST requests: each is refused, and the server stays as it was."""

import http.client
import json
import re
import socket
from typing import Any

import hypothesis.strategies as st
import pytest

from .drawing import send_many
from .http_faults import spoiled_http, spoiled_path
from .rest_faults import JSON, spoiled_body
from .rest_requests import RIGHT
from .rest_rules import is_malformed, may_be_path
from .server_process import PYTHON, SECONDS, ServerProcess

RIGHT_ONES = st.sampled_from(RIGHT)
BODIES = st.tuples(RIGHT_ONES, JSON)
# 501 is for numbers that JSON cannot write, such as complex ones.
STATUSES = {400, 404, 413, 417, 501}
# A version beyond int64 is answered with an empty body.
BIG_VERSION = re.compile(r"\d{19}")
PLAIN_PATH = re.compile(r"/v1/[\w/:.~%-]*", re.ASCII | re.IGNORECASE)


class Fuzzer:
    """Sends requests and judges what comes back.

    Attributes:
        refused: the malformed ones, all different.
    """

    def __init__(self, process: ServerProcess, signatures: dict[str, Any]):
        self.refused: set[Any] = set()
        self._process = process
        self._signatures = signatures

    def bodies(self, batch: list[tuple[str, bytes]]) -> None:
        connection = http.client.HTTPConnection(*self._process.rest_address, timeout=SECONDS)
        for path, body in batch:
            malformed = is_malformed(path, body, self._signatures)
            connection.request("POST", path, body)
            response = connection.getresponse()
            self._judge(response.status, response.read(), malformed, (path, body), is_json=True)
        connection.close()
        self._process.check()

    def paths(self, batch: list[tuple[str, str]]) -> None:
        for method, path in batch:
            sent = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode()
            status, answer = self._exchange(sent, method)
            malformed = method == "POST" or not may_be_path(method, path)
            has_body = method not in ("HEAD", "OPTIONS") and not BIG_VERSION.search(path)
            is_json = has_body and PLAIN_PATH.fullmatch(path) is not None
            self._judge(status, answer, malformed, (method, path), is_json)
        self._process.check()

    def http(self, batch: list[tuple[bytes, bool]]) -> None:
        for sent, malformed in batch:
            status, answer = self._exchange(sent)
            self._judge(status, answer, malformed, sent)
        self._process.check()

    def _exchange(self, sent: bytes, method: str = "POST") -> tuple[int, bytes]:
        """Status and body of the answer; 0 if chunks are missing and the connection is closed."""
        chunked = b"chunked" in sent
        with socket.create_connection(self._process.rest_address, SECONDS) as connection:
            try:
                connection.sendall(sent)
                if chunked:  # more is not to come
                    connection.shutdown(socket.SHUT_WR)
                response = http.client.HTTPResponse(connection, method=method)
                response.begin()
                return response.status, response.read()
            except (ConnectionError, http.client.BadStatusLine):
                if not chunked:
                    raise
                return 0, b""

    def _judge(
        self, status: int, answer: bytes, malformed: bool, sent: Any, is_json: bool = False
    ) -> None:
        if status == 200:
            assert not malformed, sent
        elif status:
            assert status in STATUSES, (status, answer, sent)
            text = answer.decode()
            assert not PYTHON.search(text), (text, sent)
            assert not is_json or list(json.loads(text)) == ["error"], (text, sent)
        if malformed:
            self.refused.add(sent)


@pytest.fixture(scope="module")
def fuzzed(start_fuzzed) -> ServerProcess:
    return start_fuzzed()


@pytest.fixture
def fuzzer(fuzzed, signatures) -> Fuzzer:
    return Fuzzer(fuzzed, signatures)


def test_bodies(fuzzer):
    send_many(BODIES, spoiled_body, 2900, fuzzer.bodies)
    assert len(fuzzer.refused) >= 1800


def test_paths(fuzzer):
    send_many(st.none(), spoiled_path, 1000, fuzzer.paths)
    assert len(fuzzer.refused) >= 750


def test_http(fuzzer):
    send_many(RIGHT_ONES, spoiled_http, 1200, fuzzer.http)
    assert len(fuzzer.refused) >= 400


def test_nothing_leaks(fuzzer, fuzzed):
    def some() -> None:
        send_many(BODIES, spoiled_body, 300, fuzzer.bodies)
        send_many(st.none(), spoiled_path, 200, fuzzer.paths)
        send_many(RIGHT_ONES, spoiled_http, 200, fuzzer.http)
        _half_open(fuzzed)

    fuzzed.check_leaks(some)


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
