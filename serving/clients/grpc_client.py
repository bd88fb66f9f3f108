"""The blocking client for gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

from .blocking_client import BlockingClient
from .calls import Call, Transport
from .grpc_base import GrpcBase

if TYPE_CHECKING:
    from .grpc_messages import GrpcMessages


class GrpcClient(GrpcBase, BlockingClient):
    """Fits on a TensorFlow Serving server, over gRPC: numbers arrive bit for bit.

    Making the first client imports TensorFlow, as the stubs of tensorflow-serving-api do. Nothing
    is sent before the first call.

    Args:
        target: the address and gRPC port, for example "localhost:8500" or "unix:/run/model.sock".
        model_name: the name under which the server offers the model.
        version: of the model; None for the one that the server chooses, normally the newest.
        label: the name of a version, for example "stable".
        timeout: seconds for one call of a method, all its requests and retries; None for no limit.
        retries: how often a request is sent again that found no server or a server that was not
            ready (UNAVAILABLE). A server without a free thread (RESOURCE_EXHAUSTED "Server
            Threadpool Exhausted") is asked until the timeout, unless this is 0. No other error is
            retried, and nothing after the timeout.
        backoff: seconds before the first retry. It doubles each time up to 5 s, and each pause is
            a random part of it between a half and the whole.
        max_batch_rows: the most rows in one request; larger batches are divided, in order. 1000 is
            the limit of a server with request batching that has not been told another. If a
            server says that it takes fewer, the client obeys from then on. None divides only then.
        max_concurrency: how many requests of a divided batch are on their way at a time.
        tls: encrypt, and believe the authorities of the system. Implied by the three files.
        root_certificates: PEM file of the authorities to believe instead.
        client_key: PEM file of a private key, for servers that ask who is there.
        client_certificate: PEM file of its certificate chain.
        headers: sent with each request, for example {"authorization": "Bearer ..."}.
        max_message_bytes: the largest message to send or accept; None for no limit.
        channel_options: further options of gRPC as (name, value).

    Raises:
        ValueError: naming the argument that is wrong.

    Example:
        >>> with GrpcClient("localhost:8500", "three_level") as client:  # doctest: +SKIP
        ...     fit = client.fit([[1.0, 2.0, 4.0]])
        >>> fit.parameters.shape  # doctest: +SKIP
        (1, 3)
    """

    _opened: _Transport | None = None

    def close(self) -> None:
        """Close the connections. Later calls raise ValueError; closing again does nothing."""
        with self._lock:
            self._closed = True
            if self._opened is not None:
                self._opened.channel.close()

    def _transport(self) -> Transport:
        with self._lock:
            self._check_open()
            if self._opened is None:
                channel = self._channel_settings.open(grpc)
                self._opened = _Transport(channel, self._messages, self._sent_headers)
            return self._opened


class _Transport:
    def __init__(self, channel: grpc.Channel, messages: GrpcMessages, headers: Any):
        self.channel = channel
        self._messages = messages
        self._methods = messages.methods(channel)
        self._headers = headers

    def send(self, call: Call, timeout: float | None) -> Any:
        request = self._messages.request(call)
        try:
            message = self._methods[call.kind](request, timeout=timeout, metadata=self._headers)
        except grpc.RpcError as error:
            raise self._messages.error(call, error) from error
        return self._messages.answer(call, message)
