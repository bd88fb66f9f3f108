"""Right gRPC requests, and how they are spoiled: as bytes, or as messages with faults."""

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

import numpy as np

from ..clients import (
    GetModelMetadataRequest,
    GetModelStatusRequest,
    PredictRequest,
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
}


def _about_model(method: str, **fields: Any) -> Any:
    request = MESSAGES[method](**fields)
    request.model_spec.name = "many"
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
        predict_request("many", "positive", x=np.array([1.0])),
    ]
    return [
        *(("Predict", each) for each in predictions),
        ("GetModelMetadata", _about_model("GetModelMetadata", metadata_field=["signature_def"])),
        ("GetModelStatus", _about_model("GetModelStatus")),
    ]


# Methods and their messages as they are sent.
RIGHT = [(method, request.SerializeToString(deterministic=True)) for method, request in _requests()]


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
    try:
        MESSAGES[method].FromString(sent)
    except Exception:  # Classify and Regress, which are not implemented, and what is no message
        return method, sent, True
    return method, sent, False


def spoiled_message(right: tuple[str, bytes], random: Random) -> tuple[str, bytes, bool]:
    """A method and its message with one to three faults, the last of them mostly a sure one."""
    method, sent = right
    request = MESSAGES[method].FromString(sent)
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
_VARIANTS = ["tensorflow::Tensor", "tensorflow::TensorList", "x"]
_Fault = Callable[[Any, Random], Any]


def _name(random: Random) -> str:
    return random.choice([*_NAMES, str(random.getrandbits(64))])


def _tensor(request: Any, random: Random) -> Any:
    """One of the inputs; a new one if there is none."""
    return request.inputs[random.choice(sorted(request.inputs) or ["x"])]


def _add_sizes(tensor: Any, sizes: Iterable[int]) -> Any:
    for size in sizes:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


def _dtype(request: Any, random: Random) -> None:
    tensor = _tensor(request, random)
    tensor.dtype = random.choice([each for each in _DTYPES if each != tensor.dtype])


def _terabytes(request: Any, random: Random) -> None:
    """A few bytes that claim to be a very large tensor."""
    tensor = _tensor(request, random)
    sizes = [2 ** random.randint(21, 40) for _ in range(random.randint(1, 3))]
    huge = _add_sizes(TensorProto(dtype=tensor.dtype), sizes)
    getattr(huge, random.choice(_LISTS)).extend([1] * random.randrange(3))
    tensor.CopyFrom(huge)


def _resource(request: Any, random: Random) -> None:
    tensor = _tensor(request, random)
    tensor.dtype, tensor.tensor_content = 20, b""
    tensor.resource_handle_val.add(name="x", container="y", hash_code=random.getrandbits(64))


def _variant(request: Any, random: Random) -> None:
    """Tensors in tensors, more or less deep."""
    tensor = _tensor(request, random)
    for _ in range(random.choice([1, 2, 10, 40])):
        tensor.dtype, tensor.tensor_content = 21, b""
        inner = tensor.variant_val.add(metadata=random.randbytes(3))
        inner.type_name = random.choice(_VARIANTS)
        tensor = inner.tensors.add(dtype=1)


def _size(request: Any, random: Random) -> None:
    for dim in _tensor(request, random).tensor_shape.dim:
        if random.random() < 0.7:
            dim.size = random.choice([*_SIZES, random.randint(-(2**63), 2**63 - 1)])


def _shape(request: Any, random: Random) -> None:
    tensor = _tensor(request, random)
    tensor.tensor_shape.unknown_rank = random.random() < 0.3
    del tensor.tensor_shape.dim[random.randrange(3) :]
    _add_sizes(tensor, random.choices(_SIZES, k=random.randrange(3)))


def _values(request: Any, random: Random) -> None:
    """Values of any type, too many or too few, in place of the content."""
    tensor = _tensor(request, random)
    tensor.tensor_content = random.choice([b"", b"", random.randbytes(random.randrange(100))])
    getattr(tensor, random.choice(_LISTS)).extend([1] * random.randrange(16))
    tensor.string_val.extend([random.randbytes(5)] * random.choice([0, 0, 1, 7]))


_SURE: list[_Fault] = [
    lambda request, random: setattr(request.model_spec, "name", _name(random)),
    lambda request, random: setattr(
        request.model_spec.version, "value", random.choice([0, 2, random.randint(-(2**63), -1)])
    ),
    lambda request, _: request.ClearField("model_spec"),
]
_SURE_OF_PREDICT: list[_Fault] = [
    lambda request, random: setattr(request.model_spec, "signature_name", "s" + _name(random)),
    lambda request, random: setattr(request.model_spec, "version_label", "l" + _name(random)),
    lambda request, random: request.output_filter.append("o" + _name(random)),
    lambda request, _: request.inputs.clear(),
    lambda request, random: request.inputs["m" + _name(random)].CopyFrom(TensorProto(dtype=1)),
    lambda request, random: _add_sizes(_tensor(request, random), [random.randint(-(2**63), -1)]),
    lambda request, random: _add_sizes(
        _tensor(request, random), [1] * random.choice([33, 63, 253, 300])
    ),
    *(_dtype, _terabytes, _resource, _variant),
]
# These may make another right request.
_PERHAPS: list[_Fault] = [_size, _shape, _values]
