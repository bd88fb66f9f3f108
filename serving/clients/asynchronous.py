"""Holds a conversation on an event loop; pieces of a batch side by side."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from .calls import AsyncTransport, Call, Conversation
from .deadline import Deadline, RetryPolicy
from .errors import ServingError, is_busy, row_limit

_T = TypeVar("_T")


async def converse(
    conversation: Conversation[_T],
    transport: AsyncTransport,
    policy: RetryPolicy,
    deadline: Deadline,
    max_concurrency: int,
    where: str,
) -> _T:
    """As `blocking.converse`, but waits without holding the thread."""
    # One for each conversation: a semaphore belongs to an event loop, a client need not.
    places = asyncio.Semaphore(max_concurrency)

    async def send(call: Call) -> Any:
        attempt = in_line = 0
        while True:
            try:
                async with places:
                    return await transport.send(call, deadline.left_for(call, where))
            except ServingError as error:
                if row_limit(error) is not None:
                    return error
                attempt += 1
                in_line += is_busy(error.code, error.message)
                pause = policy.pause(error, attempt, deadline, in_line)
            await asyncio.sleep(pause)

    try:
        calls = next(conversation)
        while True:
            try:
                answers = await _together([send(call) for call in calls])
            except ServingError as error:
                calls = conversation.throw(error)
            else:
                calls = conversation.send(answers)
    except StopIteration as done:
        return done.value


async def _together(coroutines: list[Any]) -> list[Any]:
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        # After an error, and if the caller is cancelled; those that are done do not mind.
        for task in tasks:
            task.cancel()
