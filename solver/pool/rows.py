"""The named tuples that hold rows in the loop of the fit, and their initial values."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from ..objective.model import Data
from ..objective.point import Point
from ..rowwise.axes import new_axis, row_count
from ..rowwise.tables import zeros_like_specs
from ..settings import Settings
from .unseen import most_minima


class Batch(NamedTuple):
    """The checked input, `B` rows.

    Attributes:
        data: targets, weights, bounds and priors.
        initial: `[B, p]`, starting points, NaN where the solver is to choose.
        tolerance: `[B]`, NaN for the default.
        max_steps: `[B]`, int32.
        cause: `[B]`, int32, why the input of the row is invalid, see `Cause`; 0 if it is valid.
        offset: `[B]`, int32, the number of the first start that the solver chooses.
        single: `[B]`, int32, 1 for a row that has only this start.
    """

    data: Data
    initial: tf.Tensor
    tolerance: tf.Tensor
    max_steps: tf.Tensor
    cause: tf.Tensor
    offset: tf.Tensor
    single: tf.Tensor


class Best(NamedTuple):
    """The best end among the starts of a row so far.

    Attributes:
        parameters: `[R, p]`.
        loss: `[R]`; the largest finite number before the first end.
        column_norms: `[R, p]`, of the Jacobian there.
        minima: `[R, K]`, the losses of the distinct minima found, padded with the largest finite
            number.
        arrived: `[R]`, int32, how many starts other than hops ended in a minimum.
    """

    parameters: tf.Tensor
    loss: tf.Tensor
    column_norms: tf.Tensor
    minima: tf.Tensor
    arrived: tf.Tensor


class Task(NamedTuple):
    """The problem of each row in the pool, and the record of its starts.

    Attributes:
        place: `[R]`, int32, its place in the batch.
        data: targets, weights, bounds and priors.
        initial: `[R, p]`, starting points, NaN where the solver is to choose.
        tolerance: `[R]`, NaN for the default.
        max_steps: `[R]`, int32.
        attempt: `[R]`, int32, the number of the start, from 0; `starts` for the refinement.
        last: `[R]`, int32, 1 for the last start of a row; see `refining`.
        offset: `[R]`, int32, the number of the start at attempt 0.
        limit: `[R]`, int32, the number of steps over all starts that ends this start.
        cosine: `[R]`, the tolerance of this start on the cosine between the residual and each
            column of the Jacobian.
        started: `[R]`, int32, how many starts the row has made.
        agreeing: `[R]`, int32, how many starts other than hops ended at the best loss.
        best: the `Best` of the finished starts; () when there is only one start.
    """

    place: tf.Tensor
    data: Data
    initial: tf.Tensor
    tolerance: tf.Tensor
    max_steps: tf.Tensor
    attempt: tf.Tensor
    last: tf.Tensor
    offset: tf.Tensor
    limit: tf.Tensor
    cosine: tf.Tensor
    started: tf.Tensor
    agreeing: tf.Tensor
    best: Any

    @property
    def refining(self) -> tf.Tensor:
        """`[R]` bool, whether this start has the full tolerance and all steps that are left.

        It is the refinement of the best end, or the only start.
        """
        return self.last > 0


class Pool(NamedTuple):
    """The rows being fitted: a task, and what every step changes.

    Attributes:
        task: their `Task`, the same until the start ends.
        steps: `[R]`, int32, evaluations so far, over all starts, without the first of each start.
        scale: `[R]`, the spectral scale; 0 before the first evaluation.
        state: the state of the method. This and the next two are () before a start begins.
        status: `[R]`, int32, see `Status`.
        cause: `[R]`, int32, what limits the point where the row has ended, see `Cause`.
    """

    task: Task
    steps: tf.Tensor
    scale: tf.Tensor
    state: Any = ()
    status: Any = ()
    cause: Any = ()

    def before_its_start(self) -> Pool:
        """The rows as they are before a start begins."""
        return Pool(self.task, self.steps, self.scale)


class Ended(NamedTuple):
    """Rows that have ended a start: fields of `Pool`, and the `Point` of the end."""

    task: Task
    steps: tf.Tensor
    point: Point
    status: tf.Tensor
    cause: tf.Tensor


def new_rows(settings: Settings, rows: Batch, place: tf.Tensor) -> Pool:
    """Rows of the batch at these places, `[R]` int32, before their first start."""
    data, initial = rows.data, rows.initial
    integers, zeros = tf.zeros_like(place), tf.zeros_like(rows.tolerance)
    several = settings.starts > 1
    only = ~tf.reduce_any(tf.math.is_nan(initial), axis=-1) | (rows.single > 0)
    last = tf.cast(only, tf.int32) if several else integers + 1
    task = Task(
        place=place,
        data=data,
        initial=initial,
        tolerance=rows.tolerance,
        max_steps=rows.max_steps,
        attempt=last * settings.starts,
        last=last,
        offset=rows.offset,
        limit=integers,
        cosine=zeros,
        started=integers + 1,
        agreeing=integers,
        best=_no_end(settings, initial, zeros) if several else (),
    )
    return Pool(task, steps=integers, scale=zeros)


def _no_end(settings: Settings, initial: tf.Tensor, zeros: tf.Tensor) -> Best:
    none = tf.zeros_like(initial)
    worst = zeros + initial.dtype.max
    # One more than a search that ends early can find.
    minima = tf.tile(new_axis(worst, 1), [1, most_minima(settings.starts) + 1])
    return Best(none, worst, none, minima, tf.zeros_like(worst, tf.int32))


def point_specs(settings: Settings, data: Data) -> Point:
    """The `TensorSpec` of each field of a `Point`."""
    size, count = settings.parameterization.size, settings.parameterization.num_parameters
    levels = data.targets.shape[1] + (count if data.has_priors else 0)

    def spec(*shape: int) -> Any:
        return tf.TensorSpec([None, *shape], settings.dtype)

    return Point(
        parameters=spec(count),
        eigenvalues=spec(size),
        residual=spec(levels),
        jacobian=spec(levels, count),
        descent=spec(count),
        column_norms=spec(count),
        loss=spec(),
        rms=spec(),
        noise=spec(),
        largest_level=spec(),
        sensitivity=() if settings.model.comparison.in_level_units else spec(data.targets.shape[1]),
        hessian=spec(count, count) if settings.method.needs_hessian else (),
    )


def empty_point(settings: Settings, data: Data) -> Point:
    """A `Point` of zeros with the largest finite number as its loss: not yet evaluated."""
    dtype = data.targets.dtype
    zeros = zeros_like_specs(point_specs(settings, data), row_count(data.targets))
    return zeros._replace(loss=zeros.loss + dtype.max)


def pool_specs(settings: Settings, batch: Batch) -> Pool:
    """The `TensorSpec` of each field of a pool with rows of such a batch."""

    def spec(tensor: tf.Tensor) -> tf.TensorSpec:
        return tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype)

    specs = tf.nest.map_structure(spec, batch)

    def pool(*fields: tf.Tensor) -> Pool:
        rows = tf.nest.pack_sequence_as(specs, fields)
        new = new_rows(settings, rows, rows.offset)
        start = new.task.initial
        state = settings.method.init(start, empty_point(settings, rows.data), start)
        return new._replace(state=state, status=new.steps, cause=new.steps)

    # The method defines its state; an example without rows costs no time.
    with tf.init_scope():
        fields = [tf.zeros([0, *s.shape[1:]], s.dtype) for s in tf.nest.flatten(specs)]
        return tf.nest.map_structure(spec, pool(*fields))


def tolerance_of(settings: Settings, task: Task) -> tf.Tensor:
    """`[R]`, the tolerance of each row: its own, or the default."""
    default = tf.constant(settings.tolerance, task.tolerance.dtype)
    return tf.where(tf.math.is_nan(task.tolerance), default, task.tolerance)
