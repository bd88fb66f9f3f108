"""Adam (Kingma & Ba 2015) as a pure function of a named tuple."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ..checks import is_number
from ..objective.point import Point
from ..rowwise.axes import new_axis, row_count
from .descent import Iteration, Method, Proposal, within_bounds


class Moments(NamedTuple):
    """Moment estimates carried between updates.

    Attributes:
        powers: `[R, 2]`, float64, beta_1 and beta_2 to the power of the number of updates; 1 at
            the start. Repeated products: `tf.pow` rounds differently by position in the batch.
        first: `[R, p]`, m.
        second: `[R, p]`, v.
    """

    powers: tf.Tensor
    first: tf.Tensor
    second: tf.Tensor


def adam_update(
    parameters: tf.Tensor,
    gradient: tf.Tensor,
    moments: Moments,
    learning_rate: float = 1e-3,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> tuple[tf.Tensor, Moments]:
    """One Adam update, in the order of operations of `keras.optimizers.Adam`.

    Algorithm 1 of Kingma & Ba, arXiv 1412.6980, in the form at the end of its section 2: the bias
    corrections are part of the learning rate, and `epsilon` is the paper's "epsilon hat".

    Args:
        parameters: `[R, p]`.
        gradient: `[R, p]`, of the loss.
        moments: at the start, moments 0 and powers 1.
        learning_rate: alpha, in the unit of the parameters.
        beta_1: decay of the first moment.
        beta_2: decay of the second moment.
        epsilon: added to the denominator.

    Returns:
        The next parameters `[R, p]` and moments.
    """
    dtype = parameters.dtype
    betas = np.array([beta_1, beta_2], dtype.as_numpy_dtype)
    powers = moments.powers * tf.constant(betas, tf.float64)
    decay_1, decay_2 = tf.unstack(1.0 - tf.cast(powers, dtype), axis=1)
    rate = tf.constant(learning_rate, dtype) * tf.sqrt(decay_2) / decay_1
    first = moments.first + (gradient - moments.first) * tf.constant(1.0 - beta_1, dtype)
    change = gradient * gradient - moments.second
    second = moments.second + change * tf.constant(1.0 - beta_2, dtype)
    step = first * new_axis(rate, 1) / (tf.sqrt(second) + tf.constant(epsilon, dtype))
    return parameters - step, Moments(powers, first, second)


class Adam(Method):
    """Adam, for comparison with deep-learning training loops.

    Reproduces `keras.optimizers.Adam` step by step. Far slower than `LevenbergMarquardt` on nearly
    every fit: it uses the gradient only, not the least-squares structure of the loss.

    Example:
        >>> Adam(learning_rate=0.01).default_max_steps
        20000
    """

    default_max_steps = 20000
    default_starts = 1
    descends = False

    def __init__(
        self,
        learning_rate: float = 1e-3,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
    ):
        """Set the constants; the defaults are those of Keras.

        Args:
            learning_rate: approximate change of a parameter per step, in the parameter's unit.
            beta_1: decay of the first moment, in [0, 1).
            beta_2: decay of the second moment, in [0, 1).
            epsilon: added to the denominator.

        Raises:
            ValueError: for a value outside its range.
        """
        for label, value, low, high in (
            ("learning_rate", learning_rate, 0, np.inf),
            ("epsilon", epsilon, 0, np.inf),
        ):
            if not is_number(value) or not low < value < high:
                raise ValueError(f"Adam: {label} must be a positive number, got {value!r}.")
        for label, value in (("beta_1", beta_1), ("beta_2", beta_2)):
            if not is_number(value) or not 0 <= value < 1:
                raise ValueError(f"Adam: {label} must be in [0, 1), got {value!r}.")
        self.learning_rate = float(learning_rate)
        self.beta_1 = float(beta_1)
        self.beta_2 = float(beta_2)
        self.epsilon = float(epsilon)

    def keeps(self, point: Point) -> Moments:
        """Moments of 0; see `Method.keeps`."""
        zeros = tf.zeros_like(point.parameters)
        return Moments(tf.ones([row_count(zeros), 2], tf.float64), zeros, zeros)

    def propose(self, iteration: Iteration) -> Proposal:
        """One update of every row; see `Method.propose`."""
        point = iteration.point
        parameters, moments = adam_update(
            point.parameters,
            -2.0 * point.descent,
            iteration.state.kept,
            self.learning_rate,
            self.beta_1,
            self.beta_2,
            self.epsilon,
        )
        trial = within_bounds(iteration.data, point, parameters)
        return Proposal(trial, moments, usable=iteration.accepted)
