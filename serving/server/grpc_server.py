"""The gRPC side: ports, TLS, health, and a clean stop."""

from __future__ import annotations

import os
from concurrent import futures
from typing import Any

import grpc

from . import protos
from .codes import Code, ServingError, invalid_argument
from .core import ServerCore
from .extra import name_extra
from .grpc_services import ModelService, PredictionService
from .grpc_unreadable import RefuseUnreadable
from .options import ServerOptions
from .text_configs import parse_text, read_text

# Requests that wait to be batched hold a thread each, so there are more than cores.
_LEAST_THREADS = 32
_SERVICES = (
    "tensorflow.serving.ModelService",
    "tensorflow.serving.PredictionService",
)


class GrpcServer:
    """Listens when it is made.

    Attributes:
        port: where.
    """

    def __init__(self, core: ServerCore, options: ServerOptions):
        workers = options.grpc_max_threads or max(_LEAST_THREADS, 4 * (os.cpu_count() or 1))
        self._server = grpc.server(
            futures.ThreadPoolExecutor(workers, thread_name_prefix="grpc"),
            interceptors=[RefuseUnreadable()],
            options=_channel_options(options),
        )
        prediction_service: Any = protos.prediction_service
        prediction_service.add_PredictionServiceServicer_to_server(
            PredictionService(core), self._server
        )
        protos.model_service.add_ModelServiceServicer_to_server(ModelService(core), self._server)
        self._health = (
            _add_health(self._server) if options.enable_grpc_healthcheck_service else None
        )
        self.port = self._listen(options)
        self._server.start()

    def stop(self, grace: float | None) -> None:
        """Take no more requests; end those under way after `grace` seconds (None: at once)."""
        if self._health is not None:
            self._health.enter_graceful_shutdown()
        self._server.stop(grace).wait()

    def _listen(self, options: ServerOptions) -> int:
        address = f"{_in_brackets(options.host)}:{options.port}"
        try:
            if options.ssl_config_file:
                port = self._listen_with_tls(address, options.ssl_config_file)
            else:
                port = self._server.add_insecure_port(address)
            if options.grpc_socket_path:
                self._server.add_insecure_port(f"unix:{options.grpc_socket_path}")
        except RuntimeError as error:
            raise ServingError(Code.UNAVAILABLE, f"Cannot listen on {address}: {error}") from None
        return port

    def _listen_with_tls(self, address: str, file: str) -> int:
        credentials = _credentials(file)
        try:
            return self._server.add_secure_port(address, credentials)
        except RuntimeError as error:
            # gRPC raises the same for both reasons; only its log tells them apart.
            raise ServingError(
                Code.UNAVAILABLE,
                f"Cannot listen on {address} with TLS: the address is taken, or the certificate or "
                f"key in ssl_config_file {file} could not be used. server_key, server_cert and "
                "custom_ca must be PEM, with \\n for the ends of lines, and server_key the private "
                f"key of server_cert. gRPC says: {error}",
            ) from None


def _credentials(file: str) -> grpc.ServerCredentials:
    config = parse_text("SSLConfig", read_text(file))
    for name in ("server_key", "server_cert"):
        if not getattr(config, name):
            raise invalid_argument(
                f"ssl_config_file {file} has no {name}; TLS needs a certificate and its key, in PEM"
            )
    if config.client_verify and not config.custom_ca:
        raise invalid_argument(
            f"ssl_config_file {file} has client_verify but no custom_ca; give the certificate of "
            "the authority that signed those of the clients, in PEM"
        )
    return grpc.ssl_server_credentials(
        [(config.server_key.encode(), config.server_cert.encode())],
        root_certificates=config.custom_ca.encode() or None,
        require_client_auth=config.client_verify,
    )


def _channel_options(options: ServerOptions) -> list[tuple[str, Any]]:
    found: dict[str, Any] = {
        # Two servers on one port would share the requests between them.
        "grpc.so_reuseport": 0,
        "grpc.max_receive_message_length": options.max_message_bytes,
        "grpc.max_send_message_length": -1,
    }
    for pair in filter(None, options.grpc_channel_arguments.split(",")):
        key, equal, value = pair.partition("=")
        if not equal:
            raise ServingError(
                Code.INVALID_ARGUMENT, f"grpc_channel_arguments: no value in {pair!r}"
            )
        try:
            found[key] = int(value)
        except ValueError:
            found[key] = value
    return list(found.items())


def _add_health(server: grpc.Server) -> Any:
    # Only who asks for it needs the package.
    try:
        from grpc_health.v1 import health, health_pb2, health_pb2_grpc
    except ModuleNotFoundError as missing:
        raise name_extra(missing) from missing

    states: Any = health_pb2
    servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    for service in (*_SERVICES, *(name.rpartition(".")[2] for name in _SERVICES)):
        servicer.set(service, states.HealthCheckResponse.SERVING)
    return servicer


def _in_brackets(host: str) -> str:
    return f"[{host}]" if ":" in host else host
