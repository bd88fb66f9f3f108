"""What is fitted to what: the matrices, the observation, the loss, and the data of rows."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import tensorflow as tf

from .few_levels import FewLevels, few_of
from .observations import Comparison
from .parameterizations import Parameterization
from .robust import RobustLoss


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
        largest_weight: `[R]`; () before the data have been checked.
        spread: `[R]`, the smallest weight above 0 as a share of the largest, 1 where there is none;
            () before the data have been checked.
    """

    targets: Any
    weights: Any
    lower: Any = ()
    upper: Any = ()
    prior_mean: Any = ()
    prior_weight: Any = ()
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


def count_data(model: Model, data: Data) -> tf.Tensor:
    """How many data each row has, `[R]`: levels and priors, one fewer for an unknown offset."""
    dtype = data.targets.dtype
    count = tf.reduce_sum(tf.cast(data.weights > 0, dtype), axis=-1)
    if model.comparison.centred:
        count -= 1.0
    if data.has_priors:
        count += tf.reduce_sum(tf.cast(data.prior_weight > 0, dtype), axis=-1)
    return count
