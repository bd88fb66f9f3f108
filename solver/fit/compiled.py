"""The compiled functions of a solver, each built when it is first needed."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from ..inputs.request import (
    BASIC,
    BOUNDS,
    PRIORS,
    SIDES,
    Key,
    condition_inputs,
    request_shapes,
)
from ..rowwise.apart_from_xla import apart_from_xla
from ..settings import Settings
from . import graphs


class Compiled:
    """The `tf.function`s that `SpectralSolver` runs.

    TensorFlow saves every `tf.function`, dict and list that it finds in a `tf.Module`. It does not
    look into a plain object such as this one, so a module that holds a solver can be saved.

    Attributes:
        fit: by `Key`, whether rows have bounds, priors and sides of their own; the fields of trace,
            covariance, spread and predict have the same keys.
        trace: of the first start, step by step.
        fit_given: `fit` where every row has a complete starting point: a graph without a search.
        trace_given: `trace`, likewise.
        spectrum: eigenvalues from parameters.
        matrix: matrices from parameters.
        loss: the loss at parameters; by whether rows have sides of their own.
        covariance: for weights that are 1 / sigma; needs no targets.
        covariance_of_data: scaled by the residual unless `absolute_sigma`; needs targets.
        covariance_of_fit: the same, with the loss of the fit as an argument.
        spread_of_fit: the covariance in factors, from the arguments of `covariance_of_fit`.
        predict: all targets of the model, from the arguments of `covariance_of_data`.
        predict_of_fit: the same, from the arguments of `covariance_of_fit`.
        statistics_of_fit: covariance, predictions and chi2, from the same.
        levels_and_slopes: all levels and their derivatives, from parameters.
        assignment: the level number of each target; by whether rows have sides of their own.

    If the structure takes conditions, they are the last argument of each.

    Args:
        settings: of the solver. A pickled copy is rebuilt from these alone.
    """

    def __init__(self, settings: Settings):
        self._settings = settings
        self._shapes = request_shapes(settings)
        self.fit = self._by_arguments(graphs.fit, *BASIC)
        self.trace = self._by_arguments(graphs.trace, *BASIC)
        given = dataclasses.replace(settings, given=True, starts=1)
        self.fit_given = self._by_arguments(graphs.fit, *BASIC, settings=given)
        self.trace_given = self._by_arguments(graphs.trace, *BASIC, settings=given)
        self.spectrum = self._compile(graphs.spectrum, "parameters")
        self.matrix = self._compile(graphs.matrix, "parameters")
        at_data = ("parameters", "targets", "weights")
        self.loss = self._by_sides(graphs.loss, *at_data)
        of_sigmas = ("parameters", "weights")
        self.covariance = self._by_arguments(graphs.covariance, *of_sigmas)
        self.covariance_of_data = self._by_arguments(graphs.covariance, *of_sigmas, "targets")
        of_fit = (*of_sigmas, "targets", "loss")
        self.covariance_of_fit = self._by_arguments(graphs.covariance, *of_fit)
        self.spread_of_fit = self._by_arguments(graphs.spread, *of_fit)
        self.predict = self._by_arguments(graphs.predict, *of_sigmas, "targets")
        self.predict_of_fit = self._by_arguments(graphs.predict, *of_fit)
        self.statistics_of_fit = self._by_arguments(graphs.statistics, *of_fit)
        self.levels_and_slopes = self._compile(graphs.levels_and_slopes, "parameters")
        self.assignment = self._by_sides(graphs.assignment, *at_data)

    def __reduce__(self) -> tuple[Any, ...]:
        # Graphs cannot be pickled.
        return Compiled, (self._settings,)

    def _compile(
        self,
        function: Callable,
        *names: str,
        settings: Settings | None = None,
        **options: Any,
    ) -> Any:
        dtype = self._settings.dtype
        signature = [
            tf.TensorSpec(self._shapes[name], tf.int32 if name == "max_steps" else dtype, name)
            for name in (*names, *condition_inputs(self._settings))
        ]
        made = functools.partial(function, settings or self._settings, **options)
        bound = apart_from_xla(made)
        return tf.function(bound, input_signature=signature, autograph=False)

    def _by_sides(self, function: Callable, *basic: str) -> _WhenNeeded:
        def make(given: bool) -> Any:
            return self._compile(function, *basic, *(SIDES if given else ()))

        return _WhenNeeded(make)

    def _by_arguments(
        self, function: Callable, *basic: str, settings: Settings | None = None
    ) -> _WhenNeeded:
        def make(key: Key) -> Any:
            known = itertools.compress((BOUNDS, PRIORS, SIDES), key)
            given = (*basic, *itertools.chain.from_iterable(known))
            names = (*given, *condition_inputs(self._settings))
            return self._compile(function, *given, settings=settings, names=names)

        return _WhenNeeded(make)


class _WhenNeeded(dict[Any, Any]):
    """A dict whose values are made when they are asked for: of many kinds of calls, few are used.

    Args:
        make: from a key to its value.
    """

    def __init__(self, make: Callable[[Any], Any]):
        super().__init__()
        self._make = make

    def __missing__(self, key: Any) -> Any:
        return self.setdefault(key, self._make(key))  # the same for all threads
