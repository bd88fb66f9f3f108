"""`ServingError`, and the interpretation of codes and messages of a server."""

from __future__ import annotations

import re

import grpc

_Code = grpc.StatusCode

#: The HTTP status of TensorFlow Serving for each gRPC code; 500 for all others.
HTTP_STATUS = {
    _Code.OK: 200,
    _Code.INVALID_ARGUMENT: 400,
    _Code.FAILED_PRECONDITION: 400,
    _Code.OUT_OF_RANGE: 400,
    _Code.UNAUTHENTICATED: 401,
    _Code.PERMISSION_DENIED: 403,
    _Code.NOT_FOUND: 404,
    _Code.ABORTED: 409,
    _Code.ALREADY_EXISTS: 409,
    _Code.RESOURCE_EXHAUSTED: 429,
    _Code.CANCELLED: 499,
    _Code.INTERNAL: 500,
    _Code.UNIMPLEMENTED: 501,
    _Code.UNAVAILABLE: 503,
    _Code.DEADLINE_EXCEEDED: 504,
}
# The inverse; of several codes with one status, the first in the table.
_CODES = {status: code for code, status in reversed(HTTP_STATUS.items())}

# The message of TensorFlow's batch scheduler.
_TOO_MANY_ROWS = re.compile(r"Task size \d+ is larger than maximum (?:input )?batch size (\d+)")
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
        >>> str(ServingError(grpc.StatusCode.NOT_FOUND, "no such thing", "fit", "model 'm'"))
        "NOT_FOUND (signature 'fit', model 'm'): no such thing"
    """

    def __init__(
        self,
        code: grpc.StatusCode,
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


def code_of(status: int) -> grpc.StatusCode:
    """The gRPC code of an HTTP status.

    It is not unique: 400 also stands for FAILED_PRECONDITION and OUT_OF_RANGE, 409 for
    ALREADY_EXISTS.

    Example:
        >>> code_of(400).name, code_of(413).name, code_of(502).name
        ('INVALID_ARGUMENT', 'RESOURCE_EXHAUSTED', 'UNKNOWN')
    """
    return _Code.RESOURCE_EXHAUSTED if status == 413 else _CODES.get(status, _Code.UNKNOWN)


def is_busy(code: grpc.StatusCode, message: str) -> bool:
    """Whether a server had no free thread, so that the same request may succeed later.

    The code RESOURCE_EXHAUSTED alone is ambiguous: a message that is too large gets it too.
    """
    return code is _Code.RESOURCE_EXHAUSTED and bool(_NO_THREAD.search(message))


def row_limit(error: ServingError) -> int | None:
    """The row limit in the error of a server with batching.

    Such a server refuses a request with more rows than its `max_batch_size`.

    Returns:
        The limit, at least 1; None for any other error.

    Example:
        >>> words = "Task size 9 is larger than maximum input batch size 8"
        >>> row_limit(ServingError(grpc.StatusCode.INVALID_ARGUMENT, words))
        8
    """
    if error.code is not _Code.INVALID_ARGUMENT:
        return None
    found = _TOO_MANY_ROWS.search(error.message)
    return max(int(found[1]), 1) if found else None
