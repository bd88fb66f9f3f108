"""The messages of TensorFlow Serving, and how the clients write and read them with NumPy arrays.

Importing this module imports TensorFlow, because tensorflow-serving-api does. Its modules create
their classes at import, so type checkers cannot see them; here they are Any.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format


def _module(name: str) -> Any:
    return importlib.import_module(f"tensorflow_serving.{name}")


_predict = _module("apis.predict_pb2")
_metadata = _module("apis.get_model_metadata_pb2")
_status = _module("apis.get_model_status_pb2")
_management = _module("apis.model_management_pb2")

PredictRequest, PredictResponse = _predict.PredictRequest, _predict.PredictResponse
MetadataRequest = _metadata.GetModelMetadataRequest
MetadataResponse = _metadata.GetModelMetadataResponse
SignatureDefMap = _metadata.SignatureDefMap
StatusRequest, StatusResponse = _status.GetModelStatusRequest, _status.GetModelStatusResponse
ReloadRequest = _management.ReloadConfigRequest
ReloadResponse = _management.ReloadConfigResponse
PredictionLog = _module("apis.prediction_log_pb2").PredictionLog
ModelServerConfig = _module("config.model_server_config_pb2").ModelServerConfig


def methods(channel: grpc.Channel) -> tuple[Any, Any, Any]:
    """The remote methods Predict, GetModelMetadata and GetModelStatus."""
    predictions = _module("apis.prediction_service_pb2_grpc").PredictionServiceStub(channel)
    models = _module("apis.model_service_pb2_grpc").ModelServiceStub(channel)
    return predictions.Predict, predictions.GetModelMetadata, models.GetModelStatus


def predict_request(
    model: Mapping[str, Any], signature: str, inputs: Mapping[str, np.ndarray]
) -> Any:
    """A PredictRequest; `model` holds the fields of its ModelSpec."""
    message = about(PredictRequest(), {**model, "signature_name": signature})
    for name, array in inputs.items():
        message.inputs[name].CopyFrom(tf.make_tensor_proto(array))
    return message


def about(message: Any, model: Mapping[str, Any]) -> Any:
    """Set the fields of the ModelSpec of a request, those that are not None; returns the request.

    Example:
        >>> about(StatusRequest(), {"name": "m", "version": 7}).model_spec.version.value
        7
    """
    message.model_spec.SetInParent()
    for name, value in model.items():
        if value is None:
            continue
        if name == "version":
            message.model_spec.version.value = value
        else:
            setattr(message.model_spec, name, value)
    return message


def read_prediction(message: Any) -> tuple[dict[str, np.ndarray], int]:
    """The outputs by name, and the version of the model.

    Raises:
        ValueError: for a tensor that cannot be read, or whose shape is larger than its message.
    """
    outputs = {}
    for name, proto in message.outputs.items():
        sizes = [dim.size for dim in proto.tensor_shape.dim]
        # A value takes at least a byte; `make_ndarray` would fill up a short list of values.
        if math.prod(sizes) > max(proto.ByteSize(), 1):
            raise ValueError(f"{name} has the shape {sizes} in {proto.ByteSize()} bytes")
        # A copy, because `make_ndarray` may return read-only memory of the message.
        outputs[name] = np.array(tf.make_ndarray(proto))
    return outputs, message.model_spec.version.value


def as_json(message: Any, keep_names: bool = True) -> Any:
    """A message as the decoded JSON of the REST interface."""
    return json_format.MessageToDict(
        message,
        preserving_proto_field_name=keep_names,
        always_print_fields_with_no_presence=True,
    )
