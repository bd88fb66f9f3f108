"""One step of every row in the pool: evaluate, move, and test for convergence."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..methods import MethodState
from ..objective.evaluation import evaluate, evaluate_curved
from ..objective.model import Data
from ..objective.point import Point
from ..objective.scaling import spectral_scale
from ..pool.reach import stop_runaways
from ..pool.rows import Pool, Task
from ..results.status import RUNNING
from ..rowwise.tables import on_rows
from ..settings import Settings
from .convergence import certify


def step_pool(settings: Settings, pool: Pool) -> Pool:
    """Take one step in every running row and update its status."""
    task, state = pool.task, pool.state
    active = pool.status == RUNNING
    if _uses_curvature(settings):
        trial, curvature = evaluate_curved(settings.model, state.trial, task.data)
        curved = _wants_curvature(settings, task)
        state = settings.method.step(state, trial, active, task.data, curvature, curved)
    else:
        trial = _evaluate_trial(settings, state, task.data)
        state = settings.method.step(state, trial, active, task.data)
    measured = spectral_scale(settings.model, task.data, trial.eigenvalues)
    # The scale is measured at the first finite matrix.
    known = (pool.scale > 0) | (trial.loss == trial.loss.dtype.max)
    pool = pool._replace(
        state=state,
        steps=pool.steps + tf.cast(active, tf.int32),
        scale=tf.where(known, pool.scale, measured),
    )
    status, cause = _ends(settings, pool)
    pool = pool._replace(
        status=tf.where(active, status, pool.status), cause=tf.where(active, cause, pool.cause)
    )
    if _follows_levels(settings):
        pool = _evaluate_again(settings, pool, active & (pool.status != RUNNING))
    return pool


def _ends(settings: Settings, pool: Pool) -> tuple[tf.Tensor, tf.Tensor]:
    """Status and cause of each row at its accepted point, `[R]` int32."""
    status, cause = certify(settings, pool)
    return stop_runaways(settings, pool, status), cause


def _uses_curvature(settings: Settings) -> bool:
    """Whether the method may use second derivatives of the levels.

    Not with more parameters than targets, where the residual mostly vanishes; nor with robust
    losses, whose second derivative jumps where a level becomes an outlier; nor where only a few
    levels are computed.
    """
    model = settings.model
    few_parameters = model.parameterization.num_parameters <= model.comparison.num_targets
    smooth = model.loss.is_linear and model.few is None
    return settings.method.uses_curvature and few_parameters and smooth


def _wants_curvature(settings: Settings, task: Task) -> tf.Tensor | None:
    """`[R]` bool, in which rows the method may use second derivatives; None for all.

    With as many parameters as targets, only in the refinement: a start whose residual does not
    vanish is better abandoned for the next one.
    """
    spare = settings.parameterization.num_parameters < settings.model.comparison.num_targets
    return None if spare or settings.starts == 1 else task.refining


def _follows_levels(settings: Settings) -> bool:
    """Whether only a few levels are computed, starting from those of the accepted point."""
    return settings.model.few is not None and not settings.method.needs_hessian


def _evaluate_trial(settings: Settings, state: MethodState, data: Data) -> Point:
    near = None
    if _follows_levels(settings):
        known = state.point.loss < state.point.loss.dtype.max
        nan = tf.constant(np.nan, state.point.eigenvalues.dtype)
        near = tf.where(known[:, None], state.point.eigenvalues, nan)
    return evaluate(settings.model, state.trial, data, settings.method.needs_hessian, near)


def _evaluate_again(settings: Settings, pool: Pool, ended: tf.Tensor) -> Pool:
    """Evaluate the points of ended rows again with all levels, and repeat the convergence test."""

    def confirmed(pool: Pool) -> tuple[Point, tf.Tensor, tf.Tensor]:
        point = evaluate(settings.model, pool.state.point.parameters, pool.task.data)
        return point, *_ends(settings, pool._replace(state=pool.state._replace(point=point)))

    old = (pool.state.point, pool.status, pool.cause)
    point, status, cause = on_rows(ended, old, (pool,), confirmed)
    return pool._replace(state=pool.state._replace(point=point), status=status, cause=cause)
