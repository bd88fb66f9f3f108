"""The blocking client for REST."""

from __future__ import annotations

from .blocking_client import BlockingClient
from .calls import Transport
from .rest_base import RestBase


class RestClient(RestBase, BlockingClient):
    """Fits on a TensorFlow Serving server, over HTTP and JSON, without importing TensorFlow.

    Doubles are sent and read back exactly, NaN and infinity included, but `tensorflow_model_server`
    itself reads some of them a few units in the last place off, which a fit amplifies; use
    `GrpcClient` where that matters, for complex matrices, and for large batches. The server has a
    time limit of its own for REST requests, 30 s unless it was told another. Started with
    `--enable_serialization_as_tensor_content`, it answers zeros in the place of all numbers: the
    client raises `ServingError` if a model of eigenfit does.

    Args:
        url: the address and REST port, for example "http://localhost:8501"; https encrypts.
        model_name: the name under which the server offers the model.
        version: of the model; None for the one that the server chooses, normally the newest.
        label: the name of a version, for example "stable".
        timeout: seconds for one call of a method, all its requests and retries; None for no limit.
        retries: how often a request is sent again that could make no connection, or that the
            server answered with 503, or with 429 and a `Retry-After`. No other error is retried,
            and nothing after the timeout.
        backoff: see `GrpcClient`.
        max_batch_rows: see `GrpcClient`.
        max_concurrency: see `GrpcClient`.
        root_certificates: PEM file of the authorities to believe instead of those of `requests`.
        client_key: PEM file of a private key, for servers that ask who is there.
        client_certificate: PEM file of its certificate chain.
        headers: sent with each request, for example {"Authorization": "Bearer ..."}.

    Raises:
        ValueError: naming the argument that is wrong.

    Example:
        >>> with RestClient("http://localhost:8501", "three_level") as client:  # doctest: +SKIP
        ...     fit = client.fit([[1.0, 2.0, 4.0]])
        >>> fit.parameters.shape  # doctest: +SKIP
        (1, 3)
    """

    def close(self) -> None:
        """Close the connections. Later calls raise ValueError; closing again does nothing."""
        self._closed = True
        self._http.close()

    def _transport(self) -> Transport:
        return self._http
