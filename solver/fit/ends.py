"""What a `FitResult` computes on demand: covariance, functions of parameters, predictions."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..description import describe_model
from ..inputs.arguments import Arguments
from ..inputs.request import Key
from ..named_function import values_and_slopes
from ..names import check_results
from ..objective.propagation import covariance_of, propagate
from ..observations import Observation, TargetMap
from ..results.context import Context, Facts
from ..results.covariance import Covariance
from ..results.derived import Derived, Prediction
from ..results.statistics import Statistics
from ..settings import Settings
from .compiled import Compiled


class Ends:
    """Computes the methods of a `FitResult`; it can be pickled with the result.

    Args:
        settings: of the solver.
        arguments: of its methods.
        compiled: its functions.
    """

    def __init__(self, settings: Settings, arguments: Arguments, compiled: Compiled):
        self.settings, self.arguments, self.compiled = settings, arguments, compiled

    @functools.cached_property
    def facts(self) -> Facts:
        """What the results of a solver have in common."""
        settings = self.settings
        comparison, structure = settings.model.comparison, settings.parameterization
        names, units = structure.parameter_names, structure.parameter_units
        ones = np.ones(comparison.num_targets)
        upper, lower = comparison.lines
        return Facts(
            parameter_names=names,
            parameter_units=tuple(units.get(name, "") for name in names),
            level_unit=structure.level_unit,
            target_units=comparison.units(structure.level_unit),
            counts=structure.level_counts,
            upper=upper,
            lower=lower,
            measures=comparison.measures,
            weights=ones if settings.weights is None else settings.weights,
            absolute_sigma=settings.absolute_sigma,
            moves=comparison.assigned or comparison.ordered is not None,
            model=describe_model(settings),
        )

    def context(
        self,
        targets: tf.Tensor,
        weights: tf.Tensor,
        known: Sequence[tf.Tensor],
        key: Key,
        conditions: Sequence[tf.Tensor],
        assign: Callable[..., tf.Tensor],
    ) -> Context:
        """What a `FitResult` knows besides its fields.

        Args:
            targets: `[B, m]`.
            weights: `[B, m]`.
            known: bounds, priors and sides of the rows, those given.
            key: which are given.
            conditions: `[conditions]`, or [] if the structure takes none.
            assign: `SpectralSolver.assignment`.
        """
        sides = self.settings.sides
        if key[2]:
            sides = known[-1] if sides is None else _filled(known[-1], sides)
        data = (targets, weights, *known, *conditions)
        at = conditions[0] if conditions else ()
        source = _OfFit(self, key, data, sides, at, assign)
        return Context(self.facts, targets, weights, sides, at, source)


@dataclasses.dataclass(frozen=True, eq=False)
class _OfFit:
    """Computes at the ends `[B * S, p]` of one fit, with their losses `[B * S]`.

    Attributes:
        ends: of the solver.
        key: whether the rows have bounds, priors and sides of their own.
        data: of the B rows: targets, weights, and bounds, priors, sides and conditions if given.
        sides: see `Context`.
        conditions: see `Context`.
        assign: `SpectralSolver.assignment`.
    """

    ends: Ends
    key: Key
    data: Sequence[tf.Tensor]
    sides: Any
    conditions: Any
    assign: Callable[..., tf.Tensor]

    def at(self, rows: slice) -> _OfFit:
        """The same for some of the rows."""
        return dataclasses.replace(
            self,
            data=[part[rows] for part in self.data],
            sides=self.sides[rows] if np.ndim(self.sides) == 2 else self.sides,
            conditions=() if isinstance(self.conditions, tuple) else self.conditions[rows],
        )

    def covariance(self, parameters: tf.Tensor, loss: tf.Tensor) -> Covariance:
        """The covariance; see `FitResult.covariance`."""
        return self._at_ends("covariance_of_fit", parameters, loss)

    def statistics(self, parameters: tf.Tensor, loss: tf.Tensor) -> Statistics:
        """Covariance, predictions and chi2 in one graph."""
        return self._at_ends("statistics_of_fit", parameters, loss)

    def levels(self, parameters: tf.Tensor) -> tf.Tensor:
        """The level number of each target; see `SpectralSolver.assignment`."""
        several = self.ends.settings.solutions
        targets, weights = (tf.repeat(part, several, axis=0) for part in self.data[:2])
        given: dict[str, Any] = {}
        if self.sides is not None:
            sides = tf.broadcast_to(tf.cast(self.sides, targets.dtype), tf.shape(self.data[0]))
            given["sides"] = tf.repeat(sides, several, axis=0)
        if not isinstance(self.conditions, tuple):
            given["conditions"] = tf.repeat(self.conditions, several, axis=0)
        return self.assign(parameters, targets, weights, **given)

    def derived(
        self,
        parameters: tf.Tensor,
        loss: tf.Tensor,
        function: Callable[..., Any],
        names: Sequence[str] | None,
    ) -> Derived:
        """Functions of the parameters; see `FitResult.derived`."""
        found, values, slopes = values_and_slopes(
            "derived", function, self.ends.settings.parameterization.parameter_names, parameters
        )
        found = check_results("derived", names, found)
        spread = self._at_ends("spread_of_fit", parameters, loss)
        errors, half = propagate(spread, slopes)
        lost = tf.reduce_any(tf.math.is_nan(parameters), axis=1, keepdims=True)
        values = tf.where(lost, tf.constant(float("nan"), values.dtype), values)
        result = Derived(values, errors, covariance_of(errors, half))
        result.names = found
        return result

    def predict(
        self, parameters: tf.Tensor, loss: tf.Tensor, observation: Any, conditions: Any
    ) -> Prediction:
        """Predictions; see `FitResult.predict`."""
        if observation is None and conditions is None:
            return self._at_ends("predict_of_fit", parameters, loss)
        settings, targets = self.ends.settings, self.data[0]
        comparison = _comparison_of(settings, observation)
        at = [] if isinstance(self.conditions, tuple) else [self.conditions]
        if conditions is not None:
            at = self.ends.arguments.conditions(conditions).of_rows(targets)
        at = [tf.repeat(part, settings.solutions, axis=0) for part in at]
        levels, slopes = self.ends.compiled.levels_and_slopes(parameters, *at)
        none = tf.math.is_nan(levels)
        levels = tf.where(none, tf.zeros_like(levels), levels)
        slopes = comparison.observe_slopes(levels, slopes)
        errors, _ = propagate(self._at_ends("spread_of_fit", parameters, loss), slopes)
        lost = comparison.lacks(none)  # as at conditions that a row does not have
        nan = tf.constant(float("nan"), errors.dtype)
        values = comparison.observe(levels)
        return Prediction(tf.where(lost, nan, values), tf.where(lost, nan, errors))

    def _at_ends(self, what: str, parameters: tf.Tensor, loss: tf.Tensor) -> Any:
        """Compute a field of `Compiled`, by name: its functions cannot be pickled, a result can."""
        several = self.ends.settings.solutions
        targets, weights, *known = (tf.repeat(part, several, axis=0) for part in self.data)
        compute = getattr(self.ends.compiled, what)[self.key]
        return compute(parameters, weights, targets, loss, *known)


def _comparison_of(settings: Settings, observation: Any) -> TargetMap:
    """The map of an observation whose values can be predicted; None for that of the solver."""
    if observation is not None and not isinstance(observation, Observation):
        raise ValueError(
            "predict: observation must be an Observation such as Levels(), or None for that "
            f"of the solver, got {observation!r}."
        )
    structure, comparison = settings.parameterization, settings.model.comparison
    if observation is not None:
        several = structure.conditions_shape is not None
        made = observation.at_conditions if several else observation.of
        comparison = made(structure.level_counts)
    if comparison.assigned or comparison.centred:
        kind = type(observation or settings.observation).__name__
        what = "Matched" if comparison.assigned else f'{kind}(relative_to="mean")'
        raise ValueError(
            f"predict: the values of {what} depend on targets, of which there are none; "
            "predict Levels(), or leave observation out for that of the solver."
        )
    return comparison


def _filled(sides: tf.Tensor, default: Any) -> tf.Tensor:
    """The sides of the rows, `[B, m]`, with the default where they are NaN."""
    return tf.where(tf.math.is_nan(sides), tf.constant(default, sides.dtype), sides)
