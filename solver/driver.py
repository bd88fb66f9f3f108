"""The loop: one `tf.while_loop` that keeps only unfinished rows and hands finished ones out.

The rows of a batch wait in a queue. A pool of bounded size holds the rows that are being fitted.
Every turn of the loop is one step of the method for the whole pool. When enough rows of the pool
are done, they are settled: finished rows are written out, rows whose start failed begin again from
their next start, and rows from the queue fill the free places. So no row waits for the slowest, a
row that needs a second start costs no other row anything, and memory does not grow with the batch.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from .evaluation import Point, choose, evaluate
from .methods import Method
from .observation import Levels
from .parameterizations import Parameterization
from .result import FitResult
from .starts import choose_start
from .statistics import standard_errors
from .status import RUNNING, Status

# So many starts that end in the same minimum, the best so far, end the search. Not where there are
# as many parameters as levels: then a residual left is rarely the best that can be done.
_AGREEING_STARTS = 6
# Relative difference of the losses of two starts that ended in the same minimum.
_SAME_LOSS = 1e-3

# Settle as soon as one row in this many is done: rarer settling lets done rows idle in the pool,
# more frequent settling moves the others too often.
_SETTLE_SHARE = 8


@dataclasses.dataclass(frozen=True)
class Settings:
    """What is fixed when the graph is built.

    Attributes:
        parameterization: makes the matrix.
        observation: makes the levels that are compared.
        method: makes the steps.
        starts: how many starts a row may have.
        initial: `[K, p]`, the user's starting points, tried first; K may be 0.
        candidates: how many proposals each start is chosen from.
        gradient_tolerance: for STATIONARY: the largest cosine between the residual and a column
            of the Jacobian.
        survey_tolerance: the same for a start that is only one of several.
        absolute_sigma: how standard errors are scaled.
        pool_rows: the most rows in the pool.
        compaction: False makes every row wait for the slowest one; for measurements only.
    """

    parameterization: Parameterization
    observation: Levels
    method: Method
    starts: int
    initial: np.ndarray
    candidates: int
    gradient_tolerance: float
    survey_tolerance: float
    absolute_sigma: bool
    pool_rows: int
    compaction: bool


class Batch(NamedTuple):
    """The checked input, `B` rows.

    Attributes:
        targets: `[B, m]`, 0 where not observed.
        weights: `[B, m]`, 0 where not observed.
        initial: `[B, p]`, NaN where the solver is to choose.
        tolerance: `[B]`.
        max_steps: `[B]`, int32.
        valid: `[B]`, bool, whether the row can be fitted at all.
    """

    targets: tf.Tensor
    weights: tf.Tensor
    initial: tf.Tensor
    tolerance: tf.Tensor
    max_steps: tf.Tensor
    valid: tf.Tensor


class Task(NamedTuple):
    """What a row in the pool has to do, and what it has found in earlier starts.

    Attributes:
        place: `[R]`, int32, its place in the batch.
        targets: `[R, m]`.
        weights: `[R, m]`.
        initial: `[R, p]`.
        tolerance: `[R]`.
        max_steps: `[R]`, int32.
        steps: `[R]`, int32, steps so far, over all starts.
        attempt: `[R]`, int32, the number of the start, from 0. The last number, `starts`, is the
            refinement of the best end of the others; a given start is a refinement at once.
        begun: `[R]`, int32, the value of `steps` when this start began.
        agreeing: `[R]`, int32, how many starts ended at the best loss.
        scale: `[R]`, the spectral scale; 0 before the first evaluation.
        best: the best `Point` of the finished starts; empty when there is only one start.
        best_status: `[R]`, int32; empty when there is only one start.
    """

    place: tf.Tensor
    targets: tf.Tensor
    weights: tf.Tensor
    initial: tf.Tensor
    tolerance: tf.Tensor
    max_steps: tf.Tensor
    steps: tf.Tensor
    attempt: tf.Tensor
    begun: tf.Tensor
    agreeing: tf.Tensor
    scale: tf.Tensor
    best: Any
    best_status: Any


class Pool(NamedTuple):
    """The rows being fitted: their `Task`, the state of the method, and their status."""

    task: Task
    state: Any
    status: tf.Tensor


class Output(NamedTuple):
    """The answers so far, packed: `reals` `[B, 2p + n + m + 2]` and `integers` `[B, 2]`."""

    reals: tf.Tensor
    integers: tf.Tensor


def fit_rows(settings: Settings, batch: Batch) -> FitResult:
    """Fit every row of a batch.

    Args:
        settings: the problem and the method.
        batch: the checked input.

    Returns:
        A `FitResult`; rows that are not valid have the status INVALID_INPUT.
    """
    queue = tf.cast(tf.where(batch.valid)[:, 0], tf.int32)
    waiting = tf.shape(queue)[0]
    capacity = tf.constant(settings.pool_rows) if settings.compaction else waiting

    def admit(taken: tf.Tensor, room: tf.Tensor) -> tuple[Task, tf.Tensor]:
        """The next rows of the queue."""
        upto = tf.minimum(taken + room, waiting)
        return new_tasks(settings, batch, queue[taken:upto]), upto

    def unfinished(pool: Pool, taken: tf.Tensor, output: Output) -> tf.Tensor:
        del taken, output
        return tf.shape(pool.status)[0] > 0

    def turn(pool: Pool, taken: tf.Tensor, output: Output) -> tuple[Pool, tf.Tensor, Output]:
        pool = step_pool(settings, pool)
        done = tf.math.count_nonzero(pool.status != RUNNING, dtype=tf.int32)
        size = tf.shape(pool.status)[0]
        ready = done * _SETTLE_SHARE >= size if settings.compaction else done >= size

        def settle() -> tuple[Pool, tf.Tensor, Output]:
            kept, retries, written = settle_pool(settings, pool, output)
            used = tf.shape(kept.status)[0] + tf.shape(retries.place)[0]
            new, now_taken = admit(taken, capacity - used)
            entering = begin(settings, concatenate(retries, new))
            return concatenate(kept, entering), now_taken, written

        return tf.cond(ready, settle, lambda: (pool, taken, output))

    first, taken = admit(tf.constant(0), capacity)
    variables = (begin(settings, first), taken, empty_output(settings, batch))
    # Row counts change from turn to turn.
    shapes = tf.nest.map_structure(
        lambda tensor: tf.TensorShape([None, *tensor.shape[1:]] if tensor.shape.rank else []),
        variables,
    )
    _, _, output = tf.while_loop(
        unfinished, turn, variables, shape_invariants=shapes, parallel_iterations=1
    )
    return unpack(settings, output)


def new_tasks(settings: Settings, batch: Batch, index: tf.Tensor) -> Task:
    """Tasks for the rows of the batch with these numbers."""
    targets = tf.gather(batch.targets, index)
    initial = tf.gather(batch.initial, index)
    integers = tf.zeros_like(index)
    several = settings.starts > 1
    given = ~tf.reduce_any(tf.math.is_nan(initial), axis=-1)
    return Task(
        place=index,
        targets=targets,
        weights=tf.gather(batch.weights, index),
        initial=initial,
        tolerance=tf.gather(batch.tolerance, index),
        max_steps=tf.gather(batch.max_steps, index),
        steps=integers,
        attempt=tf.where(given, settings.starts, 0) if several else integers + settings.starts,
        begun=integers,
        agreeing=integers,
        scale=tf.zeros_like(targets[:, 0]),
        best=empty_point(settings, targets) if several else (),
        best_status=integers + Status.NON_FINITE if several else (),
    )


def empty_point(settings: Settings, targets: tf.Tensor) -> Point:
    """A point that holds nothing: its loss is the largest number."""
    size = settings.parameterization.size
    count = settings.parameterization.num_parameters
    levels = targets.shape[1]
    rows = tf.shape(targets)[0]

    def zeros(*shape: int) -> tf.Tensor:
        return tf.zeros([rows, *shape], targets.dtype)

    return Point(
        parameters=zeros(count),
        eigenvalues=zeros(size),
        residual=zeros(levels),
        jacobian=zeros(levels, count),
        gradient=zeros(count),
        column_norms=zeros(count),
        loss=tf.fill([rows], targets.dtype.max),
        rms=zeros(),
    )


def begin(settings: Settings, task: Task) -> Pool:
    """Put rows at their starting points."""
    parameterization = settings.parameterization
    wanted = tf.math.is_nan(task.initial)

    def chosen() -> tf.Tensor:
        return tf.where(wanted, default_starts(settings, task), task.initial)

    start = tf.cond(tf.reduce_any(wanted), chosen, lambda: task.initial)
    known = tf.constant(parameterization.parameter_scales, start.dtype)
    scales = known * tf.reduce_max(task.weights, axis=-1, keepdims=True)
    state = settings.method.init(start, empty_point(settings, task.targets), scales)
    return Pool(task, state, tf.zeros_like(task.steps))


def default_starts(settings: Settings, task: Task) -> tf.Tensor:
    """Where each row starts at its attempt: at the user's points first, then at proposals."""
    attempt = task.attempt % settings.starts
    known = len(settings.initial)
    dtype = task.targets.dtype
    if known == settings.starts:
        return tf.gather(tf.constant(settings.initial, dtype), attempt)
    proposed = choose_start(
        settings.parameterization,
        settings.observation,
        task.targets,
        task.weights,
        tf.maximum(attempt - known, 0),
        settings.starts - known,
        settings.candidates,
    )
    if known == 0:
        return proposed
    given = tf.gather(tf.constant(settings.initial, dtype), tf.minimum(attempt, known - 1))
    return tf.where((attempt < known)[:, None], given, proposed)


