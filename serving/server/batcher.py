"""Runs requests that come at the same time as one.

TensorFlow has an op for this, `BatchFunction`. It does not fit here: it wraps a function, and this
server runs the graph of the SavedModel as it is, in a session, with any set of fetches; it knows no
deadlines in its queue; and its errors are not those of TensorFlow Serving's batching session.

In two things this differs from that session on purpose. There, the error of one request is the
answer to all that run with it; and a request that runs with others has their time, however little
it has itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence

import numpy as np

from .batch_merge import check_outputs, merge, rows_of
from .batch_queue import Batch, BatchQueue, Part, Task, late_in_queue
from .batching_parameters import BatchingParameters
from .codes import Code, ServingError, as_serving_error
from .session_model import Runner


class Batcher:
    """The threads that run batches, shared by all models.

    Args:
        parameters: the number of threads; the rest is for models that have none of their own.
    """

    def __init__(self, parameters: BatchingParameters):
        self.parameters = parameters
        self._changed = threading.Condition()
        self._runners: list[BatchingRunner] = []
        self._closed = False
        self._running = 0
        for number in range(parameters.num_batch_threads):
            threading.Thread(target=self._work, name=f"batch-{number}", daemon=True).start()

    def wrap(self, inner: Runner, parameters: BatchingParameters) -> BatchingRunner:
        """Put a queue in front of a session; `BatchingRunner.close` takes it away again.

        Args:
            inner: the session.
            parameters: of this model. The number of threads in them says nothing.

        Returns:
            What takes the requests.
        """
        runner = BatchingRunner(inner, self, parameters)
        with self._changed:
            self._runners.append(runner)
        return runner

    def close(self) -> None:
        """End the threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def forget(self, runner: BatchingRunner) -> None:
        """Stop looking after a session, which no request uses any more."""
        with self._changed:
            self._runners.remove(runner)

    def enqueue(self, runner: BatchingRunner, key: _Key, task: Task) -> None:
        """Put a request into its queue; raises ServingError if it does not fit.

        If it can run at once, the calling thread runs it: two changes of threads less, which is
        much of the time of a single row. Only if nothing else waits in its queue: a run with others
        may go on when its own time is over.
        """
        with self._changed:
            queue = runner.queues.setdefault(key, BatchQueue(runner.parameters))
            queue.add(task)
            alone = queue.has_only(task) and not self._is_busy()
            batch = queue.take(time.monotonic()) if alone else None
            if batch is None:
                self._changed.notify()
                return
            self._running += 1
        self._run(runner, key[1], batch)

    def withdraw(self, runner: BatchingRunner, key: _Key, task: Task) -> None:
        """Take a request whose time is over out of its queue."""
        with self._changed:
            waiting = runner.queues[key].withdraw(task)
        for part in waiting:
            task.deliver(part, late_in_queue())

    def _work(self) -> None:
        while True:
            with self._changed:
                found = self._next()
                while found is None:
                    if self._closed and not self._is_busy():
                        return
                    self._changed.wait(self._until_ready())
                    found = self._next()
                self._running += 1
            self._run(*found)

    def _run(self, runner: BatchingRunner, fetches: tuple[str, ...], batch: Batch) -> None:
        """Run a batch that was counted already."""
        try:
            runner.run_batch(batch, fetches)
        finally:
            with self._changed:
                self._running -= 1
                if self._closed:
                    self._changed.notify_all()
                else:
                    self._changed.notify()

    def _is_busy(self) -> bool:
        """Whether as many batches run as there are threads for them."""
        return self._running >= self.parameters.num_batch_threads

    def _next(self) -> tuple[BatchingRunner, tuple[str, ...], Batch] | None:
        if self._is_busy():
            return None
        now = time.monotonic()
        for number, runner in enumerate(self._runners):
            for key, queue in list(runner.queues.items()):
                batch = queue.take(now)
                if batch is not None:
                    # To the end of the line, so that no queue can starve the others.
                    runner.queues[key] = runner.queues.pop(key)
                    self._runners.append(self._runners.pop(number))
                    return runner, key[1], batch
        return None

    def _until_ready(self) -> float | None:
        if self._is_busy():
            return None  # the end of a run wakes one of the threads
        times = [queue.ready_at() for runner in self._runners for queue in runner.queues.values()]
        first = min(times, default=float("inf"))
        return None if first == float("inf") else max(0.0, first - time.monotonic())


class BatchingRunner:
    """A session with a queue in front of it."""

    def __init__(self, inner: Runner, batcher: Batcher, parameters: BatchingParameters):
        self.parameters = parameters
        self.queues: dict[_Key, BatchQueue] = {}
        self._inner = inner
        self._batcher = batcher

    def run(
        self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str], timeout: float | None
    ) -> list[np.ndarray]:
        """See `Runner.run`."""
        rows = rows_of(feeds)
        if rows == 0:
            # Nothing to join; in TensorFlow Serving such a request would wait for ever.
            return self._inner.run(feeds, fetches, timeout)
        names = tuple(sorted(set(fetches)))
        task = Task(feeds, rows, timeout)
        key = (tuple(sorted(feeds)), names)
        self._batcher.enqueue(self, key, task)
        if not task.wait():
            self._batcher.withdraw(self, key, task)
        answers = dict(zip(names, task.result(), strict=True))
        return [answers[name] for name in fetches]

    def run_batch(self, batch: Batch, fetches: tuple[str, ...]) -> None:
        """Run a batch and deliver the answers.

        Requests of different shapes or dtypes run apart, and those without time left not at all. If
        a run fails, each of its requests runs by itself, so that the error is the answer only to
        who caused it; but not when the time was up.
        """
        for each in batch.alike():
            late = [part for part in each if part.task.is_late()]
            for part in late:
                part.task.deliver(part, late_in_queue())
            parts = [part for part in each if part not in late]
            if not parts:
                continue
            problem = self._run(parts, fetches)
            if problem is None:
                continue
            again = len(parts) > 1 and problem.code is not Code.DEADLINE_EXCEEDED
            for part in parts:
                own = self._run([part], fetches) if again else problem
                if own is not None:
                    part.task.deliver(part, own)

    def _run(self, parts: Sequence[Part], fetches: tuple[str, ...]) -> ServingError | None:
        """Run some parts as one and deliver the answers; or the error, which was not delivered."""
        try:
            timeout = _time_left(parts)
            size = self.parameters.padded_size(sum(part.rows for part in parts))
            merged = merge([part.feeds for part in parts], size)
            outputs = self._inner.run(merged, fetches, timeout)
            check_outputs(outputs, size)
        except Exception as error:
            return _alone(error)
        start = 0
        for part in parts:
            stop = start + part.rows
            part.task.deliver(part, [array[start:stop] for array in outputs])
            start = stop
        return None

    def close(self) -> None:
        """No request is under way and none will come."""
        self._batcher.forget(self)


# What a request feeds, and what it fetches.
_Key = tuple[tuple[str, ...], tuple[str, ...]]


def _alone(error: Exception) -> ServingError:
    """The error without its traceback, which would keep the batch until the collector runs."""
    problem = as_serving_error(error)
    return ServingError(problem.code, problem.message)


def _time_left(parts: Sequence[Part]) -> float | None:
    """Until the last deadline: as long as one request still wants the answer.

    Raises:
        ServingError: RESOURCE_EXHAUSTED if all deadlines have passed.
    """
    deadlines = [part.task.deadline for part in parts]
    known = [deadline for deadline in deadlines if deadline is not None]
    if len(known) < len(deadlines):
        return None
    left = max(known) - time.monotonic()
    if left <= 0:
        raise late_in_queue()
    return left
