"""Holds a conversation in the calling thread; pieces of a batch in a few more."""

from __future__ import annotations

import concurrent.futures
import time
from typing import Any, TypeVar

from .calls import Call, Conversation, Transport
from .deadline import Deadline, RetryPolicy
from .errors import ServingError, is_busy, row_limit

_T = TypeVar("_T")


def converse(
    conversation: Conversation[_T],
    transport: Transport,
    policy: RetryPolicy,
    deadline: Deadline,
    max_concurrency: int,
    where: str,
) -> _T:
    """Send what the conversation asks for until it returns.

    Args:
        conversation: of `Conversations`.
        transport: sends one request; used by several threads at a time.
        policy: when to try again.
        deadline: of the whole conversation.
        max_concurrency: how many requests may be on their way at a time.
        where: the model and the address, for messages.

    Returns:
        What the conversation returns.

    Raises:
        ServingError: the first error of any request.
        ValueError: from the conversation.
    """

    def send(call: Call) -> Any:
        attempt = in_line = 0
        while True:
            try:
                return transport.send(call, deadline.left_for(call, where))
            except ServingError as error:
                if row_limit(error) is not None:
                    return error
                attempt += 1
                in_line += is_busy(error.code, error.message)
                pause = policy.pause(error, attempt, deadline, in_line)
            time.sleep(pause)

    try:
        calls = next(conversation)
        while True:
            try:
                answers = _send_all(send, calls, max_concurrency)
            except ServingError as error:
                calls = conversation.throw(error)
            else:
                calls = conversation.send(answers)
    except StopIteration as done:
        return done.value


def _send_all(send: Any, calls: list[Call], max_concurrency: int) -> list[Any]:
    if len(calls) == 1 or max_concurrency == 1:
        return [send(call) for call in calls]
    pool = concurrent.futures.ThreadPoolExecutor(min(max_concurrency, len(calls)))
    try:
        futures = [pool.submit(send, call) for call in calls]
        finished, _ = concurrent.futures.wait(
            futures, return_when=concurrent.futures.FIRST_EXCEPTION
        )
        for future in finished:
            future.result()  # raises what ended the waiting
        return [future.result() for future in futures]
    finally:
        # After an error nobody reads the other answers, so what has not been sent never is.
        pool.shutdown(wait=False, cancel_futures=True)
