"""Bounds of the parameters: which are met, and how starts and steps stay within them."""

from __future__ import annotations

import tensorflow as tf

from .model import Data
from .point import Point


def held_by_bounds(parameters: tf.Tensor, descent: tf.Tensor, data: Data) -> tf.Tensor:
    """`[R, p]` bool: parameters at a bound whose own descent direction points out of it."""
    below = (parameters <= data.lower) & (descent < 0)
    above = (parameters >= data.upper) & (descent > 0)
    return below | above


def at_bounds(parameters: tf.Tensor, data: Data) -> tf.Tensor | None:
    """`[R, p]` bool, which parameters are at a bound; None without bounds."""
    if not data.bounded:
        return None
    return (parameters <= data.lower) | (parameters >= data.upper)


def within_bounds(data: Data, point: Point, parameters: tf.Tensor) -> tf.Tensor:
    """Clip the next parameters `[R, p]` of a step from a point to the bounds.

    A parameter whose own descent direction points out of a bound may reach the bound. Any other is
    stopped at 0.9 of the way: bounds often lie on a symmetry plane of the loss (a coupling >= 0),
    where the gradient vanishes and the parameter would stay.
    """
    if not data.bounded:
        return parameters
    lowest = tf.where(point.descent < 0, data.lower, _nine_tenths(point.parameters, data.lower))
    highest = tf.where(point.descent > 0, data.upper, _nine_tenths(point.parameters, data.upper))
    return tf.maximum(tf.minimum(parameters, highest), lowest)


def _nine_tenths(start: tf.Tensor, bound: tf.Tensor) -> tf.Tensor:
    """The point at 0.9 of the way from the start to the bound; an infinite bound unchanged."""
    finite = tf.math.is_finite(bound)
    there = tf.where(finite, bound, start)
    return tf.where(finite, start + 0.9 * (there - start), bound)


def into_bounds(lower: tf.Tensor, upper: tf.Tensor, parameters: tf.Tensor) -> tf.Tensor:
    """Move a start `[R, p]` inside the bounds.

    A parameter outside is put inside by a hundredth of its distance from the bound, at most to the
    middle, so that it does not start on the bound.
    """
    one_sided = ~(tf.math.is_finite(lower) & tf.math.is_finite(upper))
    low = tf.where(tf.math.is_finite(lower), lower, tf.zeros_like(lower))
    high = tf.where(tf.math.is_finite(upper), upper, tf.zeros_like(upper))
    middle = 0.5 * (low + high)
    from_below = low + 0.01 * (low - parameters)
    from_above = high - 0.01 * (parameters - high)
    from_below = tf.where(one_sided, from_below, tf.minimum(from_below, middle))
    from_above = tf.where(one_sided, from_above, tf.maximum(from_above, middle))
    parameters = tf.where(parameters < lower, from_below, parameters)
    return tf.where(parameters > upper, from_above, parameters)
