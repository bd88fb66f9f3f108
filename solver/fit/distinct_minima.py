"""Several solutions of a row: the distinct minima that its starts reach, best first.

At most a quarter of the starts, the last ones, are deflated: steered away from the minima found so
far, see `search.deflation`.

Two ends are the same solution if the distance of their parameters, each in units of its effect on
the matrix, is at most `SAME` times their norm or `SAME_LEVELS` times the largest level. Parameters
that differ by a symmetry of the model (the sign of a coupling, the order of equivalent sites) are
different solutions with the same levels; bounds, such as on a sign, select one of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from ..objective.bounds import at_bounds, into_bounds
from ..objective.evaluation import evaluate
from ..objective.implicit import pull_back_answer
from ..objective.model import Data
from ..objective.scaling import known_effects
from ..pool.rows import Batch
from ..results.fit_result import FitResult
from ..results.status import Status
from ..rowwise.axes import new_axis, row_count
from ..rowwise.loops import loop
from ..rowwise.products import sum_over_second
from ..rowwise.tables import repeat_rows, select_rows
from ..search.deflation import deflated_walk
from ..search.multistart import starts_anywhere
from ..search.saddles import lowest_curvature
from ..settings import Settings
from .loop import fit_rows

# Relative distance of parameters below which two ends are the same solution.
SAME = 1e-4
# The same relative to the largest level, if the effect of all parameters on the matrix is known.
SAME_LEVELS = 1e-7


def fit_solutions(settings: Settings, batch: Batch) -> FitResult:
    """Fit every row from each of its starts, and keep the distinct minima.

    Args:
        settings: the problem, with the numbers of starts and of solutions S.
        batch: the checked input.

    Returns:
        A `FitResult` with fields `[B, S, ...]`. Where a row has fewer minima, the remaining places
        have the status NO_OTHER and NaN.
    """
    nan = tf.constant(np.nan, batch.initial.dtype)
    sought = _deflated_runs(settings)
    ends = _plain_ends(settings, batch, settings.starts - sought)
    if sought:
        ends = _with_deflated_ends(settings, batch, ends, sought)
    minima = _are_minima(settings, batch.data, ends)
    chosen, found, agreeing = _distinct(settings, batch.data, ends, minima, settings.solutions)
    gathered = FitResult(*(tf.gather(field, chosen, axis=1, batch_dims=1) for field in ends))
    made = tf.reduce_sum(ends.starts, axis=1, keepdims=True) + tf.zeros_like(gathered.starts)
    agreeing = tf.maximum(agreeing, gathered.agreeing)
    gathered = gathered._replace(starts=made, agreeing=agreeing)
    flat = tf.reshape(found, [-1])

    def kept(field: tf.Tensor) -> tf.Tensor:
        empty = tf.fill(tf.shape(field), nan) if field.dtype.is_floating else tf.zeros_like(field)
        shape = tf.shape(field)
        inner = [-1, *field.shape[2:]]
        return tf.reshape(
            select_rows(flat, tf.reshape(field, inner), tf.reshape(empty, inner)), shape
        )

    answer = FitResult(*(kept(field) for field in gathered))
    status = tf.where(found, gathered.status, int(Status.NO_OTHER))
    return answer._replace(status=status)


def _deflated_runs(settings: Settings) -> int:
    """How many of the starts are deflated."""
    own = max(1, len(settings.initial))
    return min((settings.starts - own) // 4, 2 * settings.solutions)


def _plain_ends(settings: Settings, batch: Batch, starts: int) -> FitResult:
    """The ends of the first starts of each row, `[B, starts, ...]`."""
    number = tf.tile(tf.range(starts), [row_count(batch.initial)])
    every = repeat_rows(batch, starts)
    # The row's own starting point is its first start; the solver chooses the others.
    nan = tf.constant(np.nan, batch.initial.dtype)
    initial = tf.where(new_axis(number == 0, 1), every.initial, nan)
    ends = _fit_from(settings, every, initial, number)
    return FitResult(*(tf.reshape(f, [-1, starts, *f.shape[1:]]) for f in ends))


def _fit_from(settings: Settings, batch: Batch, initial: tf.Tensor, number: tf.Tensor) -> FitResult:
    """Fit each row from one start: from `initial` `[B, p]`, or if NaN from start number `[B]`."""
    return fit_rows(
        settings,
        batch._replace(
            offset=number,
            single=tf.ones_like(batch.single),
            initial=initial,
            max_steps=tf.minimum(batch.max_steps, settings.steps_from_one_start),
        ),
    )


def _with_deflated_ends(settings: Settings, batch: Batch, ends: FitResult, runs: int) -> FitResult:
    """Append the ends of deflated runs to the ends `[B, K, ...]`, one run after the other.

    They begin at the user's starting points if there are any, else at the next starts of the
    solver.

    Returns:
        Fields `[B, K + runs, ...]`.
    """
    first, points = settings.starts - runs, len(settings.initial)
    places = 2 * settings.solutions

    def one_more(run: tf.Tensor, *fields: tf.Tensor) -> tuple[tf.Tensor, ...]:
        so_far = FitResult(*fields)
        certain = tf.ones_like(so_far.status, tf.bool)
        chosen, there, _ = _distinct(settings, batch.data, so_far, certain, places)
        status = tf.gather(so_far.status, chosen, axis=1, batch_dims=1)
        there &= (status == Status.CONVERGED) | (status == Status.STATIONARY)
        known = tf.gather(so_far.parameters, chosen, axis=1, batch_dims=1)
        known = tf.where(new_axis(there, 2), known, tf.zeros_like(known))
        number = tf.zeros_like(batch.offset) + (run % points if points else first + run)
        start = starts_anywhere(settings, batch.data, number)
        start = tf.where(tf.math.is_nan(batch.initial), start, batch.initial)
        start = tf.where(new_axis(batch.cause == 0, 1), start, tf.zeros_like(start))
        if batch.data.bounded:
            start = into_bounds(batch.data.lower, batch.data.upper, start)
        # The other half of the steps is for the method.
        limit = tf.where(batch.cause == 0, batch.max_steps // 2, 0)
        begun, steps = deflated_walk(settings, batch.data, start, known, there, run, limit)
        rest = batch._replace(max_steps=batch.max_steps - steps)
        found = _fit_from(settings, rest, begun, number)
        found = found._replace(steps=found.steps + steps)
        both = zip(so_far, found, strict=True)
        return run + 1, *(tf.concat([many, new_axis(one, 1)], axis=1) for many, one in both)

    shapes = [tf.TensorShape([field.shape[0], None, *field.shape[2:]]) for field in ends]
    _, *found = loop(
        lambda run, *fields: run < runs,
        one_more,
        (tf.constant(0), *ends),
        (tf.TensorShape([]), *shapes),
    )
    return FitResult(
        *(
            tf.ensure_shape(field, [None, settings.starts, *before.shape[2:]])
            for field, before in zip(found, ends, strict=True)
        )
    )


def _are_minima(settings: Settings, data: Data, ends: FitResult) -> tf.Tensor:
    """`[B, K]` bool, whether the Hessian in the free parameters has no negative eigenvalue.

    The gradient vanishes at saddle points too. An end that matches its spectrum is a minimum.
    """

    # Run operation by operation, TensorFlow would rewrite all that this calls by AutoGraph.
    @tf.autograph.experimental.do_not_convert
    def one_row(row: tuple[Data, tf.Tensor]) -> tf.Tensor:
        known, points = row
        alone = tf.nest.map_structure(lambda tensor: new_axis(tensor, 0), known)
        repeated = repeat_rows(alone, settings.starts)
        points = tf.where(tf.math.is_finite(points), points, tf.zeros_like(points))
        point = evaluate(settings.model, points, repeated, with_hessian=True)
        held = at_bounds(points, repeated)
        hessian = point.hessian
        if held is not None:
            inside = ~held[:, :, None] & ~held[:, None, :]
            hessian = tf.where(inside, hessian, tf.zeros_like(hessian))
        falls, _ = lowest_curvature(hessian, known_effects(settings.model, repeated))
        return ~falls

    curved = tf.map_fn(
        one_row,
        (data, ends.parameters),
        fn_output_signature=tf.TensorSpec([settings.starts], tf.bool),
        parallel_iterations=1,
    )
    return curved | (ends.status == Status.CONVERGED)


def _distinct(
    settings: Settings, data: Data, ends: FitResult, minima: tf.Tensor, places: int
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Which ends to keep, best first.

    Args:
        settings: the problem.
        data: of `B` rows.
        ends: fields `[B, K, ...]`.
        minima: `[B, K]` bool, which ends are minima.
        places: S, how many to keep.

    Returns:
        `[B, S]`, int32, their numbers; `[B, S]` bool, whether there is one; `[B, S]`, int32, how
        many ends are the same solution.
    """
    dtype = ends.loss.dtype
    scales = settings.model.structure(data).scales(dtype)
    units = tf.where(scales > 0, scales, tf.ones_like(scales))
    points = ends.parameters * (units if units.shape.rank == 1 else new_axis(units, 1))
    lengths = tf.norm(points, axis=-1)
    # Parameters near zero have an error relative to the levels, not to themselves.
    usable_levels = tf.where(tf.math.is_finite(ends.eigenvalues), ends.eigenvalues, 0.0)
    smallest = SAME_LEVELS * tf.reduce_max(tf.abs(usable_levels), axis=-1)
    all_known = tf.reduce_all(scales > 0, axis=-1, keepdims=True)
    smallest = tf.where(all_known, smallest, tf.zeros_like(smallest))
    certified = (ends.status == Status.CONVERGED) | (ends.status == Status.STATIONARY)
    certified &= minima
    worst = tf.constant(dtype.max, dtype)
    # Ends that match their spectrum are equally good: they keep the order of the starts.
    order = tf.where(ends.status == Status.CONVERGED, tf.zeros_like(ends.loss), ends.loss)
    order = tf.where(certified, order, worst)
    # The first place is never empty: without a minimum it holds the end with the least loss.
    usable = tf.where(ends.status > 0, ends.loss, worst)
    first_choice = tf.where(tf.reduce_any(certified, axis=1, keepdims=True), order, usable)
    numbers, found, agreeing = [], [], []
    for place in range(places):
        key = order if place else first_choice
        best = tf.argmin(key, axis=1, output_type=tf.int32)
        there = tf.reduce_min(key, axis=1) < worst
        numbers.append(best)
        found.append(there if place else tf.ones_like(there))
        center = new_axis(tf.gather(points, best, axis=1, batch_dims=1), 1)
        length = tf.maximum(lengths, new_axis(tf.gather(lengths, best, axis=1, batch_dims=1), 1))
        same = tf.norm(points - center, axis=-1) <= tf.maximum(SAME * length, smallest)
        same |= new_axis(tf.range(tf.shape(order)[1]), 0) == new_axis(best, 1)
        agreeing.append(tf.reduce_sum(tf.cast(same & certified, tf.int32), axis=1))
        order = tf.where(same, worst, order)
    return tf.stack(numbers, axis=1), tf.stack(found, axis=1), tf.stack(agreeing, axis=1)


def pull_back(settings: Settings, result: FitResult, data: Data, upstream: FitResult) -> Data:
    """`implicit.pull_back_answer` for one or several solutions in each row.

    Args:
        settings: the problem, with the number of solutions S.
        result: fields `[B, ...]`, or `[B, S, ...]` if S > 1.
        data: of `B` rows.
        upstream: the gradients with respect to the fields of the result.

    Returns:
        The gradients with respect to the fields of the data, summed over the solutions.
    """
    if settings.solutions == 1:
        return pull_back_answer(settings.model, result, data, upstream)
    count = settings.solutions

    def flat(fields: FitResult) -> FitResult:
        # Integer fields have no gradient: None stays None.
        def one(field: Any) -> Any:
            return None if field is None else tf.reshape(field, [-1, *field.shape[2:]])

        return FitResult(*(one(field) for field in fields))

    repeated = repeat_rows(data, count)
    every = pull_back_answer(settings.model, flat(result), repeated, flat(upstream))
    return tf.nest.map_structure(
        lambda tensor: sum_over_second(tf.reshape(tensor, [-1, count, tensor.shape[1]])),
        every,
    )
