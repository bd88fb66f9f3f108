"""How much time is left, and how long to wait before trying again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from .errors import ServingError, is_busy

_T = TypeVar("_T")
_LONGEST_PAUSE = 5.0


class Deadline:
    """A moment after which nothing more is sent.

    Args:
        seconds: from now; None for never.
    """

    def __init__(self, seconds: float | None):
        self._end = None if seconds is None else time.monotonic() + seconds

    def remaining(self) -> float | None:
        """Seconds left, possibly negative; None for no limit."""
        return None if self._end is None else self._end - time.monotonic()


def with_retries(attempt: Callable[[], _T], deadline: Deadline, retries: int, backoff: float) -> _T:
    """Try until it works, or fails for good.

    Args:
        attempt: sends a request once.
        deadline: of the whole call.
        retries: how often at most, after the first attempt. A server without a free thread refuses
            at once and without a look at the request: to ask again is to wait in line, which does
            not count, unless nothing is to be tried again at all (0).
        backoff: see `pause_before`.

    Raises:
        ServingError: the last one, if another attempt would end no better, or enough were made, or
            the deadline would pass while waiting.
    """
    attempts = in_line = 0
    while True:
        try:
            return attempt()
        except ServingError as error:
            attempts += 1
            in_line += is_busy(error.code, error.message)
            if not error.retryable:
                raise
            pause, left = pause_before(attempts, backoff), deadline.remaining()
            if retries == 0 or attempts - in_line > retries:
                raise _after(error, attempts, "") from error
            if left is not None and pause >= left:
                reason = "; the timeout leaves no time for another attempt"
                raise _after(error, attempts, reason) from error
        time.sleep(pause)


def pause_before(retry: int, backoff: float) -> float:
    """Seconds before a retry, numbered from 1.

    The pause doubles each time up to 5 s. It is a random part of that, between a half and the
    whole, so that many clients do not come back to a restarted server in the same moment.

    Example:
        >>> 0.2 <= pause_before(2, 0.2) <= 0.4
        True
    """
    return random.uniform(0.5, 1.0) * min(backoff * 2.0 ** (retry - 1), _LONGEST_PAUSE)


def _after(error: ServingError, attempts: int, reason: str) -> ServingError:
    if attempts == 1 and not reason:
        return error
    times = "once" if attempts == 1 else f"{attempts} times"
    message = f"{error.message} (tried {times}{reason})"
    return ServingError(error.code, message, error.signature, error.where, error.retryable)
