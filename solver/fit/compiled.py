"""The compiled functions of a solver, each built when it is first needed."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from ..inputs.request import BASIC, BOUNDS, PRIORS, request_shapes
from ..settings import Settings
from . import graphs
from .apart_from_xla import apart_from_xla


class Compiled:
    """What `SpectralSolver` runs.

    TensorFlow saves every `tf.function`, dict and list that it finds in a `tf.Module`. It does not
    look into a plain object such as this one, so that whatever holds a solver can be saved.

    Attributes:
        fit: by whether rows have bounds and priors of their own; so are trace and
            covariance.
        fit_given: the same where every row brings its starting point: a graph without a search.
        trace_given: the same of trace.
        covariance_of_data: the covariance that follows `absolute_sigma`, for which targets are
            needed; `covariance` is that for known sigmas.
        covariance_of_fit: the same with the loss of the fit at hand.

    Args:
        settings: of the solver; all that a copy in another process is made from.
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
        self.loss = self._compile(graphs.loss, "parameters", "targets", "weights")
        of_sigmas = ("parameters", "weights")
        self.covariance = self._by_arguments(graphs.covariance, *of_sigmas)
        self.covariance_of_data = self._by_arguments(graphs.covariance, *of_sigmas, "targets")
        self.covariance_of_fit = self._by_arguments(
            graphs.covariance, *of_sigmas, "targets", "loss"
        )
        self.assignment = self._compile(graphs.assignment, "parameters", "targets", "weights")

    def __reduce__(self) -> tuple[Any, ...]:
        # Graphs belong to their process.
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
            for name in names
        ]
        made = functools.partial(function, settings or self._settings, **options)
        bound = apart_from_xla(made)
        return tf.function(bound, input_signature=signature, autograph=False)

    def _by_arguments(
        self, function: Callable, *basic: str, settings: Settings | None = None
    ) -> dict[tuple[bool, bool], Any]:
        found = {}
        for bounds, priors in ((False, False), (True, False), (False, True), (True, True)):
            names = (*basic, *(BOUNDS if bounds else ()), *(PRIORS if priors else ()))
            found[bounds, priors] = self._compile(function, *names, settings=settings, names=names)
        return found
