"""Requests that wait, gathered into batches. Nothing here runs by itself or locks."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from .batching_parameters import BatchingParameters
from .codes import Code, ServingError, invalid_argument


class Task:
    """One request that waits for its answer.

    Args:
        feeds: its arrays by tensor name.
        rows: how many rows they have.
        timeout: seconds from now; None for no limit.

    Attributes:
        deadline: by `time.monotonic()`; None for no limit.
    """

    def __init__(self, feeds: Mapping[str, np.ndarray], rows: int, timeout: float | None):
        self.feeds = feeds
        self.rows = rows
        self.deadline = None if timeout is None else time.monotonic() + timeout
        self._answers: dict[int, list[np.ndarray]] = {}
        self._missing = rows
        self._error: ServingError | None = None
        self._lock = threading.Lock()
        self._done = threading.Event()

    def deliver(self, part: Part, answer: list[np.ndarray] | ServingError) -> None:
        """Hand over the answer for some rows."""
        with self._lock:
            if isinstance(answer, ServingError):
                self._error = self._error or answer
            else:
                self._answers[part.start] = answer
            self._missing -= part.rows
            if self._missing == 0:
                self._done.set()

    def wait(self) -> bool:
        """Wait for the whole answer, or an error; False if the deadline comes first."""
        left = None if self.deadline is None else self.deadline - time.monotonic()
        return self._done.wait(left)

    def is_late(self) -> bool:
        """Whether the deadline has passed."""
        return self.deadline is not None and self.deadline <= time.monotonic()

    def result(self) -> list[np.ndarray]:
        """What was delivered: one array for each fetch; raises what went wrong."""
        with self._lock:
            error, missing = self._error, self._missing
        if error is not None:
            # Each request raises an exception of its own: they get different tracebacks.
            raise ServingError(error.code, error.message)
        if missing:  # some rows are being computed, for others that have more time
            raise ServingError(Code.DEADLINE_EXCEEDED, "Timed out waiting for notification")
        parts = [self._answers[start] for start in sorted(self._answers)]
        return (
            parts[0]
            if len(parts) == 1
            else [np.concatenate(each) for each in zip(*parts, strict=True)]
        )


def late_in_queue() -> ServingError:
    """What a request is told whose time was over before it ran."""
    return ServingError(
        Code.RESOURCE_EXHAUSTED, "Run() timeout exceeded while waiting in batching queue"
    )


class Part:
    """Some rows of a task; all of them unless the task was split."""

    def __init__(self, task: Task, start: int, stop: int):
        self.task = task
        self.start = start
        self.stop = stop
        self.rows = stop - start

    @property
    def feeds(self) -> dict[str, np.ndarray]:
        """The arrays of these rows."""
        return {name: array[self.start : self.stop] for name, array in self.task.feeds.items()}

    @property
    def form(self) -> tuple[Any, ...]:
        """What two parts must have in common to run as one: dtypes, and shapes but for the rows."""
        feeds = self.task.feeds
        return tuple((name, feeds[name].dtype, feeds[name].shape[1:]) for name in sorted(feeds))


class Batch:
    """Parts that will run together.

    Attributes:
        parts: in the order in which they came.
        rows: the sum of their rows.
        opened: when the first one came, by `time.monotonic()`.
    """

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.rows = 0
        self.opened = 0.0

    def add(self, part: Part) -> None:
        """Put a part in."""
        if not self.parts:
            self.opened = time.monotonic()
        self.parts.append(part)
        self.rows += part.rows

    def remove(self, task: Task) -> list[Part]:
        """Take the parts of a request out."""
        removed = [part for part in self.parts if part.task is task]
        self.parts = [part for part in self.parts if part.task is not task]
        self.rows -= sum(part.rows for part in removed)
        return removed

    def alike(self) -> list[list[Part]]:
        """The parts, those that can run as one together."""
        found: dict[tuple[Any, ...], list[Part]] = {}
        for part in self.parts:
            found.setdefault(part.form, []).append(part)
        return list(found.values())


class BatchQueue:
    """The batches of requests that feed and fetch the same tensors.

    Args:
        parameters: see `BatchingParameters`.
    """

    def __init__(self, parameters: BatchingParameters):
        self._parameters = parameters
        self._batches: deque[Batch] = deque([Batch()])

    def add(self, task: Task) -> None:
        """Put a request into the last batch, and into new ones where it does not fit.

        Raises:
            ServingError: INVALID_ARGUMENT for too many rows; UNAVAILABLE if too much is waiting.
        """
        limit = self._parameters.max_batch_size
        if task.rows > limit:
            raise invalid_argument(
                f"Task size {task.rows} is larger than maximum input batch size {limit}"
            )
        if self._parameters.enable_large_batch_splitting:
            self._add_split(task)
            return
        if self._batches[-1].rows + task.rows > limit:
            if len(self._batches) >= self._parameters.max_enqueued_batches:
                raise ServingError(
                    Code.UNAVAILABLE,
                    "The batch scheduling queue to which this task was submitted is full; "
                    f"currently {len(self._batches)} batches enqueued and max_enqueued_batches "
                    f"is {self._parameters.max_enqueued_batches}",
                )
            self._batches.append(Batch())
        self._batches[-1].add(Part(task, 0, task.rows))

    def withdraw(self, task: Task) -> list[Part]:
        """Take out what still waits of a request; what is being computed does not wait."""
        removed = [part for batch in self._batches for part in batch.remove(task)]
        self._batches = deque([batch for batch in self._batches if batch.parts] or [Batch()])
        return removed

    def has_only(self, task: Task) -> bool:
        """Whether nothing but this request waits, and that in one batch."""
        return len(self._batches) == 1 and self._batches[0].rows == task.rows

    def take(self, now: float) -> Batch | None:
        """Remove the first batch if it is full, or has waited long enough."""
        if self.ready_at() > now:
            return None
        batch = self._batches.popleft()
        if not self._batches:
            self._batches.append(Batch())
        return batch

    def ready_at(self) -> float:
        """When the first batch may run; infinity if nothing waits."""
        first = self._batches[0]
        if not first.parts:
            return float("inf")
        full = len(self._batches) > 1 or first.rows >= self._parameters.max_execution_batch_size
        return first.opened + (0.0 if full else self._parameters.batch_timeout_seconds)

    def _add_split(self, task: Task) -> None:
        size = self._parameters.max_execution_batch_size
        last = self._batches[-1]
        free = self._parameters.max_enqueued_batches - len(self._batches)
        capacity = free * size + size - last.rows
        if task.rows > capacity:
            raise ServingError(
                Code.UNAVAILABLE,
                "The batch scheduling queue to which this task was submitted is full; task size "
                f"is {task.rows} but scheduling capacity is only {capacity} "
                f"(num_enqueued_batches={len(self._batches)}, "
                f"max_enqueued_batches={self._parameters.max_enqueued_batches}, "
                f"open_batch_size={last.rows}, max_execution_batch_size={size})",
            )
        start = 0
        while start < task.rows:
            if self._batches[-1].rows >= size:
                self._batches.append(Batch())
            stop = min(task.rows, start + size - self._batches[-1].rows)
            self._batches[-1].add(Part(task, start, stop))
            start = stop
