"""Observation of a differentiable function of the levels."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..checks import check_count
from ..rowwise.elementwise import in_row_packets
from .base import Observation
from .function_map import FunctionMap
from .guesses import evenly_spaced
from .target_map import TargetMap


class Observable(Observation):
    """Targets are a differentiable TensorFlow function of the levels.

    For what depends on many levels at once: a heat capacity, a partition function, a susceptibility
    from the levels at neighbouring fields, a ratio of splittings. First and second derivatives
    follow by automatic differentiation from those of the levels, so all methods, standard errors
    and gradients work as for levels. Put it beside other observations with `Joint`.

    The function gets all rows of a batch. A row must not depend on the others: use elementwise
    operations, and sums along the other axes, which also round each row the same in every batch.
    Levels that cross must enter symmetrically, as in a sum over states, or the function has a kink
    there.

    Without further knowledge a start is random. A search finds the scale of the parameters more
    surely with some levels beside the function, or with bounds or priors.

    Example:
        >>> gaps = Observable(lambda levels: levels[:, 2:] / levels[:, 1:2], num_targets=1)
        >>> ladder = Affine(None, [np.diag([0.0, 1.0, 0.0]), np.diag([0.0, 0.0, 1.0])])
        >>> both = Joint([Levels(indices=[1]), gaps])
        >>> fit = SpectralSolver(ladder, observation=both).fit([[2.0, 2.5]], initial=[[1.0, 3.0]])
        >>> fit.parameters.numpy().round(9).tolist()
        [[2.0, 5.0]]
    """

    def __init__(
        self, function: Callable[[Any], tf.Tensor], num_targets: int, name: str | None = None
    ) -> None:
        """Set the function.

        Args:
            function: maps the levels `[R, n]`, ascending, to the values `[R, m]`, real, in the unit
                of the targets. In a `Family` it gets a tuple with the levels `[R, n_k]` of each
                member. In a `Sweep` it gets the levels `[R, K, n]`, and a row in which the values
                were observed must have all K conditions.
            num_targets: m.
            name: name of the module.

        Raises:
            ValueError: if the function is not callable or m is not an integer of at least 1.
        """
        super().__init__(name=name)
        if not callable(function):
            raise ValueError(
                "Observable: function must be a TensorFlow function of the levels [rows, n], got "
                f"{function!r}."
            )
        self._function = function
        self._count = check_count("Observable", "num_targets", num_targets)

    def describe(self) -> dict[str, Any]:
        """Its arguments as plain data; a function has none but its name."""
        name = getattr(self._function, "__name__", type(self._function).__name__)
        return {"function": name, "num_targets": self._count}

    def of(self, counts: Sequence[int]) -> TargetMap:
        """The map for members with these numbers of levels; see `Observation.of`."""
        sizes = [int(count) for count in counts]

        def values(levels: tf.Tensor) -> tf.Tensor:
            if len(sizes) == 1:
                return self._function(levels)
            return self._function(tuple(tf.split(levels, sizes, axis=1)))

        return self._map(sum(sizes), values)

    def at_conditions(self, counts: Sequence[int]) -> TargetMap:
        """See `Observation.at_conditions`."""
        limit, states = len(counts), counts[0]

        def values(levels: tf.Tensor) -> tf.Tensor:
            return self._function(tf.reshape(levels, [-1, limit, states]))

        return self._map(limit * states, values)

    def _map(self, size: int, values: Callable[[tf.Tensor], tf.Tensor]) -> FunctionMap:
        """The map with a function of all levels `[R, n]`."""
        function = functools.partial(in_row_packets, values)
        return FunctionMap(size, function, self._count, np.arange(size))

    def as_levels(self, comparison: TargetMap, targets: tf.Tensor) -> tf.Tensor:
        """NaN: the targets say nothing about single levels; see `Observation.as_levels`."""
        del comparison
        return tf.zeros_like(targets) + tf.constant(np.nan, targets.dtype)

    def guesses(
        self,
        comparison: TargetMap,
        counts: Sequence[int],
        targets: tf.Tensor,
        number: tf.Tensor,
        attempts: int,
    ) -> tf.Tensor:
        """Evenly spaced levels of different spread; see `Observation.guesses`."""
        del comparison, attempts
        return evenly_spaced(counts, number, targets.dtype)
