"""Arrange the caller's columns as levels: sort them, fill in weights, subtract the ground level.

Levels compared one to one ascend, so the k-th lowest value of a row belongs to the k-th lowest
observed level, whatever the caller's order. Targets are sorted once, on entry; results with one
entry for each target are returned in the caller's order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ..objective.model import is_given
from ..observations import TargetMap
from ..rowwise.axes import ascending_order, new_axis
from ..settings import Settings


class Arranged(NamedTuple):
    """Targets and weights as the fit takes them.

    Attributes:
        targets: `[B, m]`, NaN where not observed; levels ascend within each member, less the ground
            level if the observation is relative to it.
        weights: `[B, m]`, without NaN.
        back: `[B, m]`, int32, the present column of each of the caller's columns; None if targets
            are not sorted.
        zero: `[B, m]` or `[B, 1]`, what was subtracted from the targets: that of the ground level,
            0 without one; None if the observation is not relative to it.
    """

    targets: tf.Tensor
    weights: tf.Tensor
    back: tf.Tensor | None
    zero: tf.Tensor | None

    def in_callers_order(self, values: tf.Tensor) -> tf.Tensor:
        """Reorder values `[B, m]` or `[B, S, m]`, one for each target, to the caller's columns."""
        if self.back is None:
            return values
        if values.shape.rank == 2:
            return _reordered(self.back, values)[0]
        back = tf.repeat(new_axis(self.back, 1), values.shape[1], axis=1)
        return _reordered(back, values)[0]


def arrange(
    settings: Settings, targets: tf.Tensor, weights: tf.Tensor, sides: Any = ()
) -> Arranged:
    """Sort the targets of every row, with their weights; differentiable with respect to both.

    A target that is NaN or has weight 0 was not observed, and its column stays empty. A limit
    stays in its column. The sort is stable.

    Args:
        settings: the observation, and the default weights of the caller's columns.
        targets: `[B, m]`, NaN where not observed.
        weights: `[B, m]`, NaN for the default.
        sides: `[B, m]`, 0 where the target is no limit, NaN for the default; () for the default.

    Returns:
        The `Arranged` targets and weights.
    """
    comparison = settings.model.comparison
    weights = fill_weights(settings, weights)
    back = None
    if comparison.ordered is not None:
        # The ground level is sorted whatever its weight: it is the zero of the scale, no datum.
        there = (weights > 0) | tf.constant(~comparison.measures)
        there &= ~tf.math.is_nan(targets)
        if is_given(sides) or settings.sides is not None:
            default = tf.constant(0.0 if settings.sides is None else settings.sides, targets.dtype)
            known = tf.where(tf.math.is_nan(sides), default, sides) if is_given(sides) else default
            there &= tf.equal(known, 0)
        # Unconditionally: TensorFlow cannot vectorize a `tf.cond` (`GradientTape.jacobian`), and
        # the operations are few.
        order = _order(*comparison.ordered, targets, there)
        targets, weights = _reordered(order, targets, weights)
        back = ascending_order(order)
    zero = _ground(comparison, targets)
    return Arranged(targets if zero is None else targets - zero, weights, back, zero)


def fill_weights(settings: Settings, weights: tf.Tensor) -> tf.Tensor:
    """Replace NaN in weights `[B, m]` by the solver's default."""
    ones = np.ones(settings.model.comparison.num_targets)
    default = ones if settings.weights is None else settings.weights
    return tf.where(tf.math.is_nan(weights), tf.constant(default, weights.dtype), weights)


def _reordered(numbers: tf.Tensor, *fields: tf.Tensor) -> list[tf.Tensor]:
    """`field[..., numbers]` along the last axis, for fields and numbers `[..., m]`."""
    # `tf.gather` with batch_dims has no second derivatives by forward accumulators.
    width = numbers.shape[-1]
    first = tf.range(0, tf.size(numbers), width)
    places = tf.reshape(numbers, [-1, width]) + new_axis(first, 1)
    found = [tf.gather(tf.reshape(field, [-1]), places) for field in fields]
    if numbers.shape.rank == 2:
        return found
    return [tf.reshape(one, tf.shape(field)) for one, field in zip(found, fields, strict=True)]


def _order(
    member: np.ndarray, first: np.ndarray, targets: tf.Tensor, there: tf.Tensor
) -> tf.Tensor:
    """The source column of each sorted column, `[B, m]` int32.

    Two sorts, by value and by member, so that the graph does not grow with the number of members.

    Args:
        member: `[m]`, the member of each column.
        first: `[m]`, the first column of that member.
        targets: `[B, m]`.
        there: `[B, m]` bool, which targets are observed.
    """
    infinity = tf.constant(np.inf, targets.dtype)
    by_value = ascending_order(tf.where(there, targets, infinity))
    place = np.arange(len(member)) - first
    before = tf.cumsum(tf.cast(there, tf.int32), axis=-1, exclusive=True)
    if first.any():
        members = tf.gather(tf.constant(member, tf.int32), by_value)
        by_member = ascending_order(members)
        by_value = tf.gather(by_value, by_member, axis=1, batch_dims=1)
        before -= tf.gather(before, tf.constant(first, tf.int32), axis=1)
    # The k-th lowest value of a member goes into the k-th of its observed columns. The unobserved
    # ones, sorted last, fill the other columns in their order.
    last = np.append(np.flatnonzero(np.diff(member)), len(member) - 1)[member]
    count = before + tf.cast(there, tf.int32)
    count = tf.gather(count, tf.constant(last, tf.int32), axis=1)
    rank = tf.where(there, before, count + tf.constant(place, tf.int32) - before)
    return tf.gather(by_value, rank + tf.constant(first, tf.int32), axis=1, batch_dims=1)


def _ground(comparison: TargetMap, targets: tf.Tensor) -> tf.Tensor | None:
    """The target of the ground level of each target, where it has one; see `Arranged.zero`."""
    source = comparison.ground_of_target
    if (source < 0).all():
        return None
    if (source == source[0]).all():
        ground = targets[:, source[0] : source[0] + 1]
    else:
        zero = tf.pad(targets, [[0, 0], [0, 1]])
        places = np.where(source < 0, comparison.num_targets, source)
        ground = tf.gather(zero, tf.constant(places, tf.int32), axis=1)
    return tf.where(tf.math.is_nan(ground), tf.zeros_like(ground), ground)
