"""Right gRPC requests, and how they are spoiled: as bytes, or as messages with faults."""

from random import Random
from typing import Any

import numpy as np

from ..clients import (
    GetModelMetadataRequest,
    GetModelStatusRequest,
    PredictRequest,
    ReloadConfigRequest,
    TensorProto,
    predict_request,
)
from .drawing import edited

_PREDICTION, _MODEL = "/tensorflow.serving.PredictionService/", "/tensorflow.serving.ModelService/"
PATHS = {
    **{name: _PREDICTION + name for name in ("Predict", "GetModelMetadata", "Classify", "Regress")},
    **{name: _MODEL + name for name in ("GetModelStatus", "HandleReloadConfigRequest")},
}
MESSAGES: dict[str, Any] = {
    "Predict": PredictRequest,
    "GetModelMetadata": GetModelMetadataRequest,
    "GetModelStatus": GetModelStatusRequest,
    "HandleReloadConfigRequest": ReloadConfigRequest,
}


def _about_model(method: str, **fields: Any) -> Any:
    request = MESSAGES[method](**fields)
    request.model_spec.name = "many"
    return request


def _reload() -> Any:
    """Asks for what must not be: two models with one name."""
    request = ReloadConfigRequest(metric_names=["x"])
    for _ in range(2):
        request.config.model_config_list.config.add(
            name="many", base_path="/nowhere", model_platform="tensorflow"
        )
    return request


def _requests() -> list[tuple[str, Any]]:
    rows = np.array([[1.0, 2.0, 4.0], [0.5, 2.0, 3.0]])
    x = np.ones([2], np.float32)
    filtered = predict_request("many", "two", a=rows, b=rows)
    filtered.output_filter.append("y")
    labelled, numbered = predict_request("many", x=x), predict_request("many", x=x)
    labelled.model_spec.version_label = "stable"
    numbered.model_spec.version.value = 1
    listed = predict_request("many", x=TensorProto(dtype=1, float_val=[1.0, 2.0]))
    listed.inputs["x"].tensor_shape.dim.add(size=2)
    predictions = [
        *(filtered, labelled, numbered, listed),
        predict_request("many", "two", a=rows, b=rows),
        predict_request("many", "checked", x=rows),
        predict_request("many", "defaults", a=rows),
        predict_request("many", "complex", z=np.array([1 + 2j])),
        predict_request("many", "example", inputs=np.array([b""], object)),
    ]
    return [
        *(("Predict", each) for each in predictions),
        ("GetModelMetadata", _about_model("GetModelMetadata", metadata_field=["signature_def"])),
        ("GetModelStatus", _about_model("GetModelStatus")),
        ("HandleReloadConfigRequest", _reload()),
    ]


# Methods and their messages as they are sent.
RIGHT = [(method, request.SerializeToString(deterministic=True)) for method, request in _requests()]


def may_reload(sent: bytes) -> bool:
    """Whether the models could change: such a request must not be sent."""
    try:
        models = ReloadConfigRequest.FromString(sent).config.model_config_list.config
    except Exception:
        return False
    return len({model.name for model in models}) == len(models)


def spoiled_bytes(right: tuple[str, bytes], random: Random) -> tuple[str, bytes, bool]:
    """A method and bytes: its message edited, or anything; and whether it is wrong for sure."""
    method, sent = right
    kind = random.randrange(20)
    if kind == 0:
        method, sent = random.choice(list(PATHS)), sent + random.randbytes(random.randrange(2))
    elif kind == 1:
        sent = random.randbytes(random.randrange(100))
    else:
        sent = edited(sent, random)
    return method, sent, method not in MESSAGES or not _is_message(method, sent)


def _is_message(method: str, sent: bytes) -> bool:
    try:
        return bool(MESSAGES[method].FromString(sent)) or True
    except Exception:
        return False


def spoiled_message(right: tuple[str, bytes], random: Random) -> tuple[str, bytes, bool]:
    """A method and its message with one to three faults, the last of them mostly a sure one."""
    method, sent = right
    request = MESSAGES[method].FromString(sent)
    if method == "HandleReloadConfigRequest":
        _model_config(request, random)
        return method, request.SerializeToString(deterministic=True), True
    is_prediction = method == "Predict"
    for _ in range(random.randrange(3) if is_prediction else 0):
        random.choice(_PERHAPS)(request, random)
    certain = random.random() < 0.8
    if certain:
        random.choice(_SURE + _SURE_OF_PREDICT if is_prediction else _SURE)(request, random)
    return method, request.SerializeToString(deterministic=True), certain


_NAMES = ["", "m", "x" * 3000, "😀" * 2000, "é\x00\n%", "zz", "__saved_model_init_op"]
_SIZES = [0, 1, 2, 3, 4, 7, -1, -(2**63), 2**21, 2**31 - 1, 2**32, 2**40, 2**62, 2**63 - 1]
# All that DataType has, some types of references (from 101), and numbers that it does not have.
_DTYPES = [*range(36), 101, 103, 107, 120, 121, 1000, -1, 2**31 - 1, -(2**31)]
_LISTS = ["float_val", "double_val", "int_val", "int64_val", "half_val", "uint64_val", "bool_val"]


