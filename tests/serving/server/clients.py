"""Plain clients, which share nothing with the server but the messages."""

import http.client
import json
from typing import Any, Protocol

import grpc
import numpy as np
import tensorflow as tf

from eigenfit.serving.server.protos import (
    GetModelMetadataRequest,
    GetModelStatusRequest,
    PredictRequest,
    model_service,
    prediction_service,
)


class Ports(Protocol):
    """A running server, in this process or in another."""

    @property
    def port(self) -> int: ...

    @property
    def rest_port(self) -> int | None: ...


class Client:
    """Both interfaces of one server."""

    def __init__(self, server: Ports):
        self.channel = grpc.insecure_channel(f"127.0.0.1:{server.port}")
        self.predictions = prediction_service.PredictionServiceStub(self.channel)
        self.models = model_service.ModelServiceStub(self.channel)
        self._rest_port = server.rest_port

    def predict(self, request: Any, timeout: float | None = 20.0) -> dict[str, np.ndarray]:
        response = self.predictions.Predict(request, timeout=timeout)
        return {name: tf.make_ndarray(tensor) for name, tensor in response.outputs.items()}

    def status(self, name: str, version: int | None = None) -> Any:
        request = GetModelStatusRequest()
        request.model_spec.name = name
        if version is not None:
            request.model_spec.version.value = version
        return self.models.GetModelStatus(request, timeout=20)

    def metadata(self, name: str) -> Any:
        request = GetModelMetadataRequest(metadata_field=["signature_def"])
        request.model_spec.name = name
        return self.predictions.GetModelMetadata(request, timeout=20)

    def http(
        self,
        method: str,
        path: str,
        body: bytes | str = b"",
        headers: dict[str, str] | None = None,
    ) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self._rest_port or 0, timeout=20)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.read().decode("utf-8", "surrogateescape")
        finally:
            connection.close()

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        """The body is JSON already, or is made into it; so is the answer."""
        text = body if isinstance(body, (str, bytes)) else json.dumps(body)
        status, answer = self.http("POST", path, text)
        return status, json.loads(answer)

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


def refusal(call: Any, *arguments: Any, **options: Any) -> tuple[str, str]:
    """The code and the message with which a call fails."""
    try:
        call(*arguments, **options)
    except grpc.RpcError as error:
        reported: Any = error
        return reported.code().name, reported.details()
    raise AssertionError("the call did not fail")
