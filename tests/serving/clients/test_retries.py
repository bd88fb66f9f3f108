"""Trying again: when, how often, and never after the deadline."""

import concurrent.futures
import contextlib
import socket
import threading
import time

import grpc
import numpy as np
import pytest

from eigenfit.serving import ServingError
from eigenfit.serving.client import pause_before

from .fake_model import Fault, pretended
from .harness import client_of, connect, rest_client_of, send, serve

TARGETS = np.array([[1.0, 2.0, 3.5]])
UNAVAILABLE = Fault(grpc.StatusCode.UNAVAILABLE, "the queue is full")


def test_unavailable_is_tried_again_until_it_works(kind):
    model = pretended()
    model.faults = [UNAVAILABLE] * 3
    with client_of(kind, model) as client:
        fit = client.fit(TARGETS)
    np.testing.assert_array_equal(fit.parameters, 2 * TARGETS)
    assert len(model.requests) == 4


def test_retries_are_counted(kind):
    model = pretended()
    model.faults = [UNAVAILABLE] * 9
    with client_of(kind, model, retries=2) as client:
        with pytest.raises(ServingError, match=r"the queue is full \(attempts: 3\)") as caught:
            client.fit(TARGETS)
        assert len(model.requests) == 3
        assert caught.value.code is grpc.StatusCode.UNAVAILABLE
        assert caught.value.signature == "serving_default"
        assert caught.value.retryable
    model.requests.clear()
    with client_of(kind, model, retries=0) as client, pytest.raises(ServingError, match=r"full$"):
        client.fit(TARGETS)
    assert len(model.requests) == 1


