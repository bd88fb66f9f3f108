"""Deadlines, and retries with exponential backoff."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from .errors import ServingError, is_busy

_T = TypeVar("_T")
_LONGEST_PAUSE = 5.0


class Deadline:
    """The time after which nothing more is sent.

    Args:
        seconds: from now; None for no limit.
    """

    def __init__(self, seconds: float | None):
        self._end = None if seconds is None else time.monotonic() + seconds

    def remaining(self) -> float | None:
        """Seconds left, possibly negative; None for no limit."""
        return None if self._end is None else self._end - time.monotonic()


def with_retries(attempt: Callable[[], _T], deadline: Deadline, retries: int, backoff: float) -> _T:
    """Send a request, with retries after errors that are retryable.

    Args:
        attempt: sends the request once.
        deadline: of the whole call.
        retries: largest number of retries. Refusals of a server without a free thread, which does
            not look at the request, do not count; but 0 allows no retry at all.
        backoff: see `pause_before`.

    Raises:
        ServingError: the last one, if it is not retryable, the retries are used up, or the deadline
            would pass during the pause.
    """
    attempts = in_line = 0
    while True:
        try:
            return attempt()
        except ServingError as error:
            attempts += 1
            in_line += is_busy(error.code, error.message)
            used_up = retries == 0 or attempts - in_line > retries
            if not error.retryable or (used_up and attempts == 1):
                raise
            pause, left = pause_before(attempts, backoff), deadline.remaining()
            if not used_up and (left is None or pause < left):
                time.sleep(pause)
                continue
            times = "once" if attempts == 1 else f"{attempts} times"
            reason = "" if used_up else "; the timeout leaves no time for another attempt"
            message = f"{error.message} (tried {times}{reason})"
            raise ServingError(error.code, message, error.signature, error.where, True) from error


def pause_before(retry: int, backoff: float) -> float:
    """Seconds to wait before a retry, numbered from 1: u * min(backoff * 2**(retry - 1), 5).

    u is uniform in [0.5, 1], so that many clients do not return to a restarted server at once.

    Example:
        >>> 0.2 <= pause_before(2, 0.2) <= 0.4
        True
    """
    return random.uniform(0.5, 1.0) * min(backoff * 2.0 ** (retry - 1), _LONGEST_PAUSE)
