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
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..errors import ServingError
from .configs import BatchingParameters
from .errors import as_serving_error, fault, invalid, late
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
    """A request with one result for each of its parts."""

    def __init__(self, deadline: float | None):
        self.deadline = deadline
        self.answer: asyncio.Future[_Outcome] = asyncio.get_running_loop().create_future()
        self.results: list[list[np.ndarray] | None] = []
        self.started = False


class _Part(NamedTuple):
    """Consecutive rows of a request; all of them unless it was split."""

    request: _Request
    place: int
    feeds: Arrays
    rows: int

    def form(self) -> Any:
        """Dtypes, and shapes without the rows; parts of equal form can run together."""
        return tuple((name, a.dtype, a.shape[1:]) for name, a in self.feeds.items())

    def deliver(self, outcome: _Outcome) -> None:
        """Add a result; the request is answered when it has all of them, or an error."""
        request = self.request
        if request.answer.done():
            return
        if isinstance(outcome, ServingError):
            request.answer.set_result(outcome)
            return
        request.results[self.place] = outcome
        results = [each for each in request.results if each is not None]
        if len(results) == len(request.results):
            whole = results[0]
            if len(results) > 1:
                whole = list(map(np.concatenate, zip(*results, strict=True)))
            request.answer.set_result(whole)


@dataclasses.dataclass
class _Batch:
    parts: list[_Part] = dataclasses.field(default_factory=list)
    rows: int = 0
    opened: float = dataclasses.field(default_factory=time.monotonic)


class _Queue:
    """The waiting batches of requests with the same session, inputs and outputs."""

    def __init__(self, session: Session, fetches: tuple[str, ...], parameters: BatchingParameters):
        self.session = session
        self.fetches = fetches
        self.batches: deque[_Batch] = deque()
        self._parameters = parameters

    def add(self, request: _Request, feeds: Arrays, rows: int) -> None:
        """Put a request into the last batch, and into new batches where it does not fit.

        Raises:
            ServingError: UNAVAILABLE if `max_enqueued_batches` would be exceeded.
        """
        limits = self._parameters
        size = limits.max_execution_batch_size
        free = size - self.batches[-1].rows if self.batches else 0
        if free < rows and not limits.split:
            free = 0
        ends = [*range(free or size, rows, size), rows]
        new = len(ends) - (free > 0)
        if len(self.batches) + new > limits.max_enqueued_batches:
            raise fault(
                "UNAVAILABLE",
                f"The queue of this signature is full: {len(self.batches)} batches wait, and "
                f"max_enqueued_batches is {limits.max_enqueued_batches}. Ask again a little later",
            )
        request.results = [None] * len(ends)
        for place, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
            if place >= len(ends) - new:
                self.batches.append(_Batch())
            part = {name: array[start:end] for name, array in feeds.items()}
            self.batches[-1].parts.append(_Part(request, place, part, end - start))
            self.batches[-1].rows += end - start

    def withdraw(self, request: _Request) -> None:
        """Remove the waiting parts of a request."""
        for batch in self.batches:
            batch.parts = [part for part in batch.parts if part.request is not request]
            batch.rows = sum(part.rows for part in batch.parts)
        self.batches = deque(batch for batch in self.batches if batch.parts)

    def is_full(self) -> bool:
        """Whether the first batch is full, or another batch waits behind it."""
        full = self.batches[0].rows >= self._parameters.max_execution_batch_size
        return full or len(self.batches) > 1

    def ready_at(self) -> float:
        """When the first batch may run, by `time.monotonic()`: immediately if it is full."""
        wait = 0 if self.is_full() else self._parameters.batch_timeout_micros
        return self.batches[0].opened + wait / 1e6


