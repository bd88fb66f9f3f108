"""REST requests to answers: a status and a body. Knows nothing of sockets."""

from __future__ import annotations

import time
from typing import Any

from google.protobuf import json_format

from . import protos
from .codes import Code, as_serving_error, invalid_argument
from .core import ServerCore
from .json_examples import classification_json, fill_examples, regression_json
from .json_parse import parse_object
from .json_request import input_types, inputs_of, signature_name_of
from .json_response import error_json, predict_json
from .predict import predict
from .rest_routes import Route, VersionTooLargeError, find_route
from .served_version import Loaded

_HTTP = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.INVALID_ARGUMENT: 400,
    Code.FAILED_PRECONDITION: 400,
    Code.OUT_OF_RANGE: 400,
    Code.UNAUTHENTICATED: 401,
    Code.PERMISSION_DENIED: 403,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.ABORTED: 409,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
    Code.DEADLINE_EXCEEDED: 504,
}


def http_status(code: Code) -> int:
    """The HTTP status for a canonical code; 500 for those without one of their own."""
    return _HTTP.get(code, 500)


class RestHandler:
    """Answers what comes under `/v1/`.

    Args:
        core: has the models.
        timeout: seconds that a request may take, from its arrival.
    """

    def __init__(self, core: ServerCore, timeout: float):
        self._core = core
        self._timeout = timeout

    def handle(self, method: str, path: str, body: bytes, arrived: float) -> tuple[int, bytes]:
        """Answer one request.

        Args:
            method: of HTTP.
            path: as sent, with the query string.
            body: uncompressed.
            arrived: when all of it was there, by `time.monotonic()`.

        Returns:
            The HTTP status and the JSON.
        """
        try:
            route = find_route(method, path)
            if route is None:
                raise invalid_argument(f"Malformed request: {method} {path}")
            if not route.model:
                raise invalid_argument("Missing model name in request.")
            return 200, self._answer(route, body, arrived + self._timeout)
        except VersionTooLargeError:
            return 400, b""
        except Exception as error:
            return _refusal(error)

    def _answer(self, route: Route, body: bytes, deadline: float) -> bytes:
        if route.method == "status":
            return self._status(route)
        if route.method == "metadata":
            return self._metadata(route)
        document = parse_object(body)
        if route.method == "predict":
            return self._predict(route, document, deadline)
        if route.method == "classify":
            request = protos.ClassificationRequest()
            return classification_json(
                self._examples(route, document, request, "classify_log", deadline)
            )
        request = protos.RegressionRequest()
        return regression_json(self._examples(route, document, request, "regress_log", deadline))

    def _predict(self, route: Route, document: dict[str, Any], deadline: float) -> bytes:
        name = signature_name_of(document)
        spec = protos.PredictRequest().model_spec
        route.fill(spec)

        def answer(
            loaded: Loaded, version: int, request: dict[str, Any], timeout: float | None
        ) -> bytes:
            inputs, form = inputs_of(request, input_types(loaded.signatures, name))
            check = loaded.rules.check_method_names
            outputs = predict(loaded.signatures, loaded.runner, name, inputs, (), timeout, check)
            return predict_json(outputs, form)

        left = deadline - time.monotonic()
        return self._core.answer(answer, "predict_log", spec, document, left, "REST")

    def _examples(
        self, route: Route, document: dict[str, Any], request: Any, kind: str, deadline: float
    ) -> Any:
        fill_examples(document, request)
        route.fill(request.model_spec)
        left = deadline - time.monotonic()
        return self._core.infer(kind, request, left, "REST").result

    def _status(self, route: Route) -> bytes:
        request = protos.GetModelStatusRequest()
        route.fill(request.model_spec)
        return _json(self._core.status(request)).encode() + b"\n"

    def _metadata(self, route: Route) -> bytes:
        request = protos.GetModelMetadataRequest(metadata_field=["signature_def"])
        route.fill(request.model_spec)
        response = self._core.metadata(request)
        signatures = protos.SignatureDefMap()
        response.metadata["signature_def"].Unpack(signatures)
        spec = _json(response.model_spec, keep_names=True)
        inner = _json(signatures, keep_names=True)
        return (
            f'{{\n"model_spec":{spec}\n,\n"metadata": {{"signature_def": {inner}\n}}\n}}\n'
        ).encode()


def _refusal(error: Exception) -> tuple[int, bytes]:
    # Not where the error is caught: a name for it there would keep it, and the body, until the
    # collector runs.
    problem = as_serving_error(error)
    return http_status(problem.code), error_json(problem.message)


def _json(message: Any, keep_names: bool = False) -> str:
    return json_format.MessageToJson(
        message,
        indent=1,
        always_print_fields_with_no_presence=True,
        preserving_proto_field_name=keep_names,
        ensure_ascii=False,
    )
