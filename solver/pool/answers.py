"""The answers of rows whose fit has ended."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..objective.bounds import at_bounds
from ..objective.covariance import standard_errors
from ..objective.model import count_data, limits_met
from ..results.fit_result import FitResult
from ..results.status import Status
from ..rowwise.axes import new_axis, row_count
from ..rowwise.tables import Layout, Tables
from ..settings import Settings
from .reach import cause_of_failure
from .rows import Batch, Ended


def unanswered(settings: Settings, batch: Batch) -> FitResult:
    """The answers before the fit: NaN, with the status INVALID_INPUT and the cause of the batch."""
    rows, count = row_count(batch.initial), settings.parameterization.num_parameters
    nan, none = tf.constant(np.nan, settings.dtype), tf.zeros_like(batch.cause)
    unknown = tf.fill([rows, count], nan)
    return FitResult(
        parameters=unknown,
        eigenvalues=tf.fill([rows, settings.parameterization.size], nan),
        residuals=tf.fill([rows, settings.model.comparison.num_targets], nan),
        loss=tf.fill([rows], nan),
        gradient_norm=tf.fill([rows], nan),
        standard_errors=unknown,
        steps=none,
        status=tf.fill([rows], int(Status.INVALID_INPUT)),
        cause=batch.cause,
        starts=none,
        agreeing=none,
    )


def write(settings: Settings, layout: Layout, answers: Tables, ended: Ended) -> Tables:
    """Write the answers of finished rows at their places in the packed answers of the batch."""
    places = new_axis(ended.task.place, 1)
    lost = new_axis(ended.status == Status.NON_FINITE, 1)

    def put(table: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        if rows.dtype.is_floating:
            rows = tf.where(lost, tf.constant(np.nan, rows.dtype), rows)
        return tf.tensor_scatter_nd_update(table, places, rows)

    return tuple(map(put, answers, layout.pack(_answer(settings, ended))))


def _answer(settings: Settings, ended: Ended) -> FitResult:
    task, point, status = ended.task, ended.point, ended.status
    data, comparison = task.data, settings.model.comparison
    nan = tf.constant(np.nan, point.loss.dtype)
    # The ground level from which the others are measured is no datum; its residual is exactly 0.
    is_zero = tf.constant(~comparison.measures)
    assignment = comparison.assign(point.eigenvalues, data.targets, data.weights)
    difference = data.targets - comparison.observe(point.eigenvalues, assignment)
    difference = comparison.centre(difference, data.weights)
    if data.one_sided:  # a limit that is met has no residual
        difference = tf.where(~limits_met(data, difference), difference, 0.0)
    errors = standard_errors(
        point.jacobian,
        at_bounds(point.parameters, data),
        point.loss,
        count_data(settings.model, data, point.residual),
        settings.absolute_sigma,
    )
    failure = cause_of_failure(settings, data, point, status)
    # At least 1, for the start that ended there, though hops and the refinement are not counted.
    agreeing = tf.where(status == Status.NON_FINITE, 0, tf.maximum(task.agreeing, 1))
    return FitResult(
        parameters=point.parameters,
        eigenvalues=settings.model.structure(data).without_absent(point.eigenvalues),
        residuals=tf.where((data.weights > 0) | is_zero, difference, nan),
        loss=point.loss,
        gradient_norm=2.0 * tf.norm(point.descent, axis=-1),
        standard_errors=errors,
        steps=ended.steps,
        status=status,
        cause=tf.where(failure > 0, failure, ended.cause),
        starts=task.started,
        agreeing=agreeing,
    )
