"""What a `FitResult` computes on demand: covariance, functions of parameters, predictions."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from ..inputs.arguments import Arguments
from ..inputs.request import Key
from ..named_function import values_and_slopes
from ..names import check_results
from ..objective.propagation import Spread, covariance_of, propagate
from ..observations import Observation, TargetMap
from ..results.derived import Derived, Prediction
from ..results.fit_result import Context
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
        self._settings, self._arguments, self._compiled = settings, arguments, compiled

    def context(
        self,
        targets: tf.Tensor,
        weights: tf.Tensor,
        known: Sequence[tf.Tensor],
        key: Key,
        conditions: Sequence[tf.Tensor],
        assign: Callable[..., tf.Tensor],
    ) -> Context:
        """What the methods of a `FitResult` need besides its fields.

        Args:
            targets: `[B, m]`.
            weights: `[B, m]`.
            known: bounds, priors and sides of the rows, those given.
            key: which are given.
            conditions: `[conditions]`, or [] if the structure takes none.
            assign: `SpectralSolver.assignment`.
        """
        settings = self._settings
        comparison, structure = settings.model.comparison, settings.parameterization
        sides = settings.sides
        if key[2]:
            sides = known[-1] if sides is None else _filled(known[-1], sides)
        data = (targets, weights, *known, *conditions)
        spread = functools.partial(self._at_ends, "spread_of_fit", key, data)
        moves = comparison.assigned or comparison.ordered is not None
        return Context(
            parameter_names=structure.parameter_names,
            targets=targets,
            weights=weights,
            counts=structure.level_counts,
            lines=comparison.lines,
            sides=sides,
            assign=assign if moves else None,
            conditions=conditions[0] if conditions else (),
            covariance=functools.partial(self._at_ends, "covariance_of_fit", key, data),
            derived=functools.partial(self._derived_at, spread),
            predict=functools.partial(self._predicted_at, spread, key, data, conditions),
        )

    def _at_ends(
        self,
        what: str,
        key: Key,
        data: Sequence[tf.Tensor],
        parameters: tf.Tensor,
        loss: tf.Tensor,
    ) -> Any:
        """Compute something at the ends `[B * S, p]` of a fit, with their losses `[B * S]`.

        Args:
            what: a field of `Compiled`. (Its functions cannot be pickled, and a result can.)
            key: whether the rows have bounds, priors and sides of their own.
            data: of the B rows: targets, weights, and bounds, priors and sides if given.
            parameters: of the ends.
            loss: of the ends.
        """
        targets, weights, *known = (
            tf.repeat(part, self._settings.solutions, axis=0) for part in data
        )
        compute = getattr(self._compiled, what)[key]
        return compute(parameters, weights, targets, loss, *known)

    def _derived_at(
        self,
        spread: Callable[[tf.Tensor, tf.Tensor], Spread],
        parameters: tf.Tensor,
        loss: tf.Tensor,
        function: Callable[..., Any],
        names: Sequence[str] | None,
    ) -> Derived:
        """Functions of the parameters at the ends of a fit; see `FitResult.derived`."""
        found, values, slopes = values_and_slopes(
            "derived", function, self._settings.parameterization.parameter_names, parameters
        )
        found = check_results("derived", names, found)
        errors, half = propagate(spread(parameters, loss), slopes)
        lost = tf.reduce_any(tf.math.is_nan(parameters), axis=1, keepdims=True)
        values = tf.where(lost, tf.constant(float("nan"), values.dtype), values)
        result = Derived(values, errors, covariance_of(errors, half))
        result.names = found
        return result

    def _predicted_at(
        self,
        spread: Callable[[tf.Tensor, tf.Tensor], Spread],
        key: Key,
        data: Sequence[tf.Tensor],
        fitted_at: Sequence[tf.Tensor],
        parameters: tf.Tensor,
        loss: tf.Tensor,
        observation: Any,
        conditions: Any,
    ) -> Prediction:
        """Predictions at the ends of a fit; see `FitResult.predict`."""
        if observation is None and conditions is None:
            return self._at_ends("predict_of_fit", key, data, parameters, loss)
        comparison = self._comparison_of(observation)
        at = fitted_at
        if conditions is not None:
            at = self._arguments.conditions(conditions).of_rows(data[0])
        at = [tf.repeat(part, self._settings.solutions, axis=0) for part in at]
        levels, slopes = self._compiled.levels_and_slopes(parameters, *at)
        none = tf.math.is_nan(levels)
        levels = tf.where(none, tf.zeros_like(levels), levels)
        slopes = comparison.observe_slopes(levels, slopes)
        errors, _ = propagate(spread(parameters, loss), slopes)
        lost = comparison.lacks(none)  # as at conditions that a row does not have
        nan = tf.constant(float("nan"), errors.dtype)
        values = comparison.observe(levels)
        return Prediction(tf.where(lost, nan, values), tf.where(lost, nan, errors))

    def _comparison_of(self, observation: Any) -> TargetMap:
        """The map of an observation whose values can be predicted; None for that of the solver."""
        if observation is not None and not isinstance(observation, Observation):
            raise ValueError(
                "predict: observation must be an Observation such as Levels(), or None for that "
                f"of the solver, got {observation!r}."
            )
        structure, comparison = self._settings.parameterization, self._settings.model.comparison
        if observation is not None:
            several = structure.conditions_shape is not None
            made = observation.at_conditions if several else observation.of
            comparison = made(structure.level_counts)
        if comparison.assigned or comparison.centred:
            kind = type(observation or self._settings.observation).__name__
            what = "Matched" if comparison.assigned else f'{kind}(relative_to="mean")'
            raise ValueError(
                f"predict: the values of {what} depend on targets, of which there are none; "
                "predict Levels(), or leave observation out for that of the solver."
            )
        return comparison


def _filled(sides: tf.Tensor, default: Any) -> tf.Tensor:
    """The sides of the rows, `[B, m]`, with the default where they are NaN."""
    return tf.where(tf.math.is_nan(sides), tf.constant(default, sides.dtype), sides)
