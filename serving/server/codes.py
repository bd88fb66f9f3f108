"""The canonical error codes, and the one exception that carries them through the server."""

from __future__ import annotations

import enum
from typing import Any

import tensorflow as tf


class Code(enum.IntEnum):
    """The canonical codes that gRPC, TensorFlow and the status messages share."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class ServingError(Exception):
    """A request, or the loading of a model, failed.

    Args:
        code: why, in one word.
        message: why, in a sentence; as `tensorflow_model_server` words it where it has the error.
    """

    def __init__(self, code: Code, message: str):
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}"


def invalid_argument(message: str) -> ServingError:
    """The commonest error: the request is wrong."""
    return ServingError(Code.INVALID_ARGUMENT, message)


def as_serving_error(error: BaseException) -> ServingError:
    """Any exception as a ServingError; TensorFlow's keep their code and message.

    Example:
        >>> str(as_serving_error(KeyError("x")))
        "INTERNAL: KeyError: 'x'"
    """
    if isinstance(error, ServingError):
        return error
    if isinstance(error, tf.errors.OpError):
        reported: Any = error
        known = reported.error_code in Code.__members__.values()
        code = Code(reported.error_code) if known else Code.UNKNOWN
        return ServingError(code, str(reported.message))
    if isinstance(error, UnicodeDecodeError):
        # TensorFlow's own: a message that repeats bytes of the request, such as an Example that
        # cannot be parsed. Python cannot read it, and the code is lost with the exception.
        return invalid_argument(error.object.decode("utf-8", "replace"))
    if isinstance(error, RecursionError):
        return invalid_argument("JSON Parse error: Too deeply nested.")
    return ServingError(Code.INTERNAL, f"{type(error).__name__}: {error}")
