"""Collect the answers of a batch as its rows finish."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ..objective.covariance import standard_errors
from ..objective.evaluation import at_bounds
from ..objective.model import count_data
from ..results.fit_result import FitResult
from ..results.status import Status
from ..rowwise.axes import new_axis, row_count
from ..settings import Settings
from .reach import cause_of_failure
from .rows import Batch, Ended


class Output(NamedTuple):
    """The answers so far, packed by dtype.

    Attributes:
        reals: `[B, 2p + n + m + 2]`: parameters, eigenvalues, residuals, loss, gradient norm,
            standard errors.
        integers: `[B, 5]`: steps, status, cause, starts, agreeing.
    """

    reals: tf.Tensor
    integers: tf.Tensor


def empty_output(settings: Settings, batch: Batch) -> Output:
    """The initial answers: NaN, with the status INVALID_INPUT and the cause of the batch."""
    targets = batch.data.targets
    rows = row_count(targets)
    width = sum(_widths(settings, targets.shape[1]))
    nan = tf.constant(np.nan, targets.dtype)
    none = tf.zeros_like(batch.cause)
    invalid = tf.fill([rows], int(Status.INVALID_INPUT))
    integers = tf.stack([none, invalid, batch.cause, none, none], axis=1)
    return Output(tf.fill([rows, width], nan), integers)


def write(settings: Settings, output: Output, ended: Ended) -> Output:
    """Write the answers of finished rows at their places in the batch."""
    task, point, status = ended
    nan = tf.constant(np.nan, point.loss.dtype)
    data, comparison = task.data, settings.model.comparison
    observed = data.weights > 0
    # The ground level from which the others are measured is no datum; its residual is exactly 0.
    is_zero = tf.constant(~comparison.measures)
    assignment = comparison.assign(point.eigenvalues, data.targets, data.weights)
    difference = data.targets - comparison.observe(point.eigenvalues, assignment)
    difference = comparison.centre(difference, data.weights)
    errors = standard_errors(
        point.jacobian,
        at_bounds(point.parameters, data),
        point.loss,
        count_data(settings.model, data),
        settings.absolute_sigma,
    )
    reals = tf.concat(
        [
            point.parameters,
            point.eigenvalues,
            tf.where(observed | is_zero, difference, nan),
            new_axis(point.loss, 1),
            2.0 * new_axis(tf.norm(point.descent, axis=-1), 1),
            errors,
        ],
        axis=-1,
    )
    reals = tf.where(new_axis(status == Status.NON_FINITE, 1), nan, reals)
    failure = cause_of_failure(settings, data, point, status)
    cause = tf.where(failure > 0, failure, task.cause)
    # At least 1, for the start that ended there, though hops and the refinement are not counted.
    agreeing = tf.where(status == Status.NON_FINITE, 0, tf.maximum(task.agreeing, 1))
    places = new_axis(task.place, 1)
    return Output(
        tf.tensor_scatter_nd_update(output.reals, places, reals),
        tf.tensor_scatter_nd_update(
            output.integers,
            places,
            tf.stack([task.steps, status, cause, task.started, agreeing], axis=-1),
        ),
    )


def unpack(settings: Settings, output: Output) -> FitResult:
    """The `FitResult` in the packed answers."""
    levels = settings.model.comparison.num_targets
    parameters, eigenvalues, residuals, loss, norm, errors = tf.split(
        output.reals, _widths(settings, levels), axis=-1
    )
    steps, status, cause, starts, agreeing = tf.unstack(output.integers, axis=1)
    return FitResult(
        parameters=parameters,
        eigenvalues=eigenvalues,
        residuals=residuals,
        loss=tf.squeeze(loss, 1),
        gradient_norm=tf.squeeze(norm, 1),
        standard_errors=errors,
        steps=steps,
        status=status,
        cause=cause,
        starts=starts,
        agreeing=agreeing,
    )


def _widths(settings: Settings, levels: int) -> list[int]:
    count = settings.parameterization.num_parameters
    return [count, settings.parameterization.size, levels, 1, 1, count]
