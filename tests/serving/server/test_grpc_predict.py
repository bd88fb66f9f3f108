"""Predict over gRPC: every row of the table of errors, and what comes back."""

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.serving.server.protos import PredictRequest, TensorProto

from .clients import predict_request, refusal

ROWS = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
X = np.array([1.0, 2.0], np.float32)


def with_spec(request, **fields):
    if "version" in fields:
        request.model_spec.version.value = fields.pop("version")
    for name, value in fields.items():
        setattr(request.model_spec, name, value)
    return request


def filtered(request, *names):
    request.output_filter.extend(names)
    return request


WRONG = {
    "no model_spec": (PredictRequest(), "INVALID_ARGUMENT", "Missing ModelSpec"),
    "empty name": (
        with_spec(PredictRequest(), signature_name="x"),
        "INVALID_ARGUMENT",
        "ModelSpec has no name specified.",
    ),
    "unknown model": (
        predict_request("m", x=X),
        "NOT_FOUND",
        "Servable not found for request: Latest(m)",
    ),
    "unknown version": (
        with_spec(predict_request("many", x=X), version=7),
        "NOT_FOUND",
        "Servable not found for request: Specific(many, 7)",
    ),
    "unknown label": (
        with_spec(predict_request("many", x=X), version_label="L"),
        "INVALID_ARGUMENT",
        "Unrecognized servable version label: L",
    ),
    "unknown label of an unknown model": (
        with_spec(predict_request("m", x=X), version_label="L"),
        "INVALID_ARGUMENT",
        "Unrecognized servable version label: L",
    ),
    "unknown signature": (
        predict_request("many", "s", x=X),
        "FAILED_PRECONDITION",
        'Serving signature key "s" not found.',
    ),
    "more inputs": (
        predict_request("many", "two", c=X, b=ROWS, a=ROWS),
        "INVALID_ARGUMENT",
        "input size does not match signature: 3!=2 len({a,b,c}) != len({a,b}). Sent extra: {c}. "
        "Missing but required: {}.",
    ),
    "fewer inputs": (
        predict_request("many", "two", b=ROWS),
        "INVALID_ARGUMENT",
        "input size does not match signature: 1!=2 len({b}) != len({a,b}). Sent extra: {}. "
        "Missing but required: {a}.",
    ),
    "wrong name": (
        predict_request("many", "two", a=ROWS, zz=ROWS),
        "INVALID_ARGUMENT",
        "Signature input alias: b(feed name: two_b:0) not found in request and no default value "
        "provided. Inputs expected to be in the request {a,zz}, or default input alias set: ",
    ),
    "missing input beside a default": (
        predict_request("many", "defaults", tol=np.array([1.0])),
        "INVALID_ARGUMENT",
        "Signature input alias: a(feed name: defaults_a:0) not found in request and no default "
        "value provided. Inputs expected to be in the request {tol}, or default input alias set: "
        "tol",
    ),
    "unknown name beside a default": (
        predict_request("many", "defaults", a=ROWS, zz=ROWS),
        "INVALID_ARGUMENT",
        "Inputs contains invalid name. Used request inputs: a, request input: a,zz",
    ),
    "undecodable": (
        predict_request("many", x=TensorProto(dtype=1, tensor_content=b"abc")),
        "INVALID_ARGUMENT",
        "tensor parsing error: x",
    ),
    "no dtype": (
        predict_request("many", x=TensorProto()),
        "INVALID_ARGUMENT",
        "tensor parsing error: x",
    ),
    "output unknown": (
        filtered(predict_request("many", "two", a=ROWS, b=ROWS), "z"),
        "INVALID_ARGUMENT",
        "output tensor alias not found in signature: z Outputs expected to be in the set {x,y}.",
    ),
    "output twice": (
        filtered(predict_request("many", "two", a=ROWS, b=ROWS), "y", "y"),
        "INVALID_ARGUMENT",
        "duplicate output tensor alias: y",
    ),
    "wrong dtype": (
        predict_request("many", "checked", x=ROWS.astype(np.float32)),
        "INVALID_ARGUMENT",
        "Expects arg[0] to be double but float is provided",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_requests(client, case):
    request, code, message = WRONG[case]
    assert refusal(client.predictions.Predict, request) == (code, message)


BAD = TensorProto(dtype=1, tensor_content=b"abc")
TWO_FAULTS = [
    (predict_request("m", "s", x=X), "Servable not found for request"),
    (predict_request("many", "s", a=X, b=X, c=X), 'Serving signature key "s" not found'),
    (predict_request("many", "two", a=BAD, b=BAD, c=BAD), "input size does not match signature"),
    (predict_request("many", "defaults", a=BAD, zz=X), "tensor parsing error: a"),
    (filtered(predict_request("many", "defaults", a=ROWS, zz=X), "z"), "Inputs contains invalid"),
    (filtered(predict_request("many", x=ROWS), "z", "z"), "output tensor alias not found"),
]


@pytest.mark.parametrize(("request_", "told"), TWO_FAULTS)
def test_order_of_the_checks(client, request_, told):
    """A request with two faults is told the first."""
    assert refusal(client.predict, request_)[1].startswith(told)


def test_answer_repeats_name_and_signature_and_says_the_version(client):
    request = predict_request("many", x=X)
    request.model_spec.version_label = "stable"
    response = client.predictions.Predict(request, timeout=20)
    assert response.model_spec.name == "many"
    assert response.model_spec.signature_name == "serving_default"
    assert response.model_spec.version.value == 1
    assert not response.model_spec.version_label
    assert list(response.outputs["y"].float_val) == [2.5, 3.0]
    assert response.outputs["y"].tensor_content == b""


def test_version_zero_is_a_version(client):
    request = with_spec(predict_request("many", x=X), version=0)
    assert refusal(client.predictions.Predict, request)[0] == "NOT_FOUND"


def test_output_filter_chooses(client):
    request = filtered(predict_request("many", "two", a=ROWS, b=ROWS), "y")
    assert list(client.predict(request)) == ["y"]


def test_defaults_are_honoured(client):
    answer = client.predict(predict_request("many", "defaults", a=ROWS))
    np.testing.assert_array_equal(answer["y"], ROWS + 0.5)


def test_shape_is_not_checked_unless_the_graph_does(client):
    flat = np.arange(8.0).reshape(2, 4)
    answer = client.predict(predict_request("many", "two", a=flat, b=flat))
    np.testing.assert_array_equal(answer["x"], 2 * flat)
    code, message = refusal(client.predict, predict_request("many", "checked", x=flat))
    assert code == "INVALID_ARGUMENT"
    assert "is not compatible with expected shape [?,3]" in message


def test_empty_batch(client):
    answer = client.predict(predict_request("many", x=np.zeros([0], np.float32)))
    assert answer["y"].shape == (0,)


def test_messages_are_cut(client):
    names = {f"input_with_a_long_name_{number}": X for number in range(200)}
    _, message = refusal(client.predict, predict_request("many", "", **names))
    assert message.endswith("...TRUNCATED")
    assert len(message) == 1024 + len("...TRUNCATED")


def test_deadline_stops_the_run(client):
    request = predict_request("many", "slow", steps=np.array([10**9]))
    code, _ = refusal(client.predict, request, timeout=0.3)
    assert code == "DEADLINE_EXCEEDED"


def test_eigenfit_model(client, toeplitz):
    targets = np.array([[1.0, 2.0, 4.0], [1.0, np.nan, 5.0]])
    answer = client.predict(predict_request("toeplitz", targets=targets))
    live = toeplitz.fit(tf.constant(targets))
    np.testing.assert_array_equal(answer["status"], live.status)
    np.testing.assert_allclose(answer["parameters"], live.parameters, rtol=1e-9, atol=1e-9)
    code, message = refusal(client.predict, predict_request("toeplitz", targets=targets[:, :2]))
    assert code == "INVALID_ARGUMENT"
    assert "is not compatible with expected shape [?,3]" in message
