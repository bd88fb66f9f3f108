"""Kinks: minima of the loss at a crossing of levels, where it is not differentiable.

The k-th eigenvalue is a smooth function of the parameters only while it is simple. Where two levels
cross, the upper one is the maximum of two smooth functions, and the minimum of the loss may lie on
the crossing if the residuals pull the two levels differently. The gradient does not vanish there,
so derivatives cannot certify the minimum (Overton, SIAM J. Matrix Anal. Appl. 9 (1988) 256). Such
rows get the cause KINK.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..linalg.graded import minimum_norm_step
from ..objective.evaluation import level_difference
from ..objective.model import Data
from ..pool.rows import Ended
from ..results.status import Cause, Status
from ..rowwise.axes import new_axis
from ..rowwise.tables import on_rows
from ..settings import Settings

# Levels meet if they would cross within this fraction of a Gauss-Newton step.
_CROSSING_FRACTION = 0.05
# Pulls (derivatives of the loss by the levels) that differ by less, relative to the largest, are
# equal.
_SAME_PULL = 1e-3


def name_kinks(settings: Settings, ended: Ended) -> Ended:
    """Set the cause KINK in rows that stalled at a kink.

    Not where only a few levels of a large matrix are computed: the test needs all of them.
    """
    point, cause = ended.point, ended.cause
    if settings.model.few is not None or settings.parameterization.size == 1:
        return ended
    asked = ended.status == Status.STALLED

    def named(
        before: tf.Tensor,
        data: Data,
        parameters: tf.Tensor,
        jacobian: tf.Tensor,
        residual: tf.Tensor,
        norms: tf.Tensor,
    ) -> tf.Tensor:
        units = tf.where(norms > 0, norms, tf.ones_like(norms))
        step = minimum_norm_step(jacobian / new_axis(units, 1), residual) / units
        structure, comparison = settings.model.structure(data), settings.model.comparison
        values, vectors, _ = structure.eigensystem(parameters)
        moved = tf.linalg.matvec(structure.level_jacobian(parameters, vectors), step)
        assignment = comparison.assign(values, data.targets, data.weights)
        difference, data = level_difference(settings.model, data, values, assignment)
        force = settings.model.loss.count(data.weights * difference).force
        pull = comparison.pull_back(values, data.weights * force, assignment)
        largest = tf.reduce_max(tf.abs(pull), axis=-1, keepdims=True)
        # Levels of different members never meet.
        inside = np.ones(structure.size - 1, bool)
        inside[np.cumsum(structure.level_counts)[:-1] - 1] = False
        both = tf.stack([values, moved, pull])
        gap, change, unlike = tf.unstack(both[:, :, 1:] - both[:, :, :-1])
        meet = inside & (gap <= _CROSSING_FRACTION * tf.abs(change)) & (tf.abs(change) > 0)
        meet &= tf.abs(unlike) > _SAME_PULL * largest
        kinked = tf.reduce_any(meet, axis=-1)
        return tf.where(kinked, int(Cause.KINK), before)

    wanted = (point.parameters, point.jacobian, point.residual, point.column_norms)
    cause = on_rows(asked, cause, (cause, ended.task.data, *wanted), named)
    return ended._replace(cause=cause)
