"""The answers of one loaded version to each kind of inference request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import protos
from .codes import invalid_argument
from .examples import (
    classification_result,
    classify_tensors,
    find_example_signature,
    regress_tensors,
    regression_result,
    run_examples,
    task_tensors,
)
from .predict import predict
from .served_version import Loaded
from .signatures import CLASSIFY, DEFAULT_SIGNATURE
from .tensors import write_tensor


def fill_model_spec(spec: Any, asked: Any, version: int) -> None:
    """Say which model, signature and version answered. A label is not repeated."""
    spec.name = asked.name
    spec.signature_name = asked.signature_name or DEFAULT_SIGNATURE
    spec.version.value = version


def answer_predict(loaded: Loaded, version: int, request: Any, timeout: float | None) -> Any:
    """Answer a PredictRequest; raises ServingError."""
    arrays = predict(
        loaded.signatures,
        loaded.runner,
        request.model_spec.signature_name,
        dict(request.inputs),
        request.output_filter,
        timeout,
        loaded.rules.check_method_names,
    )
    response = protos.PredictResponse()
    fill_model_spec(response.model_spec, request.model_spec, version)
    for name, array in arrays.items():
        response.outputs[name].CopyFrom(write_tensor(array, loaded.rules.tensor_content))
    return response


def answer_classify(loaded: Loaded, version: int, request: Any, timeout: float | None) -> Any:
    """Answer a ClassificationRequest; raises ServingError."""
    signature = find_example_signature(loaded.signatures, request.model_spec.signature_name)
    feed, fetches = classify_tensors(signature, loaded.rules.check_method_names)
    count, arrays = run_examples(loaded.runner, request.input, feed, fetches, timeout)
    response = protos.ClassificationResponse()
    fill_model_spec(response.model_spec, request.model_spec, version)
    response.result.CopyFrom(classification_result(signature, count, arrays))
    return response


def answer_regress(loaded: Loaded, version: int, request: Any, timeout: float | None) -> Any:
    """Answer a RegressionRequest; raises ServingError."""
    signature = find_example_signature(loaded.signatures, request.model_spec.signature_name)
    feed, fetches = regress_tensors(signature, loaded.rules.check_method_names)
    count, arrays = run_examples(loaded.runner, request.input, feed, fetches, timeout)
    response = protos.RegressionResponse()
    fill_model_spec(response.model_spec, request.model_spec, version)
    response.result.CopyFrom(regression_result(signature, count, arrays))
    return response


def answer_multi_inference(
    loaded: Loaded, version: int, request: Any, timeout: float | None
) -> Any:
    """Answer a MultiInferenceRequest with one run of the graph; raises ServingError."""
    signatures: dict[str, Any] = {}
    feeds: list[str] = []
    fetches: list[str] = []
    for task in request.tasks:
        _check_task_name(task, request.tasks[0])
        name = task.model_spec.signature_name or DEFAULT_SIGNATURE
        if name in signatures:
            raise invalid_argument(f"Duplicate evaluation of signature: {name}")
        if name not in loaded.signatures:
            raise invalid_argument(f"Requested signature not found in model graph: {name}")
        signatures[name] = loaded.signatures[name]
        check = loaded.rules.check_method_names
        feed, wanted = task_tensors(task.method_name, signatures[name], check)
        if feeds and feed != feeds[0]:
            raise invalid_argument("Input tensor must be the same for all Signatures.")
        feeds.append(feed)
        fetches.extend(tensor for tensor in wanted if tensor not in fetches)
    count, arrays = run_examples(loaded.runner, request.input, feeds[0], fetches, timeout)
    response = protos.MultiInferenceResponse()
    for task, signature in zip(request.tasks, signatures.values(), strict=True):
        result = response.results.add()
        fill_model_spec(result.model_spec, task.model_spec, version)
        if task.method_name == CLASSIFY:
            result.classification_result.CopyFrom(classification_result(signature, count, arrays))
        else:
            result.regression_result.CopyFrom(regression_result(signature, count, arrays))
    return response


def _check_task_name(task: Any, first: Any) -> None:
    if not task.model_spec.name:
        raise invalid_argument("Found ModelSpec with an empty model name.")
    if task.model_spec.name != first.model_spec.name:
        raise invalid_argument(
            "All ModelSpecs in a MultiInferenceRequest must access the same model name."
        )


Answer = Callable[[Loaded, int, Any, "float | None"], Any]

# By the names of the warm-up records.
ANSWERS: dict[str, Answer] = {
    "predict_log": answer_predict,
    "classify_log": answer_classify,
    "regress_log": answer_regress,
    "multi_inference_log": answer_multi_inference,
}
