"""The one exception of the clients, and what the words of a server tell."""

from __future__ import annotations

import re

import grpc

# The words of TensorFlow's batch scheduler.
_TOO_MANY_ROWS = re.compile(r"Task size \d+ is larger than maximum (?:input )?batch size (\d+)")


class ServingError(Exception):
    """A server could not be reached, or refused, or is not serving a model of eigenfit.

    Attributes:
        code: a `grpc.StatusCode`, also for REST, whose HTTP statuses are translated.
        message: what went wrong, in the words of the server if they come from there.
        signature: the signature that was asked, None for metadata and status.
        where: the model and the address.
        retryable: whether the same request may succeed a little later.

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
        # All of them, so that the exception can be pickled on its way out of another process.
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


def row_limit(error: ServingError) -> int | None:
    """The most rows that the server takes at once, if that is what it complains about.

    A server with request batching refuses a request with more rows than its `max_batch_size`.

    Args:
        error: what the server answered.

    Returns:
        The limit, at least 1; None for any other error.

    Example:
        >>> words = "Task size 9 is larger than maximum input batch size 8"
        >>> row_limit(ServingError(grpc.StatusCode.INVALID_ARGUMENT, words))
        8
    """
    if error.code is not grpc.StatusCode.INVALID_ARGUMENT:
        return None
    found = _TOO_MANY_ROWS.search(error.message)
    return max(int(found[1]), 1) if found else None
