"""How much time is left, and how long to wait before trying again."""

from __future__ import annotations

import dataclasses
import random
import time

import grpc

from .calls import Call
from .errors import ServingError


class Deadline:
    """A moment after which nothing more is sent.

    Args:
        seconds: from now; None for never.
    """

    def __init__(self, seconds: float | None):
        self._seconds = seconds
        self._end = None if seconds is None else time.monotonic() + seconds

    def remaining(self) -> float | None:
        """Seconds left, possibly negative; None for no limit."""
        return None if self._end is None else self._end - time.monotonic()

    def left_for(self, call: Call, where: str) -> float | None:
        """Seconds left for a call.

        Raises:
            ServingError: DEADLINE_EXCEEDED if there are none.
        """
        left = self.remaining()
        if left is not None and left <= 0:
            message = f"the timeout of {self._seconds:g} s was over before the request was sent"
            code = grpc.StatusCode.DEADLINE_EXCEEDED
            raise ServingError(code, message, call.signature, where)
        return left


@dataclasses.dataclass(frozen=True)
class RetryPolicy:
    """When to try again.

    Attributes:
        retries: how often at most, after the first attempt. A server without a free thread refuses
            at once and without a look at the request: to ask again is to wait in line, which does
            not count, unless nothing is to be tried again at all (0).
        backoff: seconds before the first retry. It doubles each time, up to `longest`, and each
            pause is a random part of it, between a half and the whole, so that many clients do not
            come back to a restarted server in the same moment.
        longest: seconds.
    """

    retries: int
    backoff: float
    longest: float = 5.0

    def pause(
        self, error: ServingError, attempt: int, deadline: Deadline, in_line: int = 0
    ) -> float:
        """How long to wait before the next attempt.

        Args:
            error: what the last attempt ended with.
            attempt: its number, from 1.
            deadline: of the whole call.
            in_line: how many of the attempts so far found no free thread.

        Returns:
            Seconds.

        Raises:
            ServingError: the same error if there is to be no other attempt: because another would
                end no better, or enough were made, or the deadline would pass while waiting.
        """
        if not error.retryable:
            raise error
        if self.retries == 0 or attempt - in_line > self.retries:
            raise _after(error, attempt, "")
        whole = min(self.backoff * 2.0 ** (attempt - 1), self.longest)
        pause = random.uniform(0.5, 1.0) * whole
        left = deadline.remaining()
        if left is not None and pause >= left:
            raise _after(error, attempt, "; the timeout leaves no time for another attempt")
        return pause


def _after(error: ServingError, attempts: int, reason: str) -> ServingError:
    if attempts == 1 and not reason:
        return error
    times = "once" if attempts == 1 else f"{attempts} times"
    message = f"{error.message} (tried {times}{reason})"
    return ServingError(error.code, message, error.signature, error.where, error.retryable)
