"""The gRPC interface: requests, errors as status, TLS, health service and shutdown."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from .. import messages
from ..errors import as_serving_error, fault, invalid
from .configs import parse_text, read_text
from .metrics import Metrics
from .options import ServerOptions
from .predict import DEFAULT_SIGNATURE
from .versions import Models

# The message is sent in a header, of which clients accept 8 kB; a byte may be encoded as three.
_LONGEST_MESSAGE = 1024
_PREDICTION, _MODEL = "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService"
_NOT_SERVED = ("Classify", "Regress", "MultiInference")
NOT_SERVED = (
    "This server answers Predict, GetModelMetadata and GetModelStatus only; to change the models, "
    "edit its model_config_file"
)
Answer = Callable[[Any, "float | None"], Awaitable[Any]]


class GrpcApi:
    """Answers gRPC requests on the address in the options."""

    def __init__(self, models: Models, metrics: Metrics, options: ServerOptions):
        self._models = models
        self._metrics = metrics
        self._options = options
        self._health: Any = None
        self.port = 0

    async def start(self) -> None:
        """Open the port; raises ServingError if that is not possible."""
        options = [
            # Otherwise two servers could share a port, each with a part of the requests.
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", self._options.max_message_bytes),
            ("grpc.max_send_message_length", -1),
        ]
        self._server = grpc.aio.server(options=options)
        for service, methods in {
            _PREDICTION: {
                "Predict": _handler(messages.PredictRequest, self._predict),
                "GetModelMetadata": _handler(messages.MetadataRequest, self._metadata),
                **dict.fromkeys(_NOT_SERVED, _handler(None, _refuse)),
            },
            _MODEL: {
                "GetModelStatus": _handler(messages.StatusRequest, self._status),
                "HandleReloadConfigRequest": _handler(None, _refuse),
            },
        }.items():
            generic = grpc.method_handlers_generic_handler(service, methods)
            self._server.add_generic_rpc_handlers((generic,))
        if self._options.enable_grpc_healthcheck_service:
            module: Any = health
            self._health = module.aio.HealthServicer()
            health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
            serving: Any = health_pb2
            for service in (_PREDICTION, _MODEL):
                for name in (service, service.rpartition(".")[2]):
                    await self._health.set(name, serving.HealthCheckResponse.SERVING)
        self._listen()
        await self._server.start()

    async def stop(self, grace: float) -> None:
        """Accept no more requests; abort those under way after `grace` seconds."""
        if self._health is not None:
            await self._health.enter_graceful_shutdown()
        await self._server.stop(grace)

    def _listen(self) -> None:
        options = self._options
        host = f"[{options.host}]" if ":" in options.host else options.host
        address, file = f"{host}:{options.port}", options.ssl_config_file
        try:
            if file:
                self.port = self._server.add_secure_port(address, _credentials(file))
            else:
                self.port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            # gRPC raises the same error for both reasons; only its log distinguishes them.
            reason = (
                f", or the certificates in {file} cannot be used: they must be PEM" if file else ""
            )
            message = f"Cannot listen on {address}: the address is taken{reason}. {error}"
            raise fault("UNAVAILABLE", message) from None

    async def _predict(self, request: Any, deadline: float | None) -> Any:
        asked = _spec_of(request)
        with (
            self._models.hold(*_which(asked)) as (number, predictor),
            self._metrics.count(asked.name, "GRPC", deadline) as ran,
        ):
            outputs, seconds = await predictor.predict(
                asked.signature_name, request.inputs, request.output_filter, deadline
            )
            response = messages.PredictResponse()
            response.model_spec.name = asked.name
            response.model_spec.signature_name = asked.signature_name or DEFAULT_SIGNATURE
            response.model_spec.version.value = number
            for name, array in outputs.items():
                messages.write_tensor(array, response.outputs[name])
            ran(seconds)
            return response

    async def _metadata(self, request: Any, deadline: float | None) -> Any:
        del deadline
        asked = _spec_of(request)
        if set(request.metadata_field) != {"signature_def"}:
            raise invalid(
                "metadata_field must be ['signature_def'], which is all that there is; got "
                f"{list(request.metadata_field)}"
            )
        return metadata(self._models, *_which(asked))

    async def _status(self, request: Any, deadline: float | None) -> Any:
        del deadline
        return status(self._models, *_which(_spec_of(request)))


def metadata(models: Models, name: str, number: int | None, label: str | None) -> Any:
    """A GetModelMetadataResponse; the arguments and errors are those of `Models.hold`."""
    with models.hold(name, number, label) as (number, predictor):
        response = messages.MetadataResponse()
        response.model_spec.name = name
        response.model_spec.version.value = number
        signatures = messages.SignatureDefMap(signature_def=predictor.signatures)
        response.metadata["signature_def"].Pack(signatures)
        return response


def status(models: Models, name: str, number: int | None, label: str | None) -> Any:
    """A GetModelStatusResponse; the label is ignored. Raises ServingError."""
    del label
    response = messages.StatusResponse()
    for version in models.statuses(name, number):
        entry = response.model_version_status.add(version=version.number, state=version.state)
        entry.status.SetInParent()
        if version.error is not None:
            entry.status.error_code = version.error.code.value[0]
            entry.status.error_message = version.error.message
    return response


def _spec_of(request: Any) -> Any:
    if not request.HasField("model_spec"):
        raise invalid("The request has no model_spec")
    return request.model_spec


def _which(spec: Any) -> tuple[str, int | None, str | None]:
    """Name, version and label of a ModelSpec, as arguments of `Models.hold`."""
    choice = spec.WhichOneof("version_choice")
    number = spec.version.value if choice == "version" else None
    return spec.name, number, spec.version_label if choice == "version_label" else None


async def _refuse(request: Any, deadline: float | None) -> Any:
    raise fault("UNIMPLEMENTED", NOT_SERVED)


def _handler(message: Any, answer: Answer) -> Any:
    """The handler of a method: parse the request, answer it, report errors as status."""

    async def handle(data: bytes, context: Any) -> bytes | None:
        left = context.time_remaining()
        deadline = None if left is None else time.monotonic() + left
        try:
            answered = await answer(message and message.FromString(data), deadline)
            return answered.SerializeToString()
        except asyncio.CancelledError:  # the client cancelled, or its deadline passed
            raise
        except DecodeError:
            text = f"The bytes of the request are no {message.DESCRIPTOR.name}"
            problem = fault("INTERNAL", text)
        except Exception as error:
            problem = as_serving_error(error)
        # Not context.abort: its exception keeps the request until garbage collection.
        context.set_code(problem.code)
        context.set_details(_shortened(problem.message))
        return None

    return grpc.unary_unary_rpc_method_handler(handle)


def _shortened(message: str) -> str:
    data = message.encode("utf-8", "replace")
    if len(data) <= _LONGEST_MESSAGE:
        return message
    return data[:_LONGEST_MESSAGE].decode("utf-8", "ignore") + "..."


def _credentials(file: str) -> grpc.ServerCredentials:
    config = parse_text("SSLConfig", read_text(file))
    for name in ("server_key", "server_cert", "custom_ca")[: 3 if config.client_verify else 2]:
        if not getattr(config, name):
            raise invalid(
                f"ssl_config_file {file} has no {name}, in PEM; it needs server_key and "
                "server_cert, and with client_verify custom_ca"
            )
    return grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        root_certificates=config.custom_ca.encode() or None,
        require_client_auth=config.client_verify,
    )
