"""`ServingError`, the one exception of clients and server, and the codes of gRPC and HTTP."""

from __future__ import annotations

import logging
import re

from grpc import StatusCode

_log = logging.getLogger(__name__)
_BY_NUMBER = {code.value[0]: code for code in StatusCode}

# The HTTP statuses of TensorFlow Serving, with their gRPC codes; 500 is for all others too.
_STATUSES = {
    200: "OK",
    400: "INVALID_ARGUMENT FAILED_PRECONDITION OUT_OF_RANGE",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED ALREADY_EXISTS",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
HTTP_STATUS = {StatusCode[name]: s for s, names in _STATUSES.items() for name in names.split()}
# The messages of gRPC when all threads of a server are busy, in C++ (`tensorflow_model_server`) and
# in Python.
_NO_THREAD = re.compile("Server Threadpool Exhausted|Concurrent RPC limit exceeded")


class ServingError(Exception):
    """A server cannot be reached, refuses a request, or does not serve a model of eigenfit.

    Attributes:
        code: a `grpc.StatusCode`; HTTP statuses of REST are translated.
        message: the message of the server or, if it did not answer, of the client.
        signature: the signature that was called; None for metadata and status.
        where: the model and the address.
        retryable: whether the same request may succeed later.

    Example:
        >>> str(ServingError(StatusCode.NOT_FOUND, "no such thing", "fit", "model 'm'"))
        "NOT_FOUND (signature 'fit', model 'm'): no such thing"
    """

    def __init__(
        self,
        code: StatusCode,
        message: str,
        signature: str | None = None,
        where: str = "",
        retryable: bool = False,
    ):
        # All arguments, so that the exception can be pickled.
        super().__init__(code, message, signature, where, retryable)
        self.code = code
        self.message = message
        self.signature = signature
        self.where = where
        self.retryable = retryable

    def __str__(self) -> str:
        signature = "" if self.signature is None else f"signature {self.signature!r}"
        origin = ", ".join(part for part in (signature, self.where) if part)
        return f"{self.code.name}{f' ({origin})' if origin else ''}: {self.message}"


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
    number = getattr(error, "error_code", None)  # of tf.errors.OpError
    if number is not None:
        message = str(getattr(error, "message", error))
        return ServingError(_BY_NUMBER.get(number, StatusCode.UNKNOWN), message)
    if isinstance(error, UnicodeDecodeError):
        # Raised when a message of TensorFlow quotes bytes of the request that are not UTF-8.
        return invalid(error.object.decode("utf-8", "replace"))
    if isinstance(error, TimeoutError):
        return late()
    _log.error("Unexpected error", exc_info=error)
    return fault("INTERNAL", f"{type(error).__name__}: {error}")


def code_of(status: int) -> StatusCode:
    """The gRPC code of an HTTP status; of several codes with one status the most frequent."""
    names = "RESOURCE_EXHAUSTED" if status == 413 else _STATUSES.get(status, "UNKNOWN")
    return StatusCode[names.split()[0]]


def is_busy(code: StatusCode, message: str) -> bool:
    """Whether a server had no free thread, so that the same request may succeed later.

    The code RESOURCE_EXHAUSTED alone is ambiguous: a message that is too large gets it too.
    """
    return code is StatusCode.RESOURCE_EXHAUSTED and bool(_NO_THREAD.search(message))
