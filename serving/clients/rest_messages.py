"""Calls as HTTP requests of TensorFlow Serving, and its JSON as answers."""

from __future__ import annotations

import json
from typing import Any, NamedTuple
from urllib.parse import quote

import grpc
import numpy as np

from .calls import Call, Prediction
from .dtypes import numpy_dtype
from .errors import ServingError
from .metadata import ModelMetadata, SignatureInfo, TensorInfo, VersionStatus
from .settings import Settings

# The kinds of dtypes that JSON carries both ways; half precision is refused by the server.
_NUMBERS = "biuf"


class HttpRequest(NamedTuple):
    """One request.

    Attributes:
        method: GET or POST.
        url: complete.
        body: JSON, or None.
    """

    method: str
    url: str
    body: bytes | None


class RestMessages:
    """Encodes and decodes for one model.

    Args:
        settings: which model.
        url: of the server, without a slash at the end.
        where: the model and the address, for messages.
    """

    def __init__(self, settings: Settings, url: str, where: str):
        self._model = f"{url}/v1/models/{quote(settings.model_name, safe='')}"
        self._version = "" if settings.version is None else f"/versions/{settings.version}"
        self._label = "" if settings.label is None else f"/labels/{quote(settings.label, safe='')}"
        self._where = where

    def request(self, call: Call) -> HttpRequest:
        """The request for a call.

        Raises:
            ServingError: UNIMPLEMENTED for values that REST cannot carry, and without inputs.
        """
        if call.kind == "status":
            return HttpRequest("GET", self._model + self._version, None)
        chosen = self._model + self._version + self._label
        if call.kind == "metadata":
            return HttpRequest("GET", f"{chosen}/metadata", None)
        self._check_inputs(call)
        self._check_numbers(call)
        inputs = {name: array.tolist() for name, array in call.inputs.items()}
        # `json` writes the shortest text that gives the same double back, and NaN and Infinity in
        # the words that the server reads.
        body = json.dumps({"signature_name": call.signature, "inputs": inputs})
        return HttpRequest("POST", f"{chosen}:predict", body.encode())

    def answer(self, call: Call, body: bytes) -> Any:
        """What a body says in answer to a call.

        Raises:
            ServingError: INTERNAL if it is not what TensorFlow Serving answers.
        """
        try:
            content = json.loads(body)
            if call.kind == "predict":
                return _prediction(call, content)
            return _metadata(content) if call.kind == "metadata" else _versions(content)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            text = (
                f"this is not an answer of TensorFlow Serving ({type(error).__name__}: {error}): "
                f"{body[:200].decode(errors='replace')!r}"
            )
            code = grpc.StatusCode.INTERNAL
            raise ServingError(code, text, call.signature, self._where) from error

    def _check_inputs(self, call: Call) -> None:
        if call.offered is not None and not call.offered.inputs:
            raise self._unimplemented(
                call,
                "REST cannot ask a signature without inputs; TensorFlow Serving refuses such "
                "requests. Use GrpcClient.",
            )

    def _check_numbers(self, call: Call) -> None:
        offered = call.offered
        tensors = {} if offered is None else {**offered.inputs, **offered.outputs}
        for name, info in tensors.items():
            dtype = info.dtype
            if dtype is None or dtype.kind not in _NUMBERS or dtype.name == "float16":
                raise self._unimplemented(
                    call,
                    f"REST cannot carry {name!r}, which is {info}; the REST interface of "
                    "TensorFlow Serving knows no complex and half-precision numbers, and this "
                    "client no text. Use GrpcClient.",
                )

    def _unimplemented(self, call: Call, message: str) -> ServingError:
        code = grpc.StatusCode.UNIMPLEMENTED
        return ServingError(code, message, call.signature, self._where)


def _prediction(call: Call, content: Any) -> Prediction:
    offered = call.offered.outputs if call.offered is not None else {}
    values = content["outputs"]
    # A single output comes without its name.
    if len(offered) == 1 and not isinstance(values, dict):
        values = {next(iter(offered)): values}
    outputs = {
        name: np.asarray(value, offered[name].dtype if name in offered else None)
        for name, value in values.items()
    }
    return Prediction(outputs, None)


def _metadata(content: Any) -> ModelMetadata:
    specification = content["model_spec"]
    signatures = content["metadata"]["signature_def"]["signature_def"]
    found = {
        name: SignatureInfo(
            inputs={key: _info(tensor) for key, tensor in definition.get("inputs", {}).items()},
            outputs={key: _info(tensor) for key, tensor in definition.get("outputs", {}).items()},
        )
        for name, definition in signatures.items()
        if not name.startswith("__")  # the initialization of the model, not for callers
    }
    return ModelMetadata(specification["name"], int(specification["version"]), found)


def _info(tensor: Any) -> TensorInfo:
    shape = tensor.get("tensor_shape", {})
    sizes = [int(dimension["size"]) for dimension in shape.get("dim", [])]
    known = tuple(None if size < 0 else size for size in sizes)
    return TensorInfo(None if shape.get("unknown_rank") else known, numpy_dtype(tensor["dtype"]))


def _versions(content: Any) -> tuple[VersionStatus, ...]:
    return tuple(
        VersionStatus(
            version=int(version["version"]),
            state=version["state"],
            error_code=version["status"]["error_code"],
            error_message=version["status"]["error_message"],
        )
        for version in content["model_version_status"]
    )
