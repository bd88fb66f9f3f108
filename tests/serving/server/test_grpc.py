"""gRPC: what each request answers, and the code of each error."""

from typing import Any

import numpy as np
import pytest

from .clients import (
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
FLOAT, DOUBLE, UINT8 = 1, 2, 4


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


def many(signature: str = "", spec: dict[str, Any] | None = None, **inputs: Any) -> Any:
    """A request to the model `many`, of x if nothing else is given."""
    return with_spec(predict_request("many", signature, **(inputs or {"x": X})), **(spec or {}))


def two(*outputs: str) -> Any:
    return filtered(many("two", a=ROWS, b=ROWS), *outputs)


# By code: requests, and what the message must name.
INVALID = "INVALID_ARGUMENT"
WRONG = {
    INVALID: [
        (PredictRequest(), "model_spec"),
        (with_spec(PredictRequest(), signature_name="x"), "name"),
        (many(spec={"version_label": "L"}), "no version label 'L'; it has stable"),
        (many(spec={"version_label": "L", "name": "m"}), "'L'"),
        (many("two", c=X, b=ROWS, a=ROWS), "known: c"),
        (many("two", b=ROWS), "missing: a"),
        (many("two", a=ROWS, zz=ROWS), "takes the inputs a, b; missing: b; not known: zz"),
        # Beside an input with a default value.
        (many("defaults", tol=np.array([1.0])), "missing: a"),
        (many("defaults", a=ROWS, zz=ROWS), "known: zz"),
        (many(x=proto(FLOAT, [1], tensor_content=b"abc")), "Input x cannot be read"),
        (many(x=TensorProto()), "Input x must have the type"),
        (many("checked", x=ROWS.astype(np.float32)), "must have the type float64, got float32"),
        (many("checked", x=proto(DOUBLE, [1, 3], float_val=[1.0] * 3)), "Input x cannot be read"),
        (many(x=proto(FLOAT, [2])), "shape [2]"),
        (many("text", x=proto(FLOAT, [2])), "must have the type string, got float32"),
        (many(x=proto(FLOAT, [1], float_val=[1.0, 2.0])), "shape [1]"),
        (many(x=proto(FLOAT, [-1, 4], float_val=[1.0] * 4)), "dimensions"),
        (many(x=proto(FLOAT, [2**62, 4])), "values"),
        (two("z"), "output_filter must name some of x, y, each once; got z"),
        (two("y", "y"), "got y, y"),
        (many("checked", x=np.ones([2, 4])), "is not compatible with expected shape [?,3]"),
        (long_names(), "..."),
    ],
    "NOT_FOUND": [
        (many(spec={"name": "m"}), "Servable not found: m "),
        (many(spec={"version": 7}), "version 7 of many"),
        (many(spec={"version": 0}), "version 0"),
    ],
    "FAILED_PRECONDITION": [(many("s"), "'s'; this")],
    "UNIMPLEMENTED": [
        (many("text", x=np.array(["a"])), "Input x has the type string; neither text nor half"),
        (many("half", x=np.ones(1, np.float16)), "type float16"),
    ],
}


@pytest.mark.parametrize(
    ("code", "request_", "told"), [(code, *each) for code, all_ in WRONG.items() for each in all_]
)
def test_wrong_requests(client, code, request_, told):
    found, message = refusal(client.predict, request_)
    assert found == code
    assert told in message
    assert len(message.encode()) <= 1024 + len("...")


@pytest.mark.parametrize(
    "method",
    [
        *(f"PredictionService/{name}" for name in ("Classify", "Regress", "MultiInference")),
        "ModelService/HandleReloadConfigRequest",
    ],
)
def test_what_is_not_implemented(client, method):
    call = client.channel.unary_unary("/tensorflow.serving." + method)
    code, message = refusal(call, b"", timeout=20)
    assert code == "UNIMPLEMENTED"
    assert message.startswith("This server answers Predict, ")


def test_answer_repeats_name_and_signature_and_says_the_version(client):
    response = client.predictions.Predict(many(spec={"version_label": "stable"}), timeout=20)
    assert response.model_spec.name == "many"
    assert response.model_spec.signature_name == "serving_default"
    assert response.model_spec.version.value == 1
    assert not response.model_spec.version_label
    assert list(response.outputs["y"].float_val) == [2.5, 3.0]  # as TensorFlow Serving writes it
    assert response.outputs["y"].tensor_content == b""


def test_output_filter_chooses(client):
    assert list(client.predict(two("y"))) == ["y"]


def test_defaults_are_honoured(client):
    answer = client.predict(many("defaults", a=ROWS))
    np.testing.assert_array_equal(answer["y"], ROWS + 0.5)


def test_shape_is_not_checked_unless_the_graph_does(client):
    """As with TensorFlow Serving."""
    flat = np.arange(8.0).reshape(2, 4)
    answer = client.predict(many("two", a=flat, b=flat))
    np.testing.assert_array_equal(answer["x"], 2 * flat)
    answer = client.predict(many(x=np.array(3.0, np.float32)))
    assert (answer["y"].shape, answer["y"]) == ((), 3.5)


def test_short_list_repeats_its_last_value(client):
    tensor = proto(FLOAT, [3], float_val=[1.0, 2.0])
    answer = client.predict(many(x=tensor))
    np.testing.assert_array_equal(answer["y"], [2.5, 3.0, 3.0])


def test_every_kind_of_tensor(client):
    sent: dict[str, Any] = {
        **{
            name: np.array([np.iinfo(name).min, np.iinfo(name).max], name)
            for name in ("int8", "int16", "int32", "int64", "uint8", "uint32", "uint64")
        },
        "bool": np.array([True, False]),
    }
    answer = client.predict(many("kinds", **sent))
    for name, array in sent.items():
        np.testing.assert_array_equal(answer[name], array)
    z = np.array([1 + 2j, np.nan - 1j])
    answer = client.predict(many("complex", z=z))
    np.testing.assert_array_equal(answer["z"], z.conj())


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
