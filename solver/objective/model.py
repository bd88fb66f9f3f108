"""The model (matrices, observation, loss) and the data of the rows."""

from __future__ import annotations

import collections
import dataclasses
from typing import Any, NamedTuple

import tensorflow as tf

from ..linalg.subspace_iteration import FewLevels, few_of
from ..observations import TargetMap
from ..parameterizations import Parameterization
from ..results.labels import level_labels
from ..rowwise.axes import new_axis
from .robust_loss import RobustLoss


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
    """What all rows share.

    Attributes:
        parameterization: maps parameters to the matrix.
        comparison: maps levels to the values that are compared with the targets.
        loss: the (robust) loss of the weighted residuals.
    """

    parameterization: Parameterization
    comparison: TargetMap
    loss: RobustLoss

    @property
    def target_names(self) -> tuple[str, ...] | None:
        """What each target is, such as `M=3:1 - M=2:0`; None where the fit assigns the levels.

        A name that several targets would have is followed by the number of the column, as in
        `1 - 0 #4`.
        """
        comparison, counts = self.comparison, self.parameterization.level_counts
        if comparison.assigned:
            return None
        names = level_labels(counts, *comparison.lines)
        several = {name for name, times in collections.Counter(names).items() if times > 1}
        return tuple(
            f"{name} #{place}" if name in several else name for place, name in enumerate(names)
        )

    @property
    def few(self) -> FewLevels | None:
        """How to compute only the compared levels; None if all levels are computed."""
        used = self.comparison.used
        structure = self.parameterization
        return few_of(structure.size, used) if structure.whole_is_cheaper else None

    def structure(self, data: Data) -> Parameterization:
        """The parameterization of these rows: at their conditions, if it takes any."""
        if not is_given(data.conditions):
            return self.parameterization
        return self.parameterization.at_prepared(data.conditions)


class Data(NamedTuple):
    """The data of `R` rows.

    Attributes:
        targets: `[R, m]`, finite; any number where the weight is 0.
        weights: `[R, m]`, 0 where not observed.
        lower: `[R, p]`, the lower bounds; () without bounds.
        upper: `[R, p]`, the upper bounds; () without bounds.
        prior_mean: `[R, p]`, finite; () without priors.
        prior_weight: `[R, p]`, 1 / sigma of the prior, 0 for no prior; () without priors.
        observed: `[R]`, the number of observed targets, floating point. This and the next two are
            () before `with_weight_summary`.
        largest_weight: `[R]`.
        weight_ratio: `[R]`, the smallest positive weight over the largest; 0 without any.
        sides: `[R, m]`, 1 if the value is above the target, -1 if it is below, 0 if the target is
            its value; () if all targets are values.
        conditions: `[R, K, W]`, the conditions of each row as `Parameterization.prepared` returns
            them; () if the parameterization takes none.
    """

    targets: Any
    weights: Any
    lower: Any = ()
    upper: Any = ()
    prior_mean: Any = ()
    prior_weight: Any = ()
    observed: Any = ()
    largest_weight: Any = ()
    weight_ratio: Any = ()
    sides: Any = ()
    conditions: Any = ()

    @property
    def bounded(self) -> bool:
        """Whether there are bounds."""
        return is_given(self.lower)

    @property
    def has_priors(self) -> bool:
        """Whether there are priors."""
        return is_given(self.prior_mean)

    @property
    def one_sided(self) -> bool:
        """Whether some targets may be limits."""
        return is_given(self.sides)


def is_given(part: Any) -> bool:
    """Whether an optional field of a named tuple is given, rather than ()."""
    return not isinstance(part, tuple)


def with_weight_summary(data: Data) -> Data:
    """Fill in `observed`, `largest_weight` and `weight_ratio`, which every step uses."""
    weights = data.weights
    seen = weights > 0
    largest = tf.reduce_max(weights, axis=-1)
    smallest = tf.reduce_min(tf.where(seen, weights, new_axis(largest, 1)), axis=-1)
    return data._replace(
        observed=tf.reduce_sum(tf.cast(seen, weights.dtype), axis=-1),
        largest_weight=largest,
        weight_ratio=tf.math.divide_no_nan(smallest, largest),
    )


def prior_pull(data: Data, parameters: tf.Tensor) -> tf.Tensor:
    """The residuals of the priors, `(mean - x) / sigma`, `[R, p]`."""
    return data.prior_weight * (data.prior_mean - parameters)


def limits_met(data: Data, difference: tf.Tensor) -> tf.Tensor:
    """Which targets are limits that are met, `[R, m]` bool.

    Args:
        data: of `R` rows, with `sides`.
        difference: `[R, m]`, targets minus values, weighted or not; 0 for limits known to be met.
    """
    return (data.sides != 0) & (data.sides * difference <= 0)


def without_met_limits(data: Data, difference: tf.Tensor) -> Data:
    """Set the weights of limits that are met to 0: these are no data; see `limits_met`."""
    if not data.one_sided:
        return data
    met = limits_met(data, difference)
    return data._replace(weights=tf.where(met, tf.zeros_like(data.weights), data.weights))


def count_data(model: Model, data: Data, residual: tf.Tensor | None = None) -> tf.Tensor:
    """The number of data of each row, `[R]`: targets and priors, minus 1 for each fitted offset.

    Args:
        model: matrices, observation and loss.
        data: of `R` rows.
        residual: `[R, M]`, of a `Point`, which shows the limits that are met: these are no data.
            None counts all limits.
    """
    count = data.observed
    if data.one_sided and residual is not None:
        met = limits_met(data, residual[:, : data.targets.shape[1]]) & (data.weights > 0)
        count -= tf.reduce_sum(tf.cast(met, count.dtype), axis=-1)
    if model.comparison.centred:
        count -= model.comparison.count_offsets(data.weights)
    if data.has_priors:
        count += tf.reduce_sum(tf.cast(data.prior_weight > 0, count.dtype), axis=-1)
    return count
