"""Which gRPC requests must be refused, and what may come back: a rule apart from the server.

It says "malformed" only of what is wrong for sure. What remains may be answered or refused; an
answer must have the form that the signature says.
"""

import math
from collections.abc import Mapping
from typing import Any

from google.protobuf.message import DecodeError

from .grpc_requests import CLASSIFY, MESSAGES, REGRESS

# The graphs of eigenfit compare shapes; those of `many` take any.
_CHECKED = "toeplitz"
# The limits of the embedded server.
_MOST_DIMENSIONS = 32
_MOST_FILLED = 2**20
_ITEM_BYTES = {1: 4, 2: 8, 3: 4, 4: 1, 9: 8, 10: 1, 18: 16}
_TEXT = 7


def parsed(method: str, sent: bytes) -> Any:
    """The message; None if the bytes are none."""
    try:
        return MESSAGES[method].FromString(sent)
    except DecodeError:
        return None


def is_malformed(method: str, request: Any, models: Mapping[str, Any]) -> bool:
    """Whether the request must be refused."""
    if method == "HandleReloadConfigRequest":
        return not _may_reload(request.config)
    if method == "MultiInference":
        return not _may_infer(request, models)
    signatures = _served(request.model_spec, models, with_label=method != "GetModelStatus")
    if signatures is None:
        return True
    if method == "GetModelStatus":
        return False
    if method == "GetModelMetadata":
        return set(request.metadata_field) != {"signature_def"}
    name = request.model_spec.signature_name or "serving_default"
    if name not in signatures:
        return True
    if method == "Predict":
        checked = request.model_spec.name == _CHECKED
        return not _may_predict(request, signatures[name], checked)
    return name != method.lower() or not _may_parse(request.input)


def _served(spec: Any, models: Mapping[str, Any], with_label: bool = True) -> Any:
    """The signatures of the model that is asked for; None if it is not there."""
    if spec.name not in models or (spec.HasField("version") and spec.version.value != 1):
        return None
    if with_label and spec.HasField("version_label"):
        return models[spec.name] if (spec.name, spec.version_label) == ("many", "stable") else None
    return models[spec.name]


def _may_predict(request: Any, signature: Any, checked: bool) -> bool:
    sent, known = set(request.inputs), set(signature.inputs)
    wanted = list(request.output_filter)
    return (
        known - set(signature.defaults) <= sent <= known
        and set(wanted) <= set(signature.outputs)
        and len(wanted) == len(set(wanted))
        and all(output.dtype for output in signature.outputs.values())
        and all(_may_decode(request.inputs[name], signature.inputs[name]) for name in sent)
        and not (checked and _rows(request, signature) is None)
    )


def _may_decode(tensor: Any, info: Any) -> bool:
    sizes = [dim.size for dim in tensor.tensor_shape.dim]
    if tensor.dtype != info.dtype or any(size < 0 for size in sizes):
        return False
    count = math.prod(sizes)
    if len(sizes) > _MOST_DIMENSIONS or count > max(_MOST_FILLED, tensor.ByteSize()):
        return False
    content = len(tensor.tensor_content)
    if not content or not count or tensor.dtype == _TEXT:
        return True
    return content == count * _ITEM_BYTES[tensor.dtype]


def _rows(request: Any, signature: Any) -> int | None:
    """The rows of the inputs; None if they differ or a shape is not that of the signature."""
    found = set()
    for name in request.inputs:
        sizes = [dim.size for dim in request.inputs[name].tensor_shape.dim]
        wanted = [dim.size for dim in signature.inputs[name].tensor_shape.dim]
        if len(sizes) != len(wanted) or sizes[1:] != wanted[1:]:
            return None
        if wanted[0] < 0:
            found.add(sizes[0])
        elif sizes[0] != wanted[0]:
            return None
    return found.pop() if len(found) == 1 else None


def _may_infer(request: Any, models: Mapping[str, Any]) -> bool:
    methods = [task.method_name for task in request.tasks]
    names = [task.model_spec.signature_name for task in request.tasks]
    return (
        bool(methods)
        and len(set(names)) == len(names)
        and all(task.model_spec.name == "many" for task in request.tasks)
        and _served(request.tasks[0].model_spec, models) is not None
        and {CLASSIFY: "classify", REGRESS: "regress"}.items()
        >= set(zip(methods, names, strict=True))
        and _may_parse(request.input)
    )


def _may_parse(given: Any) -> bool:
    """Whether there are examples and each has one number `x`, of its own or of the context."""
    kind = given.WhichOneof("kind")
    if kind is None:
        return False
    examples = getattr(given, kind).examples
    context = given.example_list_with_context.context.features.feature
    for example in examples:
        features = {**context, **example.features.feature}
        if "x" not in features or len(features["x"].float_list.value) != 1:
            return False
    return bool(examples)


def _may_reload(config: Any) -> bool:
    """Whether the models could change: such a request must not be sent."""
    if config.WhichOneof("config") != "model_config_list":
        return False
    models = config.model_config_list.config
    names = [model.name for model in models]
    return len(set(names)) == len(names) and all(
        model.base_path.startswith("/") and model.model_platform in ("", "tensorflow")
        for model in models
    )


def check_answer(method: str, request: Any, answer: Any, models: Mapping[str, Any]) -> None:
    """The answer to a request that was not malformed has the form that the signature says."""
    if method == "Predict":
        _check_prediction(request, answer, models)
    elif method in ("Classify", "Regress"):
        kind = request.input.WhichOneof("kind")
        rows = {"Classify": "classifications", "Regress": "regressions"}[method]
        result = getattr(answer.result, rows)
        assert len(result) == len(getattr(request.input, kind).examples)
        assert answer.model_spec.version.value == 1
    elif method == "MultiInference":
        assert len(answer.results) == len(request.tasks)
    elif method == "GetModelMetadata":
        assert answer.model_spec.name == request.model_spec.name
    else:
        assert [each.version for each in answer.model_version_status] == [1]


def _check_prediction(request: Any, answer: Any, models: Mapping[str, Any]) -> None:
    name = request.model_spec.name
    signature = models[name][request.model_spec.signature_name or "serving_default"]
    assert (answer.model_spec.name, answer.model_spec.version.value) == (name, 1)
    assert set(answer.outputs) == set(request.output_filter or signature.outputs)
    rows = _rows(request, signature)
    for key, tensor in answer.outputs.items():
        assert tensor.dtype == signature.outputs[key].dtype
        if rows is not None:
            sizes = [dim.size for dim in signature.outputs[key].tensor_shape.dim]
            assert [dim.size for dim in tensor.tensor_shape.dim] == [rows, *sizes[1:]]
