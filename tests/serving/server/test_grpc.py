"""gRPC: what each request answers, and the code of each error."""

from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from .clients import (
    Client,
    GetModelMetadataRequest,
    GetModelStatusRequest,
    PredictRequest,
    SignatureDefMap,
    TensorProto,
    predict_request,
    refusal,
    slow,
    with_spec,
)

ROWS = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
X = np.array([1.0, 2.0], np.float32)
FLOAT, DOUBLE, UINT8, TEXT = 1, 2, 4, 7


def proto(dtype: int, shape: list[int], **fields: Any) -> Any:
    tensor = TensorProto(dtype=dtype, **fields)
    tensor.tensor_shape.SetInParent()
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


def filtered(request, *names):
    request.output_filter.extend(names)
    return request


def long_names() -> Any:
    request = predict_request("many")
    for number in range(90):
        request.inputs[f"{number:0>40}"].CopyFrom(TensorProto(dtype=1))
    return request


# The request, the code, and what the message must name.
INVALID = "INVALID_ARGUMENT"
WRONG = {
    "no model_spec": (PredictRequest(), INVALID, "model_spec"),
    "empty name": (with_spec(PredictRequest(), signature_name="x"), INVALID, "name"),
    "unknown model": (predict_request("m", x=X), "NOT_FOUND", "Servable not found: m "),
    "unknown version": (
        with_spec(predict_request("many", x=X), version=7),
        "NOT_FOUND",
        "version 7 of many",
    ),
    "version zero": (with_spec(predict_request("many", x=X), version=0), "NOT_FOUND", "version 0"),
    "unknown label": (
        with_spec(predict_request("many", x=X), version_label="L"),
        INVALID,
        "no version label 'L'; it has stable",
    ),
    "label of an unknown model": (
        with_spec(predict_request("m", x=X), version_label="L"),
        INVALID,
        "'L'",
    ),
    "unknown signature": (predict_request("many", "s", x=X), "FAILED_PRECONDITION", "'s'; this"),
    "more inputs": (predict_request("many", "two", c=X, b=ROWS, a=ROWS), INVALID, "known: c"),
    "fewer inputs": (predict_request("many", "two", b=ROWS), INVALID, "missing: a"),
    "wrong name": (
        predict_request("many", "two", a=ROWS, zz=ROWS),
        INVALID,
        "takes the inputs a, b; missing: b; not known: zz",
    ),
    "missing beside a default": (
        predict_request("many", "defaults", tol=np.array([1.0])),
        INVALID,
        "missing: a",
    ),
    "unknown beside a default": (
        predict_request("many", "defaults", a=ROWS, zz=ROWS),
        INVALID,
        "known: zz",
    ),
    "content of another size": (
        predict_request("many", x=proto(FLOAT, [1], tensor_content=b"abc")),
        INVALID,
        "Input x cannot be read",
    ),
    "no dtype": (predict_request("many", x=TensorProto()), INVALID, "Input x must have the type"),
    "another dtype": (
        predict_request("many", "checked", x=ROWS.astype(np.float32)),
        INVALID,
        "Input x must have the type float64, got float32",
    ),
    "values in another field": (
        predict_request("many", "checked", x=proto(DOUBLE, [1, 3], float_val=[1.0, 2.0, 3.0])),
        INVALID,
        "Input x cannot be read",
    ),
    "no values": (predict_request("many", x=proto(FLOAT, [2])), INVALID, "shape [2]"),
    "no strings": (predict_request("many", "example", inputs=proto(TEXT, [2])), INVALID, "string"),
    "too many values": (
        predict_request("many", x=proto(FLOAT, [1], float_val=[1.0, 2.0])),
        INVALID,
        "shape [1]",
    ),
    "negative dimension": (
        predict_request("many", x=proto(FLOAT, [-1, 4], float_val=[1.0] * 4)),
        INVALID,
        "dimensions",
    ),
    "huge dimensions": (predict_request("many", x=proto(FLOAT, [2**62, 4])), INVALID, "values"),
    "unknown output": (
        filtered(predict_request("many", "two", a=ROWS, b=ROWS), "z"),
        INVALID,
        "output_filter must name some of x, y, each once; got z",
    ),
    "output twice": (
        filtered(predict_request("many", "two", a=ROWS, b=ROWS), "y", "y"),
        INVALID,
        "got y, y",
    ),
    "shape that the graph refuses": (
        predict_request("many", "checked", x=np.ones([2, 4])),
        INVALID,
        "is not compatible with expected shape [?,3]",
    ),
    "long message": (
        long_names(),
        INVALID,
        "...",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_requests(client, case):
    request, code, told = WRONG[case]
    found, message = refusal(client.predict, request)
    assert found == code
    assert told in message
    assert len(message.encode()) <= 1024 + len("...")


@pytest.mark.parametrize("method", ["Classify", "Regress", "MultiInference"])
def test_what_is_not_implemented(client, method):
    call = client.channel.unary_unary("/tensorflow.serving.PredictionService/" + method)
    code, message = refusal(call, b"", timeout=20)
    assert code == "UNIMPLEMENTED"
    assert message.endswith("call Predict")


def test_answer_repeats_name_and_signature_and_says_the_version(client):
    request = with_spec(predict_request("many", x=X), version_label="stable")
    response = client.predictions.Predict(request, timeout=20)
    assert response.model_spec.name == "many"
    assert response.model_spec.signature_name == "serving_default"
    assert response.model_spec.version.value == 1
    assert not response.model_spec.version_label
    assert list(response.outputs["y"].float_val) == [2.5, 3.0]  # as TensorFlow Serving writes it
    assert response.outputs["y"].tensor_content == b""


def test_output_filter_chooses(client):
    request = filtered(predict_request("many", "two", a=ROWS, b=ROWS), "y")
    assert list(client.predict(request)) == ["y"]


def test_defaults_are_honoured(client):
    answer = client.predict(predict_request("many", "defaults", a=ROWS))
    np.testing.assert_array_equal(answer["y"], ROWS + 0.5)


def test_shape_is_not_checked_unless_the_graph_does(client):
    """As with TensorFlow Serving."""
    flat = np.arange(8.0).reshape(2, 4)
    answer = client.predict(predict_request("many", "two", a=flat, b=flat))
    np.testing.assert_array_equal(answer["x"], 2 * flat)
    answer = client.predict(predict_request("many", x=np.array(3.0, np.float32)))
    assert (answer["y"].shape, answer["y"]) == ((), 3.5)


def test_empty_batch(client):
    answer = client.predict(predict_request("many", x=np.zeros([0], np.float32)))
    assert answer["y"].shape == (0,)


def test_short_list_repeats_its_last_value(client):
    tensor = proto(FLOAT, [3], float_val=[1.0, 2.0])
    answer = client.predict(predict_request("many", x=tensor))
    np.testing.assert_array_equal(answer["y"], [2.5, 3.0, 3.0])


def test_every_kind_of_tensor(client):
    sent: dict[str, Any] = {
        **{
            name: np.array([np.iinfo(name).min, np.iinfo(name).max], name)
            for name in ("int8", "int16", "int32", "int64", "uint8", "uint32", "uint64")
        },
        "bool": np.array([True, False]),
        "text": np.array([b"a\xff", b""], object),
    }
    answer = client.predict(predict_request("many", "kinds", **sent))
    for name, array in sent.items():
        np.testing.assert_array_equal(answer[name], array)
    z = np.array([1 + 2j, np.nan - 1j])
    answer = client.predict(predict_request("many", "complex", z=z))
    np.testing.assert_array_equal(answer["z"], z.conj())
    half = np.array([1.5, -np.inf], np.float16)
    answer = client.predict(predict_request("many", "half", x=half))
    np.testing.assert_array_equal(answer["y"], half)


def test_deadline_stops_the_run(client):
    assert refusal(client.predict, slow(10**12), timeout=0.3)[0] == "DEADLINE_EXCEEDED"


def metadata_request(name, *fields):
    request = GetModelMetadataRequest(metadata_field=fields)
    if name:
        request.model_spec.name = name
    return request


def test_metadata(client):
    call = client.predictions.GetModelMetadata
    response = call(metadata_request("many", "signature_def"), timeout=20)
    signatures = SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert {"serving_default", "two", "__saved_model_init_op"} <= set(signatures.signature_def)
    assert "tol" in signatures.signature_def["defaults"].defaults
    assert response.model_spec.version.value == 1
    for wrong, code in [
        (metadata_request("", "signature_def"), INVALID),
        (metadata_request("m"), INVALID),
        (metadata_request("m", "signature_def", "F"), INVALID),
        (metadata_request("m", "signature_def"), "NOT_FOUND"),
    ]:
        assert refusal(call, wrong)[0] == code


def test_status(client):
    (only,) = client.status("many").model_version_status
    assert (only.version, only.state, only.status.error_code) == (1, 30, 0)
    request = GetModelStatusRequest()
    assert refusal(client.models.GetModelStatus, request)[0] == INVALID
    request.model_spec.name = "many"
    request.model_spec.version_label = "no such label"  # is not looked at
    assert len(client.models.GetModelStatus(request).model_version_status) == 1
    assert refusal(client.status, "many", 7)[0] == "NOT_FOUND"
    assert refusal(client.status, "m")[0] == "NOT_FOUND"


def test_health(client):
    health: Any = health_pb2_grpc.HealthStub(client.channel)
    messages: Any = health_pb2
    serving = messages.HealthCheckResponse.SERVING
    for service in ("", "tensorflow.serving.PredictionService", "ModelService"):
        request = messages.HealthCheckRequest(service=service)
        assert health.Check(request, timeout=20).status == serving


def test_unix_socket(serve_many, tmp_path):
    path = tmp_path / "socket"
    client: Client = serve_many(grpc_socket_path=str(path))
    client.channel.close()
    with grpc.insecure_channel(f"unix:{path}") as channel:
        predict = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        request = predict_request("many", x=X)
        assert predict(request.SerializeToString(), timeout=20)
