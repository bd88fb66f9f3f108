"""Right requests for each gRPC method, small ones of every kind."""

import importlib
from typing import Any

import numpy as np

from eigenfit.serving.server.protos import (
    ClassificationRequest,
    ClassificationResponse,
    Example,
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    GetModelStatusRequest,
    GetModelStatusResponse,
    MultiInferenceResponse,
    PredictRequest,
    PredictResponse,
    RegressionRequest,
    RegressionResponse,
    ReloadConfigResponse,
    TensorProto,
)

from ..clients import predict_request

_inference: Any = importlib.import_module("tensorflow_serving.apis.inference_pb2")
_management: Any = importlib.import_module("tensorflow_serving.apis.model_management_pb2")

CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"
PATHS = {
    **dict.fromkeys(
        ("Predict", "Classify", "Regress", "MultiInference", "GetModelMetadata"),
        "/tensorflow.serving.PredictionService/",
    ),
    **dict.fromkeys(
        ("GetModelStatus", "HandleReloadConfigRequest"), "/tensorflow.serving.ModelService/"
    ),
}
MESSAGES: dict[str, Any] = {
    "Predict": PredictRequest,
    "Classify": ClassificationRequest,
    "Regress": RegressionRequest,
    "MultiInference": _inference.MultiInferenceRequest,
    "GetModelMetadata": GetModelMetadataRequest,
    "GetModelStatus": GetModelStatusRequest,
    "HandleReloadConfigRequest": _management.ReloadConfigRequest,
}
ANSWERS: dict[str, Any] = {
    "Predict": PredictResponse,
    "Classify": ClassificationResponse,
    "Regress": RegressionResponse,
    "MultiInference": MultiInferenceResponse,
    "GetModelMetadata": GetModelMetadataResponse,
    "GetModelStatus": GetModelStatusResponse,
    "HandleReloadConfigRequest": ReloadConfigResponse,
}


def _example() -> bytes:
    example = Example()
    example.features.feature["x"].float_list.value.append(0.5)
    return example.SerializeToString()


def _examples(request: Any, count: int, with_context: bool = False) -> None:
    kind = request.input.example_list
    if with_context:
        kind = request.input.example_list_with_context
        kind.context.features.feature["y"].int64_list.value.append(1)
    for _ in range(count):
        kind.examples.add().features.feature["x"].float_list.value.append(0.5)


def _with_examples(method: str, signature: str, with_context: bool) -> Any:
    request = MESSAGES[method]()
    request.model_spec.name = "many"
    request.model_spec.signature_name = signature
    _examples(request, 2, with_context)
    return request


def _multi_inference() -> Any:
    request = MESSAGES["MultiInference"]()
    for signature, name in (("classify", CLASSIFY), ("regress", REGRESS)):
        task = request.tasks.add(method_name=name)
        task.model_spec.name = "many"
        task.model_spec.signature_name = signature
    _examples(request, 1)
    return request


def _about_model(method: str, **fields: Any) -> Any:
    request = MESSAGES[method](**fields)
    request.model_spec.name = "toeplitz"
    return request


def _reload() -> Any:
    """Asks for what must not be: two models with one name."""
    request = MESSAGES["HandleReloadConfigRequest"](metric_names=["x"])
    for _ in range(2):
        request.config.model_config_list.config.add(
            name="many", base_path="/nowhere", model_platform="tensorflow"
        )
    return request


_ROWS = np.array([[1.0, 2.0, 4.0], [0.5, 2.0, 3.0]])
_FIT = {
    "targets": _ROWS,
    "initial": _ROWS,
    "weights": np.ones([2, 3]),
    "tolerance": np.full([2], np.nan),
    "max_steps": np.zeros([2], np.int32),
}
_KINDS = {
    "int32": np.array([1], np.int32),
    "int64": np.array([1]),
    "uint8": np.array([1], np.uint8),
    "bool": np.array([True]),
    "text": np.array([b"t"], object),
}


def _requests() -> list[tuple[str, Any]]:
    filtered = predict_request("toeplitz", targets=_ROWS)
    filtered.output_filter.extend(["loss", "status"])
    labelled = predict_request("many", x=np.ones([2], np.float32))
    labelled.model_spec.version_label = "stable"
    numbered = predict_request("toeplitz", "spectrum", parameters=_ROWS)
    numbered.model_spec.version.value = 1
    listed = predict_request("many", x=TensorProto(dtype=1, float_val=[1.0, 2.0]))
    listed.inputs["x"].tensor_shape.dim.add(size=2)
    predictions = [
        filtered,
        labelled,
        numbered,
        listed,
        predict_request("toeplitz", "fit", **_FIT),
        predict_request("many", "two", a=_ROWS, b=_ROWS),
        predict_request("many", "defaults", a=_ROWS),
        predict_request("many", "kinds", **_KINDS),
        predict_request("many", "complex", z=np.array([1 + 2j])),
        predict_request("many", "classify", inputs=np.array([_example()], object)),
    ]
    return [
        *(("Predict", each) for each in predictions),
        ("Classify", _with_examples("Classify", "classify", False)),
        ("Regress", _with_examples("Regress", "regress", True)),
        ("MultiInference", _multi_inference()),
        ("GetModelMetadata", _about_model("GetModelMetadata", metadata_field=["signature_def"])),
        ("GetModelStatus", _about_model("GetModelStatus")),
        ("HandleReloadConfigRequest", _reload()),
    ]


# Methods and their messages as they are sent.
RIGHT = [(method, request.SerializeToString(deterministic=True)) for method, request in _requests()]
