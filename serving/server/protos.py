"""The messages of TensorFlow Serving, from the package tensorflow-serving-api.

Their modules create the classes at import, so type checkers cannot see them; here they are Any.
"""

from __future__ import annotations

import importlib
from typing import Any


def _module(name: str) -> Any:
    return importlib.import_module(name)


_predict = _module("tensorflow_serving.apis.predict_pb2")
_metadata = _module("tensorflow_serving.apis.get_model_metadata_pb2")
_status = _module("tensorflow_serving.apis.get_model_status_pb2")
_management = _module("tensorflow_serving.apis.model_management_pb2")

TensorProto = _module("tensorflow.core.framework.tensor_pb2").TensorProto
PredictRequest = _predict.PredictRequest
PredictResponse = _predict.PredictResponse
GetModelMetadataRequest = _metadata.GetModelMetadataRequest
GetModelMetadataResponse = _metadata.GetModelMetadataResponse
SignatureDefMap = _metadata.SignatureDefMap
GetModelStatusRequest = _status.GetModelStatusRequest
GetModelStatusResponse = _status.GetModelStatusResponse
ReloadConfigRequest = _management.ReloadConfigRequest
ReloadConfigResponse = _management.ReloadConfigResponse
PredictionLog = _module("tensorflow_serving.apis.prediction_log_pb2").PredictionLog
ModelServerConfig = _module("tensorflow_serving.config.model_server_config_pb2").ModelServerConfig