class Batcher:
    """Joins the requests to all models in batches, and runs these in one thread pool.

    Args:
        parameters: of the batches.
        threads: a pool of `num_batch_threads` threads.
        direct: runs requests with zero rows.
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
        """See `Session.run`.

        Raises:
            ServingError: INVALID_ARGUMENT if the inputs have no common number of rows, or too many;
                UNAVAILABLE if the queue is full; RESOURCE_EXHAUSTED if the deadline passes before
                the run, DEADLINE_EXCEEDED if it passes during the run.
        """
        rows, most = _rows_of(feeds), self._parameters.max_batch_size
        if rows == 0:
            return await self._direct.run(session, feeds, fetches, deadline)
        if rows > most:
            raise invalid(
                f"Task size {rows} is larger than maximum batch size {most} (max_batch_size); "
                "divide the request"
            )
        request = _Request(deadline)
        key = (session, tuple(feeds), fetches)
        queue = self._queues.get(key) or _Queue(session, fetches, self._parameters)
        queue.add(request, feeds, rows)
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
            if None in request.results and key in self._queues:
                self._queues[key].withdraw(request)
                if not self._queues[key].batches:
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
            parts = queue.batches.popleft().parts
            if queue.batches:
                self._queues[key] = queue  # at the end, so that no queue starves the others
            for part in parts:
                part.request.started = True
            self._running += 1
            self._threads.submit(self._run_batch, loop, queue, parts)

    def _start_soon(self) -> None:
        """Start batches after the event loop has queued what arrived meanwhile."""
        if self._next_start is not None:
            self._next_start.cancel()
        self._next_start = asyncio.get_running_loop().call_soon(self._start_batches)

    def _run_batch(
        self, loop: asyncio.AbstractEventLoop, queue: _Queue, parts: list[_Part]
    ) -> None:
        """Run a batch in a thread, and pass the answers to the event loop.

        Parts of different forms run separately; parts past their deadline do not run. If a run
        fails, each of its parts runs by itself, so that only the request that caused the error gets
        it. After a timeout these runs end immediately.
        """
        groups: dict[Any, list[_Part]] = {}
        for part in parts:
            groups.setdefault(part.form(), []).append(part)
        answers: list[tuple[_Part, _Outcome]] = []
        for group in groups.values():
            now = time.monotonic()
            wanted = [part for part in group if (part.request.deadline or now + 1) > now]
            outcomes = _run_parts(queue, wanted) if wanted else []
            if isinstance(outcomes, ServingError):
                alone = len(wanted) == 1
                each = [outcomes if alone else _run_parts(queue, [part]) for part in wanted]
                outcomes = [one if isinstance(one, ServingError) else one[0] for one in each]
            answers += zip(wanted, outcomes, strict=True)
        # Once for all: each call wakes the event loop, for which this thread would have to wait.
        loop.call_soon_threadsafe(self._end_batch, answers)

    def _end_batch(self, answers: Sequence[tuple[_Part, _Outcome]]) -> None:
        for part, outcome in answers:
            part.deliver(outcome)
        self._running -= 1
        self._start_soon()


Runner: TypeAlias = Direct | Batcher


def _run_parts(queue: _Queue, parts: list[_Part]) -> list[list[np.ndarray]] | ServingError:
    """Run parts together; returns the arrays of each part, or the error of all."""
    deadlines = [part.request.deadline for part in parts]
    deadline = None if None in deadlines else max(filter(None, deadlines))
    merged = parts[0].feeds
    if len(parts) > 1:
        merged = {name: np.concatenate([part.feeds[name] for part in parts]) for name in merged}
    ends = np.cumsum([part.rows for part in parts]).tolist()
    outputs = _outcome(queue.session, merged, queue.fetches, deadline)
    if isinstance(outputs, ServingError):
        return outputs
    if any(array.ndim == 0 or len(array) != ends[-1] for array in outputs):
        return fault(
            "FAILED_PRECONDITION",
            "An output of this signature does not have a row for each row of the inputs, so it "
            "cannot be computed with batching",
        )
    return [
        [array[start:end] for array in outputs]
        for start, end in zip([0, *ends], ends, strict=False)
    ]


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