def _other_name(random: Random) -> str:
    return random.choice([*_NAMES, str(random.getrandbits(64))])


def _model(request: Any, random: Random) -> None:
    request.model_spec.name = _other_name(random)


def _version(request: Any, random: Random) -> None:
    request.model_spec.version.value = random.choice([0, 2, -1, random.randint(-(2**63), -2)])


def _no_spec(request: Any, random: Random) -> None:
    del random
    request.ClearField("model_spec")


def _model_config(request: Any, random: Random) -> None:
    """A model more, beside those that are asked for twice."""
    request.config.model_config_list.config.add(
        name=_other_name(random),
        base_path=random.choice(["", "relative", "/nowhere", "\x00"]),
        model_platform=random.choice(["", "x", "tensorflow"]),
    )


def _tensor(request: Any, random: Random) -> Any:
    """One of the inputs; a new one if there is none."""
    return request.inputs[random.choice(sorted(request.inputs) or ["x"])]


def _without(request: Any, random: Random) -> None:
    _tensor(request, random)
    request.inputs.clear()


def _more(request: Any, random: Random) -> None:
    request.inputs["more " + _other_name(random)].CopyFrom(_tensor(request, random))


def _signature(request: Any, random: Random) -> None:
    request.model_spec.signature_name = "s" + _other_name(random)


def _label(request: Any, random: Random) -> None:
    request.model_spec.version_label = "l" + _other_name(random)


def _output(request: Any, random: Random) -> None:
    request.output_filter.append("o" + _other_name(random))


def _dtype(request: Any, random: Random) -> None:
    tensor = _tensor(request, random)
    tensor.dtype = random.choice([each for each in _DTYPES if each != tensor.dtype])


def _negative(request: Any, random: Random) -> None:
    tensor = _tensor(request, random)
    tensor.tensor_shape.dim.add(size=random.randint(-(2**63), -1))


def _rank(request: Any, random: Random) -> None:
    shape = _tensor(request, random).tensor_shape
    for _ in range(random.choice([33, 63, 253, 300])):
        shape.dim.add(size=1)


def _terabytes(request: Any, random: Random) -> None:
    """A few bytes that claim to be a very large tensor."""
    tensor = _tensor(request, random)
    huge = TensorProto(dtype=tensor.dtype)
    for _ in range(random.randint(1, 3)):
        huge.tensor_shape.dim.add(size=2 ** random.randint(21, 40))
    getattr(huge, random.choice(_LISTS)).extend([1] * random.randrange(3))
    tensor.CopyFrom(huge)


def _resource(request: Any, random: Random) -> None:
    tensor = _tensor(request, random)
    tensor.dtype = 20
    tensor.tensor_content = b""
    tensor.resource_handle_val.add(name="x", container="y", hash_code=random.getrandbits(64))


def _variant(request: Any, random: Random) -> None:
    """Tensors in tensors, more or less deep."""
    tensor = _tensor(request, random)
    for _ in range(random.choice([1, 2, 10, 40])):
        tensor.dtype = 21
        tensor.tensor_content = b""
        inner = tensor.variant_val.add(metadata=random.randbytes(3))
        inner.type_name = random.choice(["tensorflow::Tensor", "tensorflow::TensorList", "x"])
        tensor = inner.tensors.add(dtype=1)


def _size(request: Any, random: Random) -> None:
    for dim in _tensor(request, random).tensor_shape.dim:
        if random.random() < 0.7:
            dim.size = random.choice([*_SIZES, random.randint(-(2**63), 2**63 - 1)])


def _shape(request: Any, random: Random) -> None:
    found = _tensor(request, random).tensor_shape
    del found.dim[:]
    for _ in range(random.randrange(4)):
        found.dim.add(size=random.choice(_SIZES))


def _unknown_rank(request: Any, random: Random) -> None:
    found = _tensor(request, random).tensor_shape
    found.unknown_rank = True
    del found.dim[random.randrange(3) :]


def _content(request: Any, random: Random) -> None:
    _tensor(request, random).tensor_content = random.randbytes(random.randrange(100))


def _values(request: Any, random: Random) -> None:
    """Values of any type, too many or too few, in place of the content."""
    tensor = _tensor(request, random)
    tensor.tensor_content = b""
    getattr(tensor, random.choice(_LISTS)).extend([1] * random.randrange(16))


def _text(request: Any, random: Random) -> None:
    tensor = _tensor(request, random)
    tensor.string_val.extend([random.randbytes(5)] * random.randrange(8))


_SURE = [_model, _version, _no_spec]
_SURE_OF_PREDICT = [
    *(_without, _more, _signature, _label, _output, _dtype),
    *(_negative, _rank, _terabytes, _resource, _variant),
]
# These may make another right request.
_PERHAPS = [_size, _shape, _unknown_rank, _content, _values, _text]
