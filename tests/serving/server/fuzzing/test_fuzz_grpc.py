"""Thousands of wrong gRPC requests: each is refused, and the server stays as it was.

Malformed and different, without those that are sent again to look for leaks: 3000 and 4200 here,
1800, 750 and 400 in test_fuzz_rest.py, together more than 10,000.

This server joins requests into batches; that of test_fuzz_rest.py does not.
"""

import socket
from random import Random
from typing import Any

import hypothesis.strategies as st
import pytest

from .drawing import send_many
from .grpc_faults import spoiled_bytes, spoiled_message
from .grpc_requests import ANSWERS, PATHS, RIGHT
from .grpc_rules import check_answer, is_malformed, parsed
from .server_process import PYTHON, SECONDS, ServerProcess

RIGHT_ONES = st.sampled_from(RIGHT)
HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CODES = {"INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION"}


class Fuzzer:
    """Sends requests, several at a time, and judges what comes back.

    Attributes:
        refused: the malformed ones, all different.
    """

    def __init__(self, process: ServerProcess, signatures: dict[str, Any]):
        self.refused: set[tuple[str, bytes]] = set()
        self._process = process
        self._signatures = signatures
        self._calls: dict[str, Any] = {
            method: process.client.channel.unary_unary(path + method)
            for method, path in PATHS.items()
        }

    def __call__(self, batch: list[tuple[str, bytes]]) -> None:
        under_way = []
        for method, sent in batch:
            request = parsed(method, sent)
            malformed = request is None or is_malformed(method, request, self._signatures)
            # What may be a right configuration would take the models away.
            if malformed or method != "HandleReloadConfigRequest":
                call = self._calls[method].future(sent, timeout=SECONDS)
                under_way.append((method, sent, request, malformed, call))
        for method, sent, request, malformed, call in under_way:
            error = call.exception()
            if error is not None:
                _check_refusal(method, request, error)
            else:
                assert not malformed, (method, sent, request)
                answer = ANSWERS[method].FromString(call.result())
                check_answer(method, request, answer, self._signatures)
            if malformed:
                self.refused.add((method, sent))
        self._process.check()


def _check_refusal(method: str, request: Any, error: Any) -> None:
    code, message = error.code().name, error.details()
    if request is None:
        # The code that gRPC has for bytes that are no message.
        assert code == "INTERNAL", message
        assert message == f"The request is not the message of {PATHS[method]}{method}"
        return
    assert code in CODES | ({"UNIMPLEMENTED"} if method == "MultiInference" else set()), (
        code,
        message,
        method,
        request,
    )
    assert message
    assert not PYTHON.search(message), message
    assert len(message.encode()) <= 1024 + len("...TRUNCATED")


@pytest.fixture(scope="module")
def fuzzed(start_fuzzed, tmp_path_factory) -> ServerProcess:
    batching = tmp_path_factory.mktemp("batching") / "batching.txt"
    # While one batch runs, the next one gathers.
    batching.write_text("num_batch_threads { value: 1 }")
    return start_fuzzed(enable_batching=True, batching_parameters_file=batching)


@pytest.fixture
def fuzzer(fuzzed, signatures) -> Fuzzer:
    return Fuzzer(fuzzed, signatures)


def test_bytes(fuzzer):
    send_many(RIGHT_ONES, spoiled_bytes, 3600, fuzzer)
    assert len(fuzzer.refused) >= 3000


def test_messages(fuzzer):
    send_many(RIGHT_ONES, spoiled_message, 5700, fuzzer)
    assert len(fuzzer.refused) >= 4200


def test_no_grpc_at_all(fuzzed):
    random = Random(1)
    for number in range(300):
        sent = random.randbytes(random.randint(1, 200))
        with socket.create_connection(("127.0.0.1", fuzzed.port), SECONDS) as connection:
            connection.sendall(HTTP2 + sent if number % 2 else sent)
    fuzzed.check()


def test_nothing_leaks(fuzzer, fuzzed):
    def some() -> None:
        send_many(RIGHT_ONES, spoiled_bytes, 300, fuzzer)
        send_many(RIGHT_ONES, spoiled_message, 600, fuzzer)

    fuzzed.check_leaks(some)
