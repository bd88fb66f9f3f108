"""What goes wrong with HTTP, as `ServingError`."""

from __future__ import annotations

import json
from typing import Any

import grpc
import requests
import urllib3.exceptions

from .calls import Call
from .errors import ServingError

_Code = grpc.StatusCode
# The way back from what TensorFlow Serving makes of its codes. 400 may also have been
# FAILED_PRECONDITION or OUT_OF_RANGE.
_CODES = {
    400: _Code.INVALID_ARGUMENT,
    401: _Code.UNAUTHENTICATED,
    403: _Code.PERMISSION_DENIED,
    404: _Code.NOT_FOUND,
    409: _Code.ABORTED,
    413: _Code.RESOURCE_EXHAUSTED,
    429: _Code.RESOURCE_EXHAUSTED,
    499: _Code.CANCELLED,
    500: _Code.INTERNAL,
    501: _Code.UNIMPLEMENTED,
    503: _Code.UNAVAILABLE,
    504: _Code.DEADLINE_EXCEEDED,
}


def from_status(call: Call, status: int, headers: Any, body: bytes, where: str) -> ServingError:
    """The error for an HTTP status other than 200.

    Args:
        call: what was asked.
        status: the number.
        headers: of the answer.
        body: of the answer; TensorFlow Serving writes {"error": "..."}.
        where: the model and the address.
    """
    try:
        message = str(json.loads(body)["error"])
    except (KeyError, TypeError, ValueError):
        text = body[:200].decode(errors="replace").strip()
        message = f"HTTP status {status}" + (f": {text}" if text else "")
    if "Location" in headers:
        message += f" (redirected to {headers['Location']}; give RestClient that address)"
    code = _CODES.get(status, _Code.UNKNOWN)
    # 429 of TensorFlow Serving will not get better. A proxy that wants fewer requests says when.
    retryable = status == 503 or (status == 429 and "Retry-After" in headers)
    return ServingError(code, message, call.signature, where, retryable)


def from_exception(call: Call, error: requests.RequestException, where: str) -> ServingError:
    """The error for a request that got no answer.

    Only a request for which no connection could be made is worth trying again as it is. One that
    was sent may be the reason why the server closed the connection.

    Args:
        call: what was asked.
        error: of `requests`.
        where: the model and the address.
    """
    causes = list(_causes(error))
    slow = (requests.Timeout, urllib3.exceptions.TimeoutError)
    refused = urllib3.exceptions.NewConnectionError  # which counts as a timeout too
    if any(isinstance(cause, refused) for cause in causes):
        message = f"no connection could be made: {causes[-1]}"
        return ServingError(_Code.UNAVAILABLE, message, call.signature, where, retryable=True)
    if any(isinstance(cause, slow) for cause in causes):
        message = "the timeout was over before the answer was there"
        return ServingError(_Code.DEADLINE_EXCEEDED, message, call.signature, where)
    if isinstance(error, requests.ConnectionError):
        message = f"the connection failed: {error}"
        return ServingError(_Code.UNAVAILABLE, message, call.signature, where)
    return ServingError(_Code.UNKNOWN, f"the request failed: {error}", call.signature, where)


def _causes(error: Any) -> Any:
    """An exception and those inside it; `requests` and `urllib3` wrap them in several ways."""
    while isinstance(error, BaseException):
        yield error
        inner = getattr(error, "reason", None)
        error = inner if inner is not None else (error.args[0] if error.args else None)
