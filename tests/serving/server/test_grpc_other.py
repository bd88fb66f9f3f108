"""The other gRPC calls."""

from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from eigenfit.serving.server.protos import (
    ClassificationRequest,
    Example,
    GetModelMetadataRequest,
    GetModelStatusRequest,
    RegressionRequest,
    SignatureDefMap,
    prediction_service,
)
from eigenfit.serving.server.protos import _module as module
from eigenfit.solver import FitResult

from .clients import predict_request, refusal

MultiInferenceRequest = module("tensorflow_serving.apis.inference_pb2").MultiInferenceRequest
CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"


def with_examples(request, signature, count=2):
    request.model_spec.name = "many"
    request.model_spec.signature_name = signature
    for number in range(count):
        example = request.input.example_list.examples.add()
        example.features.feature["x"].float_list.value.append(number)
    return request


WRONG_EXAMPLES = [
    ("Classify", "s", "No signature was found with the name: s"),
    ("Classify", "two", "Expected one input Tensor."),
    ("Classify", "kinds", "Expected one input Tensor."),
    ("Classify", "", "No classification inputs found in SignatureDef: "),
    ("Classify", "regress", "Expected classification signature outputs to contain at least one of"),
    ("Regress", "s", "No signature was found with the name: s"),
    ("Regress", "two", "Expected one input Tensor."),
    ("Regress", "count", "Expected one output Tensor."),
    ("Regress", "", "No regression inputs found in SignatureDef: "),
    ("Regress", "classify", "Expected one output Tensor."),
    ("Regress", "strange", "No regression outputs found in SignatureDef: "),
]


@pytest.mark.parametrize(("method", "signature", "message"), WRONG_EXAMPLES)
def test_examples_for_a_predict_signature(client, method, signature, message):
    kind = ClassificationRequest if method == "Classify" else RegressionRequest
    call = getattr(client.predictions, method)
    code, told = refusal(call, with_examples(kind(), signature))
    assert code == "INVALID_ARGUMENT"
    assert told.startswith(message)


def test_eigenfit_does_not_classify(client):
    request = with_examples(ClassificationRequest(), "")
    request.model_spec.name = "toeplitz"
    message = refusal(client.predictions.Classify, request)[1]
    assert message == f"Expected one or two output Tensors, found {len(FitResult._fields)}"


@pytest.mark.parametrize("method", ["Classify", "Regress"])
def test_no_examples(client, method):
    kind = ClassificationRequest if method == "Classify" else RegressionRequest
    request = with_examples(kind(), method.lower(), count=0)
    assert refusal(getattr(client.predictions, method), request) == (
        "INVALID_ARGUMENT",
        "Input is empty.",
    )


def test_classify_and_regress(client):
    answer = client.predictions.Classify(with_examples(ClassificationRequest(), "classify"))
    assert [each.score for each in answer.result.classifications[1].classes] == [1.0, 0.0]
    assert answer.result.classifications[0].classes[0].label == "label"
    assert answer.model_spec.signature_name == "classify"
    answer = client.predictions.Regress(with_examples(RegressionRequest(), "regress"))
    assert [each.value for each in answer.result.regressions] == [2.0, 2.5]


def test_context_is_merged_into_the_examples(client):
    request = RegressionRequest()
    request.model_spec.name, request.model_spec.signature_name = "many", "regress"
    together = request.input.example_list_with_context
    together.context.features.feature["x"].float_list.value.append(8.0)
    together.examples.add()
    together.examples.add().features.feature["x"].float_list.value.append(2.0)
    answer = client.predictions.Regress(request)
    assert [each.value for each in answer.result.regressions] == [6.0, 3.0]


