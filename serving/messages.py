"""The messages of TensorFlow Serving, and NumPy arrays as the TensorProtos in them.

Importing this module imports TensorFlow, because tensorflow-serving-api does. Its modules create
their classes at import, so type checkers cannot see them; here they are Any.
"""

from __future__ import annotations

import importlib
import math
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format

from .errors import fault, invalid


def _module(name: str) -> Any:
    return importlib.import_module(f"tensorflow_serving.{name}")


_predict = _module("apis.predict_pb2")
_metadata = _module("apis.get_model_metadata_pb2")
_status = _module("apis.get_model_status_pb2")

PredictRequest, PredictResponse = _predict.PredictRequest, _predict.PredictResponse
MetadataRequest = _metadata.GetModelMetadataRequest
MetadataResponse = _metadata.GetModelMetadataResponse
SignatureDefMap = _metadata.SignatureDefMap
StatusRequest, StatusResponse = _status.GetModelStatusRequest, _status.GetModelStatusResponse
PredictionLog = _module("apis.prediction_log_pb2").PredictionLog
ModelServerConfig = _module("config.model_server_config_pb2").ModelServerConfig

MOST_DIMENSIONS = 32
# A short list of values is filled up, so 20 bytes could request terabytes; this is the limit.
_MOST_FILLED = 2**20
# The fields of a TensorProto with the values of each dtype.
_FIELDS = {
    "float32": "float_val",
    "float64": "double_val",
    "bool": "bool_val",
    **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16"), "int_val"),
    **{name: f"{name}_val" for name in ("int64", "uint32", "uint64")},
    "complex64": "scomplex_val",
    "complex128": "dcomplex_val",
}
# Dtypes by the number of a DataType, numbers and fields by dtype. By dtype, not by name: NumPy
# takes longer to name a dtype than all else takes for a small tensor.
_NUMBERS = {name: int(tf.dtypes.as_dtype(name).as_datatype_enum) for name in _FIELDS}
DTYPES = {number: np.dtype(name) for name, number in _NUMBERS.items()}
_BY_DTYPE = {np.dtype(name): (_NUMBERS[name], field) for name, field in _FIELDS.items()}


def methods(channel: grpc.Channel) -> tuple[Any, Any, Any]:
    """The remote methods Predict, GetModelMetadata and GetModelStatus."""
    predictions = _module("apis.prediction_service_pb2_grpc").PredictionServiceStub(channel)
    models = _module("apis.model_service_pb2_grpc").ModelServiceStub(channel)
    return predictions.Predict, predictions.GetModelMetadata, models.GetModelStatus


def read_prediction(message: Any) -> tuple[dict[str, np.ndarray], int]:
    """The outputs by name, and the version of the model; raises ServingError as `read_tensor`."""
    outputs = {
        name: read_tensor(f"Output {name}", proto, proto.dtype)
        for name, proto in message.outputs.items()
    }
    return outputs, message.model_spec.version.value


def as_json(message: Any, keep_names: bool = True) -> Any:
    """A message as the decoded JSON of the REST interface."""
    return json_format.MessageToDict(
        message,
        preserving_proto_field_name=keep_names,
        always_print_fields_with_no_presence=True,
    )


def type_name(number: int) -> str:
    """The name of a DataType; its number if TensorFlow does not know it."""
    try:
        return tf.dtypes.as_dtype(number).name
    except TypeError:
        return f"number {number}"


def write_tensor(array: np.ndarray, proto: Any) -> None:
    """Write an array into an empty TensorProto, in typed fields.

    Not `tf.make_tensor_proto`, which writes `tensor_content`: TensorFlow Serving does not send it,
    and many clients do not read it.
    """
    if array.dtype not in _BY_DTYPE:
        raise fault("UNIMPLEMENTED", f"An output has the type {array.dtype}, which cannot be sent")
    proto.dtype, field = _BY_DTYPE[array.dtype]
    proto.tensor_shape.SetInParent()
    for size in array.shape:
        proto.tensor_shape.dim.add().size = size
    stored = array.dtype.type().real.dtype  # a complex number is two of them
    getattr(proto, field).extend(array.ravel().view(stored).tolist())


def read_tensor(what: str, proto: Any, number: int) -> np.ndarray:
    """Read a tensor of a DataType; a short list of values is filled up with its last one.

    Not `tf.make_ndarray`, which fills a tensor without values with zeros. `what` is for messages.
    """
    wanted = type_name(number)
    if proto.dtype != number:
        raise invalid(f"{what} must have the type {wanted}, got {type_name(proto.dtype)}")
    if number not in DTYPES:
        reason = "neither text nor half precision is supported"
        raise fault("UNIMPLEMENTED", f"{what} has the type {wanted}; {reason}")
    dtype = DTYPES[number]
    sizes = [dim.size for dim in proto.tensor_shape.dim]
    if len(sizes) > MOST_DIMENSIONS or min(sizes, default=0) < 0:
        raise invalid(
            f"{what} must have at most {MOST_DIMENSIONS} dimensions of 0 or more, got "
            f"{len(sizes)}, the smallest of {min(sizes)}"
        )
    count = math.prod(sizes)
    if count > _MOST_FILLED and count > proto.ByteSize():
        raise invalid(f"{what} says that it has {count} values, which were not sent")
    try:
        if proto.tensor_content:
            return np.frombuffer(proto.tensor_content, dtype).copy().reshape(sizes)
        stored = dtype.type().real.dtype
        values = np.array(getattr(proto, _BY_DTYPE[dtype][1]), stored).view(dtype)
        if 0 < len(values) < count:
            values = np.concatenate([values, np.full(count - len(values), values[-1], dtype)])
        return values.reshape(sizes)
    except (TypeError, ValueError, OverflowError):
        raise invalid(
            f"{what} cannot be read: its values do not make a {dtype} tensor of the shape {sizes}"
        ) from None
