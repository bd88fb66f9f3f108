"""Plain clients, which share nothing with the server but the messages."""

import http.client
import importlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import grpc
import numpy as np
import tensorflow as tf


def _messages(name: str) -> Any:
    return importlib.import_module("tensorflow_serving.apis." + name)


PREDICT, METADATA = _messages("predict_pb2"), _messages("get_model_metadata_pb2")
TensorProto: Any = importlib.import_module("tensorflow.core.framework.tensor_pb2").TensorProto
PredictRequest, PredictResponse = PREDICT.PredictRequest, PREDICT.PredictResponse
GetModelMetadataRequest = METADATA.GetModelMetadataRequest
SignatureDefMap = METADATA.SignatureDefMap
PredictionLog = _messages("prediction_log_pb2").PredictionLog
GetModelStatusRequest = _messages("get_model_status_pb2").GetModelStatusRequest

MANY = "/v1/models/many"
LOADING, AVAILABLE, UNLOADING, END = 20, 30, 40, 50
ENDLESS = 10**12  # steps of the signature `slow`


class Ports(Protocol):
    """A running server, in this process or in another."""

    @property
    def port(self) -> int: ...

    @property
    def rest_port(self) -> int | None: ...


class Client:
    """Both interfaces of one server."""

    def __init__(self, server: Ports):
        # Otherwise the pauses between attempts to reach a server that starts become long.
        patient = [("grpc.max_reconnect_backoff_ms", 500)]
        self.channel = grpc.insecure_channel(f"127.0.0.1:{server.port}", options=patient)
        self.predictions = _messages("prediction_service_pb2_grpc").PredictionServiceStub(
            self.channel
        )
        self.models = _messages("model_service_pb2_grpc").ModelServiceStub(self.channel)
        self.server: Any = server

    def predict(self, request: Any, timeout: float | None = 20.0) -> dict[str, np.ndarray]:
        response = self.predictions.Predict(request, timeout=timeout)
        return {name: tf.make_ndarray(tensor) for name, tensor in response.outputs.items()}

    def status(self, name: str, version: int | None = None) -> Any:
        request = GetModelStatusRequest()
        request.model_spec.name = name
        if version is not None:
            request.model_spec.version.value = version
        return self.models.GetModelStatus(request, timeout=20)

    def states(self, name: str = "default") -> dict[int, int]:
        """By version; none if there is no such model."""
        try:
            return {each.version: each.state for each in self.status(name).model_version_status}
        except grpc.RpcError:
            return {}

    def http(
        self,
        method: str,
        path: str,
        body: bytes | str = b"",
        headers: dict[str, str] | None = None,
    ) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.rest_port, timeout=20)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        """The body is JSON already, or is made into it; so is the answer."""
        text = body if isinstance(body, (str, bytes)) else json.dumps(body)
        status, answer = self.http("POST", path, text)
        return status, json.loads(answer)

    def rows(self, rows: Any, signature: str = "") -> tuple[int, Any]:
        """A prediction of the model `many` in row form."""
        return self.post(MANY + ":predict", {"signature_name": signature, "instances": rows})

    def columns(self, inputs: Any, signature: str = "") -> tuple[int, Any]:
        """A prediction of the model `many` in column form."""
        return self.post(MANY + ":predict", {"signature_name": signature, "inputs": inputs})

    def close(self) -> None:
        self.channel.close()


def predict_request(model: str, signature: str = "", **inputs: Any) -> Any:
    """A PredictRequest; inputs are arrays or TensorProtos."""
    request = PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for name, value in inputs.items():
        is_array = isinstance(value, (np.ndarray, list))
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value) if is_array else value)
    return request


def with_spec(request: Any, **fields: Any) -> Any:
    if "version" in fields:
        request.model_spec.version.value = fields.pop("version")
    for name, value in fields.items():
        setattr(request.model_spec, name, value)
    return request


def slow(steps: int, model: str = "many") -> Any:
    return predict_request(model, "slow", steps=np.array([steps]))


def entry(name: str, path: Path, more: str = "", platform: str = "tensorflow") -> str:
    """A model of a ModelServerConfig."""
    return f'config {{ name: "{name}" base_path: "{path}" model_platform: "{platform}" {more} }}'


def listed(*entries: str) -> str:
    return f"model_config_list {{ {' '.join(entries)} }}"


def refusal(call: Any, *arguments: Any, **options: Any) -> tuple[str, str]:
    """The code and the message with which a call fails."""
    try:
        call(*arguments, **options)
    except grpc.RpcError as error:
        reported: Any = error
        return reported.code().name, reported.details()
    raise AssertionError("the call did not fail")


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not happen"
        time.sleep(0.02)
