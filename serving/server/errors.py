"""What went wrong with a request: a code of gRPC and a sentence."""

from __future__ import annotations

import logging
from typing import Any

import tensorflow as tf
from grpc import StatusCode

from ..errors import HTTP_STATUS, ServingError

_log = logging.getLogger(__name__)
_BY_NUMBER = {code.value[0]: code for code in StatusCode}


def invalid(message: str) -> ServingError:
    """The commonest error: the request is wrong."""
    return ServingError(StatusCode.INVALID_ARGUMENT, message)


def late() -> ServingError:
    """The time of the request is over."""
    return ServingError(StatusCode.DEADLINE_EXCEEDED, "The time of the request is over")


def http_status(code: StatusCode) -> int:
    """The HTTP status for a code; 500 for those without one of their own."""
    return HTTP_STATUS.get(code, 500)


def as_serving_error(error: BaseException) -> ServingError:
    """Any exception as a ServingError without its traceback; TensorFlow's keep their code."""
    if isinstance(error, ServingError):
        return ServingError(error.code, error.message)
    if isinstance(error, tf.errors.OpError):
        reported: Any = error
        code = _BY_NUMBER.get(reported.error_code, StatusCode.UNKNOWN)
        return ServingError(code, str(reported.message))
    if isinstance(error, UnicodeDecodeError):
        # TensorFlow's own: a message that repeats bytes of the request, which Python cannot read.
        return invalid(error.object.decode("utf-8", "replace"))
    if isinstance(error, TimeoutError):
        return late()
    _log.error("Unexpected error", exc_info=error)
    return ServingError(StatusCode.INTERNAL, f"{type(error).__name__}: {error}")
