"""Calls as messages of TensorFlow Serving, and its messages as answers.

Importing this imports TensorFlow, because the stubs of tensorflow-serving-api do.
"""

from __future__ import annotations

import importlib
from typing import Any

import grpc
import numpy as np
import tensorflow as tf

from .calls import Call, Prediction
from .dtypes import numpy_dtype
from .errors import ServingError, is_busy
from .metadata import ModelMetadata, SignatureInfo, TensorInfo, VersionStatus
from .settings import Settings


def _module(name: str) -> Any:
    # The modules make their classes while they are imported, so type checkers cannot see them.
    return importlib.import_module(f"tensorflow_serving.apis.{name}")


_PREDICT = _module("predict_pb2")
_METADATA = _module("get_model_metadata_pb2")
_STATUS = _module("get_model_status_pb2")
_PREDICTION_SERVICE = _module("prediction_service_pb2_grpc")
_MODEL_SERVICE = _module("model_service_pb2_grpc")


class GrpcMessages:
    """Encodes and decodes for one model.

    Args:
        settings: which model.
        where: the model and the address, for messages.
    """

    def __init__(self, settings: Settings, where: str):
        self._settings = settings
        self._where = where

    def methods(self, channel: Any) -> dict[str, Any]:
        """The remote methods by kind of call, on a channel of `grpc` or of `grpc.aio`."""
        predictions = _PREDICTION_SERVICE.PredictionServiceStub(channel)
        models = _MODEL_SERVICE.ModelServiceStub(channel)
        return {
            "predict": predictions.Predict,
            "metadata": predictions.GetModelMetadata,
            "status": models.GetModelStatus,
        }

    def request(self, call: Call) -> Any:
        """The message for a call."""
        if call.kind == "predict":
            message = _PREDICT.PredictRequest()
            message.model_spec.signature_name = call.signature
            for name, array in call.inputs.items():
                message.inputs[name].CopyFrom(tf.make_tensor_proto(array))
        elif call.kind == "metadata":
            message = _METADATA.GetModelMetadataRequest(metadata_field=["signature_def"])
        else:
            message = _STATUS.GetModelStatusRequest()
        specification = message.model_spec
        specification.name = self._settings.model_name
        if self._settings.version is not None:
            specification.version.value = self._settings.version
        elif self._settings.label is not None and call.kind != "status":
            specification.version_label = self._settings.label
        return message

    def answer(self, call: Call, message: Any) -> Any:
        """What a message says in answer to a call.

        Raises:
            ServingError: INTERNAL if it cannot be read.
        """
        try:
            if call.kind == "predict":
                return _prediction(message)
            return _metadata(message) if call.kind == "metadata" else _versions(message)
        except (TypeError, ValueError) as error:
            text = f"the answer cannot be read: {error}"
            raise ServingError(
                grpc.StatusCode.INTERNAL, text, call.signature, self._where
            ) from error

    def error(self, call: Call, error: Any) -> ServingError:
        """What a failed call says."""
        code = error.code() or grpc.StatusCode.UNKNOWN
        message = error.details() or "the server gave no reason"
        retryable = code is grpc.StatusCode.UNAVAILABLE or is_busy(code, message)
        return ServingError(code, message, call.signature, self._where, retryable)


def _prediction(message: Any) -> Prediction:
    # A copy: what `make_ndarray` returns may be read-only memory of the message.
    outputs = {name: np.array(tf.make_ndarray(proto)) for name, proto in message.outputs.items()}
    return Prediction(outputs, message.model_spec.version.value)


def _metadata(message: Any) -> ModelMetadata:
    signatures = _METADATA.SignatureDefMap()
    if not message.metadata["signature_def"].Unpack(signatures):
        raise ValueError("it holds no signatures")
    specification = message.model_spec
    found = {
        name: SignatureInfo(
            inputs={key: _info(tensor) for key, tensor in definition.inputs.items()},
            outputs={key: _info(tensor) for key, tensor in definition.outputs.items()},
            optional=frozenset(definition.defaults),
        )
        for name, definition in signatures.signature_def.items()
        if not name.startswith("__")  # the initialization of the model, not for callers
    }
    return ModelMetadata(specification.name, specification.version.value, found)


def _info(tensor: Any) -> TensorInfo:
    sizes = tuple(None if dim.size < 0 else dim.size for dim in tensor.tensor_shape.dim)
    shape = None if tensor.tensor_shape.unknown_rank else sizes
    return TensorInfo(shape, numpy_dtype(tensor.dtype))


def _versions(message: Any) -> tuple[VersionStatus, ...]:
    codes = {code.value[0]: code.name for code in grpc.StatusCode}
    state = _STATUS.ModelVersionStatus.State
    return tuple(
        VersionStatus(
            version=status.version,
            state=state.Name(status.state),
            error_code=codes.get(status.status.error_code, "UNKNOWN"),
            error_message=status.status.error_message,
        )
        for status in message.model_version_status
    )