def step_pool(settings: Settings, pool: Pool) -> Pool:
    """One step of every row that is not done, and its new status."""
    task, state = pool.task, pool.state
    trial = evaluate(
        settings.parameterization, settings.observation, state.trial, task.targets, task.weights
    )
    active = pool.status == RUNNING
    first = state.point.loss == task.targets.dtype.max
    state = settings.method.step(state, trial, active)
    steps = task.steps + tf.cast(active & ~first, tf.int32)
    measured = tf.maximum(
        tf.reduce_max(tf.abs(task.targets), axis=-1),
        tf.reduce_max(tf.abs(settings.observation.observe(trial.eigenvalues)), axis=-1),
    )
    scale = tf.where(task.scale > 0, task.scale, measured)
    task = task._replace(steps=steps, scale=scale)
    status = tf.where(active, certify(settings, task, state), pool.status)
    return Pool(task, state, status)


def certify(settings: Settings, task: Task, state: Any) -> tf.Tensor:
    """The status of each row from its accepted point; a small step alone certifies nothing.

    Returns:
        `[R]`, int32, RUNNING where the row must go on.
    """
    point: Point = state.point
    dtype = point.loss.dtype
    # The rounding error of eigenvalues bounds how small a gradient can be computed.
    epsilon = np.finfo(dtype.as_numpy_dtype).eps
    rounding = 4.0 * epsilon * settings.parameterization.size * task.scale
    rounding *= tf.reduce_max(task.weights, axis=-1)
    refining = task.attempt == settings.starts
    cosine = tf.where(
        refining,
        tf.constant(settings.gradient_tolerance, dtype),
        tf.constant(settings.survey_tolerance, dtype),
    )
    bound = cosine * tf.sqrt(point.loss) + rounding
    flat = tf.abs(point.gradient) <= point.column_norms * bound[:, None]
    # A start that is one of several gets its share of the steps.
    share = tf.where(refining, task.max_steps, task.max_steps // (settings.starts + 1) + 1)
    spent = (task.steps >= task.max_steps) | (task.steps - task.begun >= share)
    status = tf.where(spent, int(Status.MAX_STEPS), RUNNING)
    status = tf.where(state.stalled, int(Status.STALLED), status)
    status = tf.where(tf.reduce_all(flat, axis=-1), int(Status.STATIONARY), status)
    matched = point.rms <= task.tolerance * task.scale
    status = tf.where(matched, int(Status.CONVERGED), status)
    empty = point.loss == dtype.max
    return tf.where(state.broken | empty, int(Status.NON_FINITE), status)


def settle_pool(settings: Settings, pool: Pool, output: Output) -> tuple[Pool, Task, Output]:
    """Write finished rows out.

    Returns:
        The rows that are not done, the tasks of those that start again, and the output.
    """
    task, point, status = pool.task, pool.state.point, pool.status
    done = status != RUNNING
    finished = done
    retries = gather_rows(task, tf.zeros([0], tf.int32))
    if settings.starts > 1:
        task, again = compare_starts(settings, task, point, status, done)
        finished = done & ~again
        point, status = task.best, task.best_status
        retries = next_starts(settings, gather_rows(task, row_numbers(again)))
    leaving = row_numbers(finished)
    written = write(settings, output, *gather_rows((task, point, status), leaving))
    return gather_rows(pool, row_numbers(~done)), retries, written


def compare_starts(
    settings: Settings, task: Task, point: Point, status: tf.Tensor, done: tf.Tensor
) -> tuple[Task, tf.Tensor]:
    """Keep the better of the end of this start and the best end before it.

    Returns:
        The tasks, and `[R]` bool, which rows shall begin again.
    """
    best = task.best
    refining = task.attempt == settings.starts
    matched = status == Status.CONVERGED
    same = tf.abs(point.loss - best.loss) <= _SAME_LOSS * best.loss
    better = done & (refining | matched | (point.loss < best.loss))
    agreeing = tf.where(same, task.agreeing + 1, tf.where(better, 1, task.agreeing))
    best_status = tf.where(better, status, task.best_status)
    best = choose(better, point, best)
    again = done & ~refining & ~matched & (task.steps < task.max_steps)
    # There is nothing to refine if no start gave a finite matrix.
    again &= (best.loss < point.loss.dtype.max) | (task.attempt + 1 < settings.starts)
    # Out of steps before the best end was refined: it is not a certified minimum.
    cut = done & ~again & ~refining & (best_status == Status.STATIONARY)
    return (
        task._replace(
            best=best,
            best_status=tf.where(cut, int(Status.MAX_STEPS), best_status),
            agreeing=tf.where(done, agreeing, task.agreeing),
        ),
        again,
    )


def next_starts(settings: Settings, task: Task) -> Task:
    """The tasks of rows that begin again: at their next start, or at last from their best end."""
    observed = tf.math.count_nonzero(task.weights > 0, axis=-1, dtype=tf.int32)
    settled = task.agreeing >= _AGREEING_STARTS
    settled &= observed > settings.parameterization.num_parameters
    attempt = tf.where(settled, settings.starts, task.attempt + 1)
    refine = (attempt == settings.starts)[:, None]
    return task._replace(
        attempt=attempt,
        begun=task.steps,
        initial=tf.where(refine, task.best.parameters, task.initial),
    )


def write(
    settings: Settings, output: Output, task: Task, point: Point, status: tf.Tensor
) -> Output:
    """Put the answers of finished rows in their places."""
    nan = tf.constant(np.nan, point.loss.dtype)
    observed = task.weights > 0
    difference = task.targets - settings.observation.observe(point.eigenvalues)
    errors = standard_errors(
        point.jacobian,
        point.column_norms,
        point.loss,
        tf.reduce_sum(tf.cast(observed, point.loss.dtype), axis=-1),
        settings.absolute_sigma,
    )
    reals = tf.concat(
        [
            point.parameters,
            point.eigenvalues,
            tf.where(observed, difference, nan),
            point.loss[:, None],
            2.0 * tf.norm(point.gradient, axis=-1)[:, None],
            errors,
        ],
        axis=-1,
    )
    reals = tf.where((status == Status.NON_FINITE)[:, None], nan, reals)
    places = task.place[:, None]
    return Output(
        tf.tensor_scatter_nd_update(output.reals, places, reals),
        tf.tensor_scatter_nd_update(
            output.integers, places, tf.stack([task.steps, status], axis=-1)
        ),
    )


def empty_output(settings: Settings, batch: Batch) -> Output:
    """The answer of rows that cannot be fitted."""
    rows = tf.shape(batch.targets)[0]
    width = sum(_widths(settings, batch.targets.shape[1]))
    nan = tf.constant(np.nan, batch.targets.dtype)
    invalid = tf.constant([0, Status.INVALID_INPUT], tf.int32)
    return Output(tf.fill([rows, width], nan), tf.tile(invalid[None], [rows, 1]))


def unpack(settings: Settings, output: Output) -> FitResult:
    """The fields of the result."""
    levels = settings.observation.num_targets(settings.parameterization.size)
    parameters, eigenvalues, residuals, loss, norm, errors = tf.split(
        output.reals, _widths(settings, levels), axis=-1
    )
    return FitResult(
        parameters=parameters,
        eigenvalues=eigenvalues,
        residuals=residuals,
        loss=loss[:, 0],
        gradient_norm=norm[:, 0],
        standard_errors=errors,
        steps=output.integers[:, 0],
        status=output.integers[:, 1],
    )


def _widths(settings: Settings, levels: int) -> list[int]:
    count = settings.parameterization.num_parameters
    return [count, settings.parameterization.size, levels, 1, 1, count]


def row_numbers(mask: tf.Tensor) -> tf.Tensor:
    """The numbers of the rows where the mask is true, int32."""
    return tf.cast(tf.where(mask)[:, 0], tf.int32)


def gather_rows(structure: Any, index: tf.Tensor) -> Any:
    """The rows with these numbers, of every tensor."""
    return tf.nest.map_structure(lambda tensor: tf.gather(tensor, index), structure)


def concatenate(one: Any, other: Any) -> Any:
    """The rows of both, of every tensor."""
    return tf.nest.map_structure(lambda a, b: tf.concat([a, b], axis=0), one, other)
