"""The messages of TensorFlow Serving, from the package tensorflow-serving-api.

Their modules build the classes when they are imported, so type checkers cannot see the names. Here
they are collected once, as Any.
"""

from __future__ import annotations

import importlib
from typing import Any


def _module(name: str) -> Any:
    return importlib.import_module(name)


_APIS = "tensorflow_serving.apis."
_CONFIG = "tensorflow_serving.config."

TensorProto: Any = _module("tensorflow.core.framework.tensor_pb2").TensorProto
Example: Any = _module("tensorflow.core.example.example_pb2").Example
PredictRequest: Any = _module(_APIS + "predict_pb2").PredictRequest
PredictResponse: Any = _module(_APIS + "predict_pb2").PredictResponse
ClassificationRequest: Any = _module(_APIS + "classification_pb2").ClassificationRequest
ClassificationResponse: Any = _module(_APIS + "classification_pb2").ClassificationResponse
ClassificationResult: Any = _module(_APIS + "classification_pb2").ClassificationResult
RegressionRequest: Any = _module(_APIS + "regression_pb2").RegressionRequest
RegressionResponse: Any = _module(_APIS + "regression_pb2").RegressionResponse
RegressionResult: Any = _module(_APIS + "regression_pb2").RegressionResult
MultiInferenceResponse: Any = _module(_APIS + "inference_pb2").MultiInferenceResponse
GetModelMetadataRequest: Any = _module(_APIS + "get_model_metadata_pb2").GetModelMetadataRequest
GetModelMetadataResponse: Any = _module(_APIS + "get_model_metadata_pb2").GetModelMetadataResponse
SignatureDefMap: Any = _module(_APIS + "get_model_metadata_pb2").SignatureDefMap
GetModelStatusRequest: Any = _module(_APIS + "get_model_status_pb2").GetModelStatusRequest
GetModelStatusResponse: Any = _module(_APIS + "get_model_status_pb2").GetModelStatusResponse
ReloadConfigResponse: Any = _module(_APIS + "model_management_pb2").ReloadConfigResponse
PredictionLog: Any = _module(_APIS + "prediction_log_pb2").PredictionLog
ModelServerConfig: Any = _module(_CONFIG + "model_server_config_pb2").ModelServerConfig

prediction_service: Any = _module(_APIS + "prediction_service_pb2_grpc")
model_service: Any = _module(_APIS + "model_service_pb2_grpc")