@pytest.mark.parametrize(
    "name",
    ["INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "INTERNAL", "UNIMPLEMENTED"],
)
def test_other_errors_are_not_tried_again(kind, name):
    model, code = pretended(), grpc.StatusCode[name]
    model.faults = [Fault(code, "no such luck")]
    with client_of(kind, model) as client:
        with pytest.raises(ServingError) as caught:
            client.fit(TARGETS, tolerance=1e-3)
        assert len(model.requests) == 1
        assert caught.value.code is code
        assert caught.value.message == "no such luck"
        assert caught.value.signature == "fit"
        assert not caught.value.retryable
        client.fit(TARGETS)  # the client goes on


BUSY = "Server Threadpool Exhausted"  # TensorFlow Serving, by gRPC for C++


BUSY_FAULT = Fault(grpc.StatusCode.RESOURCE_EXHAUSTED, BUSY)


def test_only_a_busy_server_is_asked_again():
    model = pretended()
    with client_of("grpc", model) as client:
        model.faults = [BUSY_FAULT] * 3
        assert client.fit(TARGETS).status.tolist() == [1]
        assert len(model.requests) == 4
        model.faults = [Fault(grpc.StatusCode.RESOURCE_EXHAUSTED, "larger than max")] * 3
        with pytest.raises(ServingError, match="larger") as caught:
            client.fit(TARGETS)
    assert caught.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert len(model.requests) == 5


def test_a_busy_server_is_asked_no_longer_than_there_is_time():
    model = pretended()
    model.faults = [BUSY_FAULT] * 1000
    start = time.monotonic()
    with client_of("grpc", model, timeout=0.5, retries=1, backoff=0.05) as client:
        with pytest.raises(ServingError, match="leaves no time for another attempt") as caught:
            client.fit(TARGETS)
        assert time.monotonic() - start < 5.0
        assert caught.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert 3 <= len(model.requests) <= 12
    with (
        client_of("grpc", model, retries=0) as client,
        pytest.raises(ServingError, match=r"usted$"),
    ):
        client.fit(TARGETS)


def test_a_place_in_line_is_no_retry():
    """A server that is busy, then restarts, then is gone for longer than there are retries."""
    busy, model = BUSY_FAULT, pretended()
    with client_of("grpc", model, retries=2, backoff=0.001) as client:
        model.faults = [busy] * 6 + [UNAVAILABLE] * 2 + [busy]
        assert client.fit(TARGETS).status.tolist() == [1]
        assert len(model.requests) == 10
        model.faults = [busy] * 3 + [UNAVAILABLE] * 3
        with pytest.raises(ServingError, match=r"full \(attempts: 6\)"):
            client.fit(TARGETS)


def test_a_server_that_starts_late_is_found(kind):
    port, started, done = free_port(), threading.Event(), threading.Event()

    def work():
        time.sleep(0.2)
        with serve(kind, pretended(), port=port):
            started.set()
            done.wait()

    server = threading.Thread(target=work)
    server.start()
    try:
        with connect(kind, port, backoff=0.05, retries=8) as client:
            assert client.fit(TARGETS).status.tolist() == [1]
            assert started.is_set()
    finally:
        done.set()
        server.join()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_channel_tries_again_soon():
    """gRPC would let a second pass after the first attempt, and more after each further one."""
    attempts = 0
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse():
            nonlocal attempts
            with contextlib.suppress(OSError):  # when the test is over
                while True:
                    listener.accept()[0].close()
                    attempts += 1

        threading.Thread(target=refuse, daemon=True).start()
        with connect("grpc", listener.getsockname()[1], retries=0) as client:
            limit = time.monotonic() + 3.0
            while attempts < 5 and time.monotonic() < limit:
                with pytest.raises(ServingError):
                    client.status()
                time.sleep(0.01)
        listener.shutdown(socket.SHUT_RDWR)
    assert attempts >= 5  # by gRPC's own rules it would be three


def test_a_slow_answer_ends_at_the_deadline(kind):
    model = pretended()
    model.delay = 10.0
    start = time.monotonic()
    with client_of(kind, model, timeout=0.5) as client:
        with pytest.raises(ServingError) as caught:
            client.fit(TARGETS)
        assert time.monotonic() - start < 5.0
        model.stopped.set()
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert len(model.requests) <= 1


def test_nothing_is_sent_after_the_deadline(kind):
    model = pretended()
    model.faults = [UNAVAILABLE] * 1000
    with client_of(kind, model, timeout=0.3, retries=1000, backoff=0.05) as client:
        with pytest.raises(ServingError):
            client.fit(TARGETS)
        time.sleep(0.2)  # until what was sent at the last moment has arrived
        sent = len(model.requests)
        time.sleep(0.1)
        assert len(model.requests) == sent <= 8


def test_the_deadline_holds_for_all_pieces_together(kind):
    model = pretended()
    model.delay = 0.1
    with client_of(kind, model, timeout=0.35, max_batch_rows=1, max_concurrency=1) as client:
        with pytest.raises(ServingError) as caught:
            client.fit(np.ones((50, 3)))
        assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
        assert len(model.requests) <= 5


def test_pauses_double_and_vary():
    for retry, whole in [(1, 0.1), (2, 0.2), (3, 0.4), (7, 5.0), (10, 5.0)]:
        pauses = {pause_before(retry, 0.1) for _ in range(50)}
        assert whole / 2 <= min(pauses) < max(pauses) <= whole
        assert len(pauses) > 40


def test_other_statuses_are_not_tried_again_over_http():
    with rest_client_of(lambda handler: send(handler, 502, b"<h1>Bad")) as (client, asked):
        with pytest.raises(ServingError, match="HTTP status 502: <h1>Bad"):
            client.metadata()
        assert asked == ["/v1/models/levels/metadata"]


def test_a_connection_that_breaks_is_not_tried_again_over_http():
    """The request may be what broke the server."""

    def answer(handler):
        handler.close_connection = True

    with rest_client_of(answer) as (client, asked):
        with pytest.raises(ServingError, match="the connection failed") as caught:
            client.metadata()
        assert len(asked) == 1
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "1000"}, None])
def test_an_answer_that_does_not_end_ends_at_the_deadline(headers):
    stopped = threading.Event()

    def answer(handler):
        send(handler, 200, b'{"model', **(headers or {}))
        handler.wfile.flush()
        with contextlib.suppress(OSError):  # when the client has gone
            while not stopped.wait(10.0 if headers is not None else 0.05):
                handler.wfile.write(b" " * 2**16)  # of a server that goes on, slowly

    start = time.monotonic()
    with rest_client_of(answer, timeout=0.3) as (client, _):
        with pytest.raises(ServingError) as caught:
            client.metadata()
        stopped.set()
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - start < 5.0


def test_threads_share_a_client(kind):
    model = pretended()
    model.faults = [UNAVAILABLE] * 5
    numbers = np.arange(40.0)[:, None, None] + np.ones((40, 2, 3))
    with client_of(kind, model) as client, concurrent.futures.ThreadPoolExecutor(40) as pool:
        for answer, asked in zip(pool.map(client.fit, numbers), numbers, strict=True):
            np.testing.assert_array_equal(answer.parameters, 2 * asked)
