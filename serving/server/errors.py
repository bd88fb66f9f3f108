"""Errors of requests: a gRPC code and a message."""

from __future__ import annotations

import logging
from typing import Any

import tensorflow as tf
from grpc import StatusCode

from ..errors import ServingError

_log = logging.getLogger(__name__)
_BY_NUMBER = {code.value[0]: code for code in StatusCode}


def fault(code: str, message: str) -> ServingError:
    """An error with the code of this name."""
    return ServingError(StatusCode[code], message)


def invalid(message: str) -> ServingError:
    """An INVALID_ARGUMENT error."""
    return fault("INVALID_ARGUMENT", message)


def late() -> ServingError:
    """A DEADLINE_EXCEEDED error."""
    return fault("DEADLINE_EXCEEDED", "The time of the request is over")


def as_serving_error(error: BaseException) -> ServingError:
    """Any exception as a ServingError without traceback; those of TensorFlow keep their code."""
    if isinstance(error, ServingError):
        return ServingError(error.code, error.message)
    if isinstance(error, tf.errors.OpError):
        reported: Any = error
        code = _BY_NUMBER.get(reported.error_code, StatusCode.UNKNOWN)
        return ServingError(code, str(reported.message))
    if isinstance(error, UnicodeDecodeError):
        # Raised when a message of TensorFlow quotes bytes of the request that are not UTF-8.
        return invalid(error.object.decode("utf-8", "replace"))
    if isinstance(error, TimeoutError):
        return late()
    _log.error("Unexpected error", exc_info=error)
    return fault("INTERNAL", f"{type(error).__name__}: {error}")
