"""Request batching: concurrent requests are joined in one run.

Only the event loop schedules and touches the queues; threads only run batches.

TensorFlow's `BatchFunction` is not used: it wraps a function, while this server runs the graph of
the SavedModel unchanged, with any set of outputs; and its queue has no deadlines. There are two
deliberate differences from TensorFlow Serving: an error of one request does not fail the others in
its batch, and each request is answered at its own deadline.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, TypeAlias

import numpy as np

from ..errors import ServingError, as_serving_error, fault, invalid, late
from .configs import BatchingParameters
from .session import Session

Arrays = Mapping[str, np.ndarray]
_Outcome: TypeAlias = list[np.ndarray] | ServingError


class Direct:
    """Runs each request by itself, in a thread pool."""

    def __init__(self, threads: Executor):
        self._threads = threads

    async def run(
        self, session: Session, feeds: Arrays, fetches: tuple[str, ...], deadline: float | None
    ) -> list[np.ndarray]:
        """See `Session.run`; the deadline includes the wait for a thread."""
        async with asyncio.timeout_at(deadline):
            work = self._threads.submit(_outcome, session, feeds, fetches, deadline)
            return _result(await asyncio.wrap_future(work))


class _Request:
    """A request that waits or runs; all its rows run together."""

    def __init__(self, feeds: Arrays, rows: int, deadline: float | None):
        self.feeds = feeds
        self.rows = rows
        self.deadline = deadline
        self.answer: asyncio.Future[_Outcome] = asyncio.get_running_loop().create_future()
        self.started = False


@dataclasses.dataclass
class _Batch:
    requests: list[_Request] = dataclasses.field(default_factory=list)
    opened: float = dataclasses.field(default_factory=time.monotonic)

    @property
    def rows(self) -> int:
        return sum(request.rows for request in self.requests)


class _Queue:
    """The waiting batches of requests that can run together."""

    def __init__(self, session: Session, fetches: tuple[str, ...], parameters: BatchingParameters):
        self.session = session
        self.fetches = fetches
        self.batches: deque[_Batch] = deque()
        self._parameters = parameters

    def add(self, request: _Request) -> None:
        """Put a request into the last batch, or into a new one, or raise UNAVAILABLE."""
        waiting, limits = len(self.batches), self._parameters
        if not waiting or self.batches[-1].rows + request.rows > limits.max_execution_batch_size:
            if waiting >= limits.max_enqueued_batches:
                raise fault(
                    "UNAVAILABLE",
                    f"The queue of this signature is full: {waiting} batches wait, and "
                    f"max_enqueued_batches is {waiting}. Ask again a little later",
                )
            self.batches.append(_Batch())
        self.batches[-1].requests.append(request)

    def withdraw(self, request: _Request) -> None:
        """Remove a waiting request."""
        for batch in self.batches:
            if request in batch.requests:
                batch.requests.remove(request)
        self.batches = deque(batch for batch in self.batches if batch.requests)

    def is_full(self) -> bool:
        """Whether the first batch is full, or another batch waits behind it."""
        full = self.batches[0].rows >= self._parameters.max_execution_batch_size
        return full or len(self.batches) > 1

    def ready_at(self) -> float:
        """When the first batch may run, by `time.monotonic()`: immediately if it is full."""
        wait = 0 if self.is_full() else self._parameters.batch_timeout_micros
        return self.batches[0].opened + wait / 1e6


class Batcher:
    """Joins the requests to all models in batches, and runs these in a pool of as many threads.

    Requests with zero rows go to `direct`.
    """

    def __init__(self, parameters: BatchingParameters, threads: Executor, direct: Direct):
        self._parameters = parameters
        self._threads = threads
        self._direct = direct
        self._queues: dict[Any, _Queue] = {}  # those with waiting batches, in round-robin order
        self._running = 0
        self._next_start: asyncio.Handle | None = None

    async def run(
        self, session: Session, feeds: Arrays, fetches: tuple[str, ...], deadline: float | None
    ) -> list[np.ndarray]:
        """See `Session.run`; RESOURCE_EXHAUSTED if the deadline passes before the run begins."""
        rows, most = _rows_of(feeds), self._parameters.max_batch_size
        if rows == 0:
            return await self._direct.run(session, feeds, fetches, deadline)
        if rows > most:
            raise invalid(
                f"Task size {rows} is larger than maximum batch size {most} (max_batch_size); "
                "divide the request"
            )
        request = _Request(feeds, rows, deadline)
        # Requests with other dtypes, or other shapes of a row, cannot run together.
        key = (session, fetches, tuple((n, a.dtype, a.shape[1:]) for n, a in feeds.items()))
        queue = self._queues.get(key) or _Queue(session, fetches, self._parameters)
        queue.add(request)
        self._queues[key] = queue
        if queue.is_full():
            self._start_batches()
        else:
            self._start_soon()
        try:
            async with asyncio.timeout_at(deadline):
                return _result(await request.answer)
        except TimeoutError:
            if request.started:
                raise late() from None
            message = "The time of the request was over while it waited for a batch to run"
            raise fault("RESOURCE_EXHAUSTED", message) from None
        finally:
            if not request.started:
                queue.withdraw(request)
                if not queue.batches:
                    del self._queues[key]

    def _start_batches(self) -> None:
        """Start the batches that are ready, as far as threads are free."""
        loop = asyncio.get_running_loop()
        if self._next_start is not None:
            self._next_start.cancel()
            self._next_start = None
        while self._queues and self._running < self._parameters.num_batch_threads:
            ready_at = {key: queue.ready_at() for key, queue in self._queues.items()}
            now = time.monotonic()
            key = next((key for key, when in ready_at.items() if when <= now), None)
            if key is None:
                self._next_start = loop.call_at(min(ready_at.values()), self._start_batches)
                return
            queue = self._queues.pop(key)
            requests = queue.batches.popleft().requests
            if queue.batches:
                self._queues[key] = queue  # at the end, so that no queue starves the others
            for request in requests:
                request.started = True
            self._running += 1
            self._threads.submit(self._run_batch, loop, queue, requests)

    def _start_soon(self) -> None:
        """Start batches after the event loop has queued what arrived meanwhile."""
        if self._next_start is not None:
            self._next_start.cancel()
        self._next_start = asyncio.get_running_loop().call_soon(self._start_batches)

    def _run_batch(
        self, loop: asyncio.AbstractEventLoop, queue: _Queue, requests: list[_Request]
    ) -> None:
        """Run a batch in a thread, without requests past their deadline; pass on the answers."""
        now = time.monotonic()
        wanted = [each for each in requests if each.deadline is None or each.deadline > now]
        outcomes = _run_together(queue, wanted) if wanted else []
        # Once for all: each call wakes the event loop, for which this thread would have to wait.
        loop.call_soon_threadsafe(self._end_batch, wanted, outcomes)

    def _end_batch(self, requests: list[_Request], outcomes: Sequence[_Outcome]) -> None:
        for request, outcome in zip(requests, outcomes, strict=True):
            if not request.answer.done():
                request.answer.set_result(outcome)
        self._running -= 1
        self._start_soon()


Runner: TypeAlias = Direct | Batcher


def _run_together(queue: _Queue, requests: list[_Request]) -> list[_Outcome]:
    """The arrays of each request, or its error.

    If the run fails, each request runs by itself, so that only the one that caused the error gets
    it. After a timeout these runs end immediately.
    """
    deadlines = [request.deadline for request in requests]
    deadline = None if None in deadlines else max(filter(None, deadlines))
    merged = requests[0].feeds
    if len(requests) > 1:
        merged = {n: np.concatenate([each.feeds[n] for each in requests]) for n in merged}
    ends = np.cumsum([request.rows for request in requests]).tolist()
    outputs = _outcome(queue.session, merged, queue.fetches, deadline)
    if not isinstance(outputs, ServingError):
        if all(array.ndim and len(array) == ends[-1] for array in outputs):
            return [
                [array[start:end] for array in outputs]
                for start, end in zip([0, *ends], ends, strict=False)
            ]
        outputs = fault(
            "FAILED_PRECONDITION",
            "An output of this signature does not have a row for each row of the inputs, so it "
            "cannot be computed with batching",
        )
    if len(requests) == 1:
        return [outputs]
    return [outcome for each in requests for outcome in _run_together(queue, [each])]


def _outcome(
    session: Session, feeds: Arrays, fetches: tuple[str, ...], deadline: float | None
) -> _Outcome:
    """Run a session; errors are returned, because a raised one would keep the request alive."""
    try:
        return session.run(feeds, fetches, deadline)
    except Exception as error:
        return as_serving_error(error)


def _result(outcome: _Outcome) -> list[np.ndarray]:
    if isinstance(outcome, ServingError):
        # A new exception for each request, because they get different tracebacks.
        raise as_serving_error(outcome)
    return outcome


def _rows_of(feeds: Arrays) -> int:
    shapes = {array.shape[:1] for array in feeds.values()}
    if len(shapes) != 1 or () in shapes:
        raise invalid(
            "With batching a signature must have an input, and all its inputs the same number of "
            f"rows; got the shapes {', '.join(str(array.shape) for array in feeds.values())}"
        )
    return shapes.pop()[0]
