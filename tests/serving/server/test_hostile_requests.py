"""Requests that once ended the server, stopped it, stayed in its memory, or got a wrong answer.

Thousands more, which chance makes, are in fuzzing/.
"""

import gc
import gzip
import json
import socket

import numpy as np
import pytest

from eigenfit.serving.server import ServingError
from eigenfit.serving.server.protos import TensorProto
from eigenfit.serving.server.tensors import parse_tensor

from .clients import predict_request, refusal
from .rest_bodies import MANY, columns, instances

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
    """TensorFlow's conversion of strings to NumPy ended the process."""
    request = predict_request("many", "classify", inputs=claim(7, *[1] * 33, string_val=[b"x"]))
    told = "has 33 dimensions; this server takes 32"
    assert refusal(client.predict, request) == (
        "INVALID_ARGUMENT",
        f"tensor parsing error: inputs {told}",
    )
    status, answer = client.post(MANY + ":predict", columns(nested(33, '"x"'), "classify"))
    assert (status, answer) == (400, {"error": f"tensor parsing error: a JSON value {told}"})
    assert client.post(MANY + ":predict", columns(nested(32, "1.0")))[0] == 200


@pytest.mark.parametrize("shape", [[2**40], [2**21, 2**21], [2**20 + 1]])
@pytest.mark.parametrize("dtype", [1, 7, 21])
def test_claims_of_terabytes(client, dtype, shape):
    """Each took all the memory, or ten seconds to find that there is not so much."""
    request = predict_request("many", x=claim(dtype, *shape, float_val=[1.0]))
    code, message = refusal(client.predict, request, timeout=5)
    assert code == "INVALID_ARGUMENT"
    assert message.startswith(f"tensor parsing error: x says that it has {np.prod(shape)} values")


def test_a_million_values_may_be_filled_up_and_more_may_be_sent():
    assert parse_tensor("x", claim(1, 2**20, float_val=[2.0])).sum() == 2**21
    sent = claim(10, 2**20 + 1, tensor_content=bytes(2**20 + 1))
    assert parse_tensor("x", sent).shape == (2**20 + 1,)


@pytest.mark.parametrize("dtype", [20, 21, 120, 1000, -1])
def test_what_is_no_tensor_of_values(client, dtype):
    tensor = claim(dtype, 1)
    tensor.resource_handle_val.add(name="x")
    tensor.variant_val.add(type_name="tensorflow::Tensor").tensors.add(dtype=1)
    request = predict_request("many", x=tensor)
    assert refusal(client.predict, request) == ("INVALID_ARGUMENT", "tensor parsing error: x")


def calls_in_memory():
    """How many calls gRPC's servers in this process hold; those of other tests are among them."""
    gc.collect()
    kinds = [type(each) for each in gc.get_objects()]
    return sum((kind.__module__, kind.__name__) == ("grpc._server", "_RPCState") for kind in kinds)


def test_bytes_that_are_no_message(client):
    """The code is gRPC's; gRPC for Python would keep each call for ever."""
    predict = client.channel.unary_unary(PREDICT)
    before = calls_in_memory()
    for _ in range(20):
        assert refusal(predict, b"\xff\xff", timeout=20) == (
            "INTERNAL",
            f"The request is not the message of {PREDICT}",
        )
    assert calls_in_memory() < before + 10


def test_message_that_repeats_bytes(client):
    """TensorFlow's messages may hold bytes of the request, which are no text."""
    told = "Could not parse example input, value: '\ufffd\ufffd"
    request = predict_request("many", "classify", inputs=np.array([b"\xff\xcd"], object))
    code, message = refusal(client.predict, request)
    assert code == "INVALID_ARGUMENT"
    assert message.startswith(told)
    status, answer = client.post(MANY + ":predict", instances([{"b64": "/80="}], "classify"))
    assert status == 400
    assert answer["error"].startswith(told)


