"""Conversion between the gRPC messages of TensorFlow Serving and NumPy arrays.

Importing this module imports TensorFlow, because the stubs of tensorflow-serving-api do.
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
    # The modules create their classes at import, so type checkers cannot see them.
    return importlib.import_module(f"tensorflow_serving.apis.{name}")


_PREDICT = _module("predict_pb2")
_METADATA = _module("get_model_metadata_pb2")
_STATUS = _module("get_model_status_pb2")


def methods(channel: grpc.Channel) -> tuple[Any, Any, Any]:
    """The remote methods Predict, GetModelMetadata and GetModelStatus."""
    predictions = _module("prediction_service_pb2_grpc").PredictionServiceStub(channel)
    models = _module("model_service_pb2_grpc").ModelServiceStub(channel)
    return predictions.Predict, predictions.GetModelMetadata, models.GetModelStatus


def predict_request(
    model: Mapping[str, Any], signature: str, inputs: Mapping[str, np.ndarray]
) -> Any:
    """A PredictRequest; `model` holds the fields of its ModelSpec."""
    message = _PREDICT.PredictRequest()
    _specify(message, {**model, "signature_name": signature})
    for name, array in inputs.items():
        message.inputs[name].CopyFrom(tf.make_tensor_proto(array))
    return message


def metadata_request(model: Mapping[str, Any]) -> Any:
    """A GetModelMetadataRequest."""
    return _specify(_METADATA.GetModelMetadataRequest(metadata_field=["signature_def"]), model)


def status_request(model: Mapping[str, Any]) -> Any:
    """A GetModelStatusRequest, without a label, which servers ignore here."""
    known = {name: value for name, value in model.items() if name != "version_label"}
    return _specify(_STATUS.GetModelStatusRequest(), known)


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


def as_json(message: Any) -> Any:
    """A metadata or status message as the decoded JSON of the REST interface."""
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def _specify(message: Any, model: Mapping[str, Any]) -> Any:
    for name, value in model.items():
        if name == "version":
            message.model_spec.version.value = value
        else:
            setattr(message.model_spec, name, value)
    return message
