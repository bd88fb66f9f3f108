"""What is fitted to what: the matrices, the observation, the loss, and the data of rows."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import tensorflow as tf

from ..linalg.subspace_iteration import FewLevels, few_of
from ..observations import Comparison
from ..parameterizations import Parameterization
from ..rowwise.axes import new_axis
from .robust_loss import RobustLoss


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
    """The same for all rows.

    Attributes:
        parameterization: makes the matrix.
        comparison: makes the numbers that are compared with the targets.
        loss: how residuals count.
    """

    parameterization: Parameterization
    comparison: Comparison
    loss: RobustLoss

    @property
    def few(self) -> FewLevels | None:
        """How the compared levels are found without the others; None where all are computed."""
        used = self.comparison.used
        structure = self.parameterization
        return few_of(structure.size, used) if structure.prefers_whole else None


class Data(NamedTuple):
    """The data of `R` rows.

    Attributes:
        targets: `[R, m]`, finite; any number where the weight is 0.
        weights: `[R, m]`, 0 where not observed.
        lower: `[R, p]`, the least value of each parameter; () where there are no bounds.
        upper: `[R, p]`, the largest; () where there are no bounds.
        prior_mean: `[R, p]`, finite; () where nothing is known beforehand.
        prior_weight: `[R, p]`, 1 / sigma of the prior, 0 for none; () where nothing is known.
        observed: `[R]`, how many targets were observed, a real number; like the next two () before
            `with_weights_told`.
        largest_weight: `[R]`.
        spread: `[R]`, the smallest weight above 0 as a share of the largest; 0 where there is none.
    """

    targets: Any
    weights: Any
    lower: Any = ()
    upper: Any = ()
    prior_mean: Any = ()
    prior_weight: Any = ()
    observed: Any = ()
    largest_weight: Any = ()
    spread: Any = ()

    @property
    def bounded(self) -> bool:
        """Whether there are bounds."""
        return is_given(self.lower)

    @property
    def has_priors(self) -> bool:
        """Whether anything is known of parameters beforehand."""
        return is_given(self.prior_mean)


def is_given(part: Any) -> bool:
    """Whether an optional part of a named tuple is there, rather than ()."""
    return not isinstance(part, tuple)


def with_weights_told(data: Data) -> Data:
    """The data with what their weights tell, which every step of a fit asks for."""
    weights = data.weights
    seen = weights > 0
    largest = tf.reduce_max(weights, axis=-1)
    smallest = tf.reduce_min(tf.where(seen, weights, new_axis(largest, 1)), axis=-1)
    return data._replace(
        observed=tf.reduce_sum(tf.cast(seen, weights.dtype), axis=-1),
        largest_weight=largest,
        spread=tf.math.divide_no_nan(smallest, largest),
    )


def count_data(model: Model, data: Data) -> tf.Tensor:
    """How many data each row has, `[R]`: levels and priors, one fewer for an unknown offset."""
    count = data.observed
    if model.comparison.centred:
        count -= 1.0
    if data.has_priors:
        count += tf.reduce_sum(tf.cast(data.prior_weight > 0, count.dtype), axis=-1)
    return count