def test_messages_are_cut_by_bytes(client):
    """A header of more than 8 kB is refused by clients, who then see another code."""
    code, message = refusal(client.predict, predict_request("😀" * 2000, x=X))
    assert code == "NOT_FOUND"
    assert message.endswith("😀...TRUNCATED")
    assert 1000 < len(message.removesuffix("...TRUNCATED").encode()) <= 1024


def test_open_string(client):
    """The time grew with the square of the length, and nobody else was answered meanwhile."""
    body = '{"inputs": Inf, "' + '\\"' * 500_000
    status, answer = client.post(MANY + ":predict", body)
    assert status == 400
    assert answer["error"].startswith("JSON Parse error: Missing a closing quotation mark")


@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000,
        '{"inputs": ' * 100_000,
        # Not too deep to be read, but to be looked through.
        '{"instances": ' + "[" * 900 + "]" * 900 + "}",
        '{"instances": [1, ' + "[" * 900 + "]" * 900 + "]}",
    ],
)
@pytest.mark.parametrize("method", ["predict", "classify"])
def test_deep_nesting(client, method, body):
    status, answer = client.post(f"{MANY}:{method}", body)
    assert status == 400
    assert "Recursion" not in answer["error"]


@pytest.mark.parametrize("name", ['"\\ud800"', b'"\xff"'])
def test_text_that_is_not_utf8(client, name):
    quoted = name if isinstance(name, bytes) else name.encode()
    for method, body in [
        ("predict", b'{"signature_name": %s, "inputs": 1}' % quoted),
        ("predict", b'{"inputs": {%s: 1}, "instances": 1}' % quoted),
        ("predict", b'{"signature_name": "kinds", "inputs": {%s: 1}}' % quoted),
        ("classify", b'{"signature_name": %s, "examples": [{"x": 1.0}]}' % quoted),
        ("classify", b'{"signature_name": "classify", "examples": [{%s: 1.0}]}' % quoted),
        ("classify", b'{"signature_name": "classify", "examples": [{%s: null}]}' % quoted),
    ]:
        status, answer = client.post(f"{MANY}:{method}", body)
        assert (status, list(answer)) == (400, ["error"])


def test_versions_of_thousands_of_digits(client):
    assert client.http("GET", f"{MANY}/versions/{'9' * 5000}") == (400, "")
    assert client.http("GET", f"{MANY}/versions/{'0' * 5000}1")[0] == 200


def test_body_that_is_not_compressed(client):
    status, text = client.http("POST", MANY + ":predict", "{}", {"Content-Encoding": "gzip"})
    assert (status, list(json.loads(text))) == (400, ["error"])


def test_body_that_becomes_very_large(client):
    body = gzip.compress(b" " * (101 * 2**20))
    status, text = client.http("POST", MANY + ":predict", body, {"Content-Encoding": "gzip"})
    assert (status, list(json.loads(text))) == (413, ["error"])


@pytest.mark.parametrize(
    "rest", ["Content-Length: 9\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n5"]
)
def test_body_that_does_not_come(server, rest):
    with socket.create_connection(("127.0.0.1", server.rest_port), 20) as connection:
        connection.sendall(f"POST {MANY}:predict HTTP/1.1\r\nHost: x\r\n{rest}".encode())
        answer = connection.recv(10_000)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"did not arrive in time (rest_api_timeout_in_ms)" in answer


@pytest.mark.parametrize("batching", [False, True])
def test_refused_requests_go_at_once(serve, many_path, batching):
    """A circle of references kept them, and all that they brought, until the collector ran."""
    client = serve(
        model_base_path=str(many_path),
        model_name="many",
        rest_api_port=0,
        enable_batching=batching,
    )
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
        for body in ("{", instances([1.0], "s"), instances([1, "x"]), instances([[1]], "checked")):
            assert client.post(MANY + ":predict", body)[0] == 400
        gc.collect()
        kept = [each for each in gc.garbage if isinstance(each, ServingError)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    assert not kept
