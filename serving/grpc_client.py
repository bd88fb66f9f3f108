"""The gRPC client."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, Unpack

import grpc

from .answers import ModelMetadata, VersionStatus, read_metadata, read_status
from .client import Client, Prediction, Request, Settings
from .errors import ServingError, is_busy

_T = TypeVar("_T")


class GrpcClient(Client):
    """Fits on a TensorFlow Serving server over gRPC, which transfers numbers exactly.

    The first client imports TensorFlow, because the stubs of tensorflow-serving-api do. Nothing is
    sent before the first call. In an event loop use `await asyncio.to_thread(client.fit, targets)`.

    Args:
        target: the address and gRPC port, for example "localhost:8500" or "unix:/run/model.sock".
        model_name: the name under which the server offers the model.
        tls: encrypt, and trust the certificate authorities of the system. Implied by each of the
            three files.
        channel_options: gRPC channel options as (name, value). Without them, messages have no size
            limit.
        version: of the model; None for the one that the server chooses, normally the newest.
        label: the name of a version, for example "stable".
        timeout: seconds for one call of a method with all its requests and retries; None for no
            limit.
        retries: number of retries if the server is unreachable or not ready (UNAVAILABLE). A server
            without a free thread (RESOURCE_EXHAUSTED "Server Threadpool Exhausted") is retried
            until the timeout, unless this is 0. No other error is retried.
        backoff: seconds before the first retry. It doubles with each retry, up to 5 s; a random
            factor from 0.5 to 1 is applied.
        max_batch_rows: row limit of one request; larger batches are divided, in order; None for no
            limit. 1000 is the default limit of a server with batching (`max_batch_size`).
        max_concurrency: number of requests of a divided batch that are sent at a time.
        root_certificates: PEM file of the trusted certificate authorities, instead of the system's.
        client_key: PEM file of a private key, for servers that authenticate clients.
        client_certificate: PEM file of its certificate chain.
        headers: sent with each request, for example {"authorization": "Bearer ..."}.

    Raises:
        ValueError: for an invalid argument, which it names.

    Example:
        >>> with GrpcClient("localhost:8500", "three_level") as client:  # doctest: +SKIP
        ...     fit = client.fit([[1.0, 2.0, 4.0]])
        >>> fit.parameters.shape  # doctest: +SKIP
        (1, 3)
    """

    def __init__(
        self,
        target: str,
        model_name: str,
        *,
        tls: bool = False,
        channel_options: Sequence[tuple[str, Any]] = (),
        **settings: Unpack[Settings],
    ):
        if not isinstance(target, str) or not target or target.startswith(("http:", "https:")):
            raise ValueError(
                f'target must be an address such as "localhost:8500", got {target!r}; a URL is '
                "for RestClient."
            )
        super().__init__(target, model_name, settings)
        # Imported here, because it imports TensorFlow, which takes seconds that REST clients save.
        from . import messages

        self._messages = messages
        options = {
            # The default limit of gRPC, 4 MB for answers, is a few thousand rows.
            "grpc.max_receive_message_length": -1,
            "grpc.max_send_message_length": -1,
            # By default, a channel that found no server fails immediately for a second and more, so
            # that all retries would fail too. (min_reconnect_backoff_ms stays unchanged: it is also
            # the time limit for establishing a connection.)
            "grpc.initial_reconnect_backoff_ms": 100,
            "grpc.max_reconnect_backoff_ms": 2000,
            **dict(channel_options),
        }.items()
        if tls or any(path is not None for path in self._certificates):
            pem = (None if path is None else Path(path).read_bytes() for path in self._certificates)
            credentials = grpc.ssl_channel_credentials(*pem)
            self._channel = grpc.secure_channel(target, credentials, tuple(options))
        else:
            self._channel = grpc.insecure_channel(target, tuple(options))
        self._predict, self._get_metadata, self._get_status = messages.methods(self._channel)
        self._sent_headers = tuple((name.lower(), text) for name, text in self._headers.items())
        number = {} if self._version is None else {"version": {"value": self._version}}
        self._model = {"name": model_name, **number}
        label = {} if self._label is None else {"version_label": self._label}
        self._labelled = {**self._model, **label}

    def close(self) -> None:
        """Close the connections. Later calls raise ValueError; closing again does nothing."""
        self._closed = True
        self._channel.close()

    def _send_prediction(self, request: Request, deadline: float) -> Prediction:
        message = self._messages.PredictRequest(model_spec=self._labelled)
        message.model_spec.signature_name = request.signature
        for name, array in request.inputs.items():
            message.inputs[name].CopyFrom(self._messages.tf.make_tensor_proto(array))
        read = self._messages.read_prediction
        return Prediction(*self._call(self._predict, message, read, deadline, request.signature))

    def _send_metadata(self, deadline: float) -> ModelMetadata:
        message = self._messages.MetadataRequest(model_spec=self._labelled)
        message.metadata_field.append("signature_def")
        answer = self._call(self._get_metadata, message, self._messages.as_json, deadline)
        return read_metadata(answer)

    def _send_status(self, deadline: float) -> tuple[VersionStatus, ...]:
        # Without the label, which servers ignore here.
        message = self._messages.StatusRequest(model_spec=self._model)
        return read_status(self._call(self._get_status, message, self._messages.as_json, deadline))

    def _call(
        self,
        method: Any,
        message: Any,
        read: Callable[[Any], _T],
        deadline: float,
        signature: str | None = None,
    ) -> _T:
        timeout = self._left(deadline, signature)
        try:
            answer = method(message, timeout=timeout, metadata=self._sent_headers)
        except grpc.RpcError as failed:
            error: Any = failed
            code = error.code() or grpc.StatusCode.UNKNOWN
            reason = error.details() or "the server gave no reason"
            retryable = code is grpc.StatusCode.UNAVAILABLE or is_busy(code, reason)
            raise self._error(code, reason, signature, retryable) from failed
        try:
            return read(answer)
        except (KeyError, TypeError, ValueError, ServingError) as error:
            text = f"the answer cannot be read: {error}"
            raise self._error(grpc.StatusCode.INTERNAL, text, signature) from error
