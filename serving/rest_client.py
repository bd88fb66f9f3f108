"""The REST client."""

from __future__ import annotations

import http.cookiejar
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, Unpack
from urllib.parse import quote, urlsplit

import grpc
import numpy as np

# A dependency of TensorFlow, which itself is not imported.
import requests
import requests.adapters
import urllib3

from .answers import ModelMetadata, TensorInfo, VersionStatus, read_metadata, read_status
from .client import Client, Prediction, Request, Settings
from .errors import ServingError, code_of

_Code = grpc.StatusCode
_CHUNK = 1 << 16
_KEPT = 64  # connections that stay open between requests
_T = TypeVar("_T")


class RestClient(Client):
    """Fits on a TensorFlow Serving server over HTTP and JSON, without importing TensorFlow.

    The client sends and reads doubles exactly, NaN and infinity included, but
    `tensorflow_model_server` parses some numbers a few units in the last place off, which a fit
    amplifies. Use `GrpcClient` where that matters, for complex matrices, and for large batches. The
    server has its own time limit for REST requests, 30 s by default. With
    `--enable_serialization_as_tensor_content` it answers zeros in place of all numbers; `fit`
    notices that and raises `ServingError`, the other methods cannot.

    The other arguments are those of `GrpcClient`, without `tls` and `channel_options`. Retries are
    made if no connection could be made, and after status 503.

    Args:
        url: the address and REST port, for example "http://localhost:8501"; https encrypts.
        model_name: the name under which the server offers the model.

    Raises:
        ValueError: for an invalid argument, which it names.

    Example:
        >>> with RestClient("http://localhost:8501", "three_level") as client:  # doctest: +SKIP
        ...     fit = client.fit([[1.0, 2.0, 4.0]])
        >>> fit.parameters.shape  # doctest: +SKIP
        (1, 3)
    """

    def __init__(self, url: str, model_name: str, **settings: Unpack[Settings]):
        base = _check_url(url)
        super().__init__(base, model_name, settings)
        if base.startswith("http://") and any(path is not None for path in self._certificates):
            raise ValueError(
                f"url must begin with https:// where certificates are given, got {url!r}."
            )
        self._model = f"{base}/v1/models/{quote(model_name, safe='')}"
        self._numbered = "" if self._version is None else f"/versions/{self._version}"
        label = "" if self._label is None else f"/labels/{quote(self._label, safe='')}"
        self._chosen = f"{self._model}{self._numbered}{label}"
        root, key, certificate = (
            None if path is None else str(path) for path in self._certificates
        )
        # Passed with each request, because environment variables override those of a session.
        self._tls = {
            "verify": True if root is None else root,
            "cert": None if key is None else (certificate, key),
        }
        self._session = requests.Session()
        # Threads share the session: its connection pool is thread-safe, and cookies are off.
        self._session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        self._adapter = requests.adapters.HTTPAdapter(pool_maxsize=_KEPT)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, self._adapter)

    def close(self) -> None:
        """Close the connections. Later calls raise ValueError; closing again does nothing."""
        self._closed = True
        pools = self._adapter.poolmanager.pools
        for address in pools.keys():  # noqa: SIM118  # not iterable otherwise
            # Closes idle connections now; a request under way closes its own at its end.
            pools[address].close()
        self._session.close()

    def _send_prediction(self, request: Request, deadline: float) -> Prediction:
        for name, info in {**request.offered.inputs, **request.offered.outputs}.items():
            if info.dtype is None or info.dtype.kind == "c":
                message = f"REST cannot carry {name!r}, which is {info}. Use GrpcClient."
                raise self._error(_Code.UNIMPLEMENTED, message, request.signature)
        inputs = {name: array.tolist() for name, array in request.inputs.items()}
        # `json` writes the shortest text that reads back as the same double, and NaN and Infinity
        # as the server reads them.
        body = json.dumps({"signature_name": request.signature, "inputs": inputs}).encode()
        url, offered = f"{self._chosen}:predict", request.offered.outputs
        outputs = self._call(
            url, deadline, lambda answer: _read_outputs(answer, offered), request.signature, body
        )
        return Prediction(outputs, None)

    def _send_metadata(self, deadline: float) -> ModelMetadata:
        return self._call(f"{self._chosen}/metadata", deadline, read_metadata)

    def _send_status(self, deadline: float) -> tuple[VersionStatus, ...]:
        return self._call(f"{self._model}{self._numbered}", deadline, read_status)

    def _call(
        self,
        url: str,
        deadline: float,
        read: Callable[[Any], _T],
        signature: str | None = None,
        body: bytes | None = None,
    ) -> _T:
        """Send one request, once; POST if it has a body.

        The deadline is checked whenever a chunk of the answer arrives, so an answer that stops half
        way may take up to twice the timeout.
        """
        timeout: Any = urllib3.Timeout(total=self._left(deadline, signature))
        chunks: list[bytes] = []
        try:
            with self._session.request(
                "GET" if body is None else "POST",
                url,
                data=body,
                headers={"Content-Type": "application/json", **self._headers},
                timeout=timeout,
                allow_redirects=False,  # a POST would arrive as a GET
                stream=True,
                **self._tls,
            ) as response:
                for chunk in response.iter_content(_CHUNK):
                    self._left(deadline, signature)
                    chunks.append(chunk)
        except requests.RequestException as error:
            raise self._no_answer(error, signature) from error
        answer = b"".join(chunks)
        if response.status_code != 200:
            raise self._refused(response, answer, signature)
        try:
            return read(json.loads(answer))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            text = (
                f"this is not an answer of TensorFlow Serving ({type(error).__name__}: {error}): "
                f"{answer[:200].decode(errors='replace')!r}"
            )
            raise self._error(_Code.INTERNAL, text, signature) from error

    def _refused(
        self, response: requests.Response, body: bytes, signature: str | None
    ) -> ServingError:
        """The error for a status other than 200; TensorFlow Serving writes {"error": "..."}."""
        status = response.status_code
        try:
            message = str(json.loads(body)["error"])
        except (KeyError, TypeError, ValueError):
            text = body[:200].decode(errors="replace").strip()
            message = f"HTTP status {status}" + (f": {text}" if text else "")
        if "Location" in response.headers:
            address = response.headers["Location"]
            message += f" (redirected to {address}; give RestClient that address)"
        return self._error(code_of(status), message, signature, retryable=status == 503)

    def _no_answer(self, error: requests.RequestException, signature: str | None) -> ServingError:
        """The error for a request that got no answer.

        It is retryable only if no connection could be made. A request that was sent may itself be
        why the server closed the connection.
        """
        inner = error.args[0] if error.args else error
        cause = getattr(inner, "reason", None) or inner
        if isinstance(cause, urllib3.exceptions.NewConnectionError):
            message = f"no connection could be made: {cause}"
            return self._error(_Code.UNAVAILABLE, message, signature, retryable=True)
        if isinstance(error, requests.Timeout) or isinstance(
            cause, urllib3.exceptions.TimeoutError
        ):
            message = "the timeout was over before the answer was there"
            return self._error(_Code.DEADLINE_EXCEEDED, message, signature)
        code = _Code.UNAVAILABLE if isinstance(error, requests.ConnectionError) else _Code.UNKNOWN
        return self._error(code, f"the connection failed: {error}", signature)


def _check_url(url: str) -> str:
    """Check the URL; returned with a scheme and without a trailing slash."""
    base = str(url or "")
    base = (base if "://" in base else f"http://{base}").rstrip("/")
    parts = urlsplit(base)
    known = parts.scheme in ("http", "https") and parts.hostname
    if not known or parts.query or parts.fragment or parts.path.startswith("/v1"):
        raise ValueError(
            'url must be the address of the server alone, such as "http://localhost:8501", got '
            f"{url!r}. The client adds /v1/models/ and the name of the model."
        )
    return base


def _read_outputs(content: Any, offered: Mapping[str, TensorInfo]) -> dict[str, np.ndarray]:
    values = content["outputs"]
    # A single output has no name in the answer.
    if len(offered) == 1 and not isinstance(values, dict):
        values = {next(iter(offered)): values}
    return {
        name: np.asarray(value, offered[name].dtype if name in offered else None)
        for name, value in values.items()
    }