def tasks(*given):
    request = MultiInferenceRequest()
    for name, signature, method in given:
        task = request.tasks.add(method_name=method)
        task.model_spec.name, task.model_spec.signature_name = name, signature
    feature = Example().features.feature["x"].float_list
    feature.value.append(2.0)
    request.input.example_list.examples.add().features.feature["x"].float_list.CopyFrom(feature)
    return request


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        (tasks(), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        (
            tasks(("many", "regress", REGRESS), ("m", "classify", CLASSIFY)),
            "INVALID_ARGUMENT",
            "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
        ),
        (
            tasks(("many", "regress", REGRESS), ("many", "regress", REGRESS)),
            "INVALID_ARGUMENT",
            "Duplicate evaluation of signature: regress",
        ),
        (
            tasks(("many", "s", REGRESS)),
            "INVALID_ARGUMENT",
            "Requested signature not found in model graph: s",
        ),
        (
            tasks(("many", "regress", "X")),
            "UNIMPLEMENTED",
            "Unsupported signature method_name: X",
        ),
    ],
)
def test_wrong_tasks(client, request_, code, message):
    assert refusal(client.predictions.MultiInference, request_) == (code, message)


def test_multi_inference_needs_one_input(client):
    """Each signature has its own placeholder here, so two of them cannot share an input."""
    request = tasks(("many", "regress", REGRESS), ("many", "classify", CLASSIFY))
    message = refusal(client.predictions.MultiInference, request)[1]
    assert message == "Input tensor must be the same for all Signatures."
    answer = client.predictions.MultiInference(tasks(("many", "regress", REGRESS)))
    assert answer.results[0].regression_result.regressions[0].value == 3.0
    assert answer.results[0].model_spec.signature_name == "regress"


def metadata_request(name, *fields):
    request = GetModelMetadataRequest(metadata_field=fields)
    if name:
        request.model_spec.name = name
    return request


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        (metadata_request("", "signature_def"), "INVALID_ARGUMENT", "Missing ModelSpec"),
        (
            metadata_request("m"),
            "INVALID_ARGUMENT",
            "GetModelMetadataRequest must specify at least one metadata_field",
        ),
        (
            metadata_request("m", "signature_def", "F"),
            "INVALID_ARGUMENT",
            "Metadata field F is not supported",
        ),
        (
            metadata_request("m", "signature_def"),
            "NOT_FOUND",
            "Servable not found for request: Latest(m)",
        ),
    ],
)
def test_wrong_metadata_requests(client, request_, code, message):
    assert refusal(client.predictions.GetModelMetadata, request_) == (code, message)


def test_metadata_has_every_signature(client):
    response = client.metadata("many")
    signatures = SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert {"serving_default", "two", "__saved_model_init_op"} <= set(signatures.signature_def)
    assert "tol" in signatures.signature_def["defaults"].defaults
    assert response.model_spec.version.value == 1


def test_status(client):
    (only,) = client.status("many").model_version_status
    assert (only.version, only.state, only.status.error_code) == (1, 30, 0)
    request = GetModelStatusRequest()
    assert refusal(client.models.GetModelStatus, request)[1] == "Missing ModelSpec"
    request.model_spec.name = "many"
    request.model_spec.version_label = "no such label"
    assert len(client.models.GetModelStatus(request).model_version_status) == 1
    assert refusal(client.status, "many", 7) == (
        "NOT_FOUND",
        "Could not find version 7 of model many",
    )
    assert refusal(client.status, "m") == (
        "NOT_FOUND",
        "Could not find any versions of model m",
    )


def test_health(client):
    health: Any = health_pb2_grpc.HealthStub(client.channel)
    messages: Any = health_pb2
    serving = messages.HealthCheckResponse.SERVING
    for service in ("", "tensorflow.serving.PredictionService", "ModelService"):
        request = messages.HealthCheckRequest(service=service)
        assert health.Check(request, timeout=20).status == serving


def test_unix_socket(many_path, serve, tmp_path):
    path = tmp_path / "socket"
    serve(model_base_path=str(many_path), model_name="many", grpc_socket_path=str(path))
    with grpc.insecure_channel(f"unix:{path}") as channel:
        stub = prediction_service.PredictionServiceStub(channel)
        request = predict_request("many", x=np.array([1.0], np.float32))
        assert list(stub.Predict(request, timeout=20).outputs["y"].float_val) == [2.5]
