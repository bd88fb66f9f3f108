"""Requests that once ended a server, stopped it, stayed in its memory, or got a wrong answer.

Thousands more, which chance makes, are in fuzzing/.
"""

import gc
import gzip
import json
import socket

import numpy as np
import pytest

from eigenfit.serving import ServingError

from .clients import MANY, TensorProto, predict_request, refusal

X = np.array([1.0], np.float32)
PREDICT = "/tensorflow.serving.PredictionService/Predict"


def claim(dtype, *shape, **fields):
    """A tensor that says it has this shape."""
    tensor = TensorProto(dtype=dtype, **fields)
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


def nested(levels, leaf):
    return json.loads("[" * levels + leaf + "]" * levels)


def test_many_dimensions(client):
    request = predict_request("many", x=claim(1, *[1] * 33, float_val=[1.0]))
    code, message = refusal(client.predict, request)
    assert code == "INVALID_ARGUMENT"
    assert "at most 32 dimensions" in message
    status, answer = client.columns(nested(33, "1.0"))
    assert status == 400
    assert "at most 32 deep" in answer["error"]
    assert client.columns(nested(32, "1.0"))[0] == 200


@pytest.mark.parametrize("shape", [[2**40], [2**21, 2**21], [2**20 + 1]])
def test_claims_of_terabytes(client, shape):
    """Each took all the memory, or ten seconds to find that there is not so much."""
    request = predict_request("many", x=claim(1, *shape, float_val=[1.0]))
    code, message = refusal(client.predict, request, timeout=5)
    assert code == "INVALID_ARGUMENT"
    assert f"says that it has {np.prod(shape)} values" in message


def test_a_million_values_may_be_filled_up_and_more_may_be_sent(client):
    for tensor, count in [
        (claim(2, 2**20, double_val=[2.0]), 2**20),
        (np.zeros(2**20 + 1), 2**20 + 1),
    ]:
        request = predict_request("many", "count", x=tensor)
        request.output_filter.append("n")
        assert client.predict(request)["n"] == count


@pytest.mark.parametrize("dtype", [20, 21, 120, 1000, -1])
def test_what_is_no_tensor_of_values(client, dtype):
    tensor = claim(dtype, 1)
    tensor.resource_handle_val.add(name="x")
    tensor.variant_val.add(type_name="tensorflow::Tensor").tensors.add(dtype=1)
    assert refusal(client.predict, predict_request("many", x=tensor))[0] == "INVALID_ARGUMENT"


def test_bytes_that_are_no_message(client):
    """The code is gRPC's."""
    predict = client.channel.unary_unary(PREDICT)
    code, message = refusal(predict, b"\xff\xff", timeout=20)
    assert (code, message) == ("INTERNAL", "The bytes of the request are no PredictRequest")


def test_messages_are_cut_by_bytes(client):
    """A header of more than 8 kB is refused by clients, who then see another code."""
    code, message = refusal(client.predict, predict_request("😀" * 2000, x=X))
    assert code == "NOT_FOUND"
    assert message.endswith("😀...")
    assert 1000 < len(message.encode()) <= 1027


@pytest.mark.parametrize(
    "body",
    [
        # The time grew with the square of the length, and nobody else was answered meanwhile.
        '{"inputs": Inf, "' + '\\"' * 500_000,
        "[" * 100_000,
        '{"inputs": ' * 100_000,
        # Not too deep to be read, but to be looked through.
        '{"instances": ' + "[" * 900 + "]" * 900 + "}",
        '{"instances": [1, ' + "[" * 900 + "]" * 900 + "]}",
        b'{"signature_name": "\xff", "inputs": 1}',
        '{"signature_name": "\\ud800", "inputs": 1}',
        '{"inputs": {"\\ud800": 1}, "instances": 1}',
        '{"signature_name": "kinds", "inputs": {"\\ud800": 1}}',
    ],
)
def test_bodies(client, body):
    status, answer = client.post(MANY + ":predict", body)
    assert (status, list(answer)) == (400, ["error"])
    assert "Recursion" not in answer["error"]


def test_body_that_is_not_compressed_or_becomes_very_large(client):
    for body, expected in [(b"{}", 400), (gzip.compress(b" " * (101 * 2**20)), 413)]:
        gzipped = {"Content-Encoding": "gzip"}
        status, text = client.http("POST", MANY + ":predict", body, gzipped)
        assert (status, list(json.loads(text))) == (expected, ["error"])


@pytest.mark.parametrize(
    "rest", ["Content-Length: 9\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n5"]
)
def test_body_that_does_not_come(server, rest):
    with socket.create_connection(("127.0.0.1", server.rest_port), 20) as connection:
        connection.sendall(f"POST {MANY}:predict HTTP/1.1\r\nHost: x\r\n{rest}".encode())
        answer = connection.recv(10_000)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"did not arrive in time (rest_api_timeout_in_ms)" in answer


@pytest.mark.parametrize("batching", [None, ""])
def test_refused_requests_go_at_once(serve_many, batching):
    """A circle of references kept them, and all that they brought, until the collector ran."""
    client = serve_many(batching, rest_api_port=0)
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for wrong in (
            predict_request("m", x=X),
            predict_request("many", "s", x=X),
            predict_request("many", x=claim(1, -1)),
            predict_request("many", x=np.ones(2)),
            predict_request("many", "checked", x=np.ones([1, 2])),
        ):
            refusal(client.predict, wrong)
        assert client.post(MANY + ":predict", "{")[0] == 400
        for rows, signature in [([1.0], "s"), ([1, "x"], ""), ([[1]], "checked")]:
            assert client.rows(rows, signature)[0] == 400
        gc.collect()
        kept = [each for each in gc.garbage if isinstance(each, ServingError)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    assert not kept
