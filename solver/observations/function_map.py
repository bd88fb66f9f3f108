"""Targets that are a differentiable function of the levels, with derivatives by TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ..rowwise.derivatives import first_along, second_along
from ..rowwise.products import matmul_rows
from .target_map import TargetMap

# Passes through the derivatives of a function, for as many or more parameters. In one pass of all
# parameters 1000 rows of a heat capacity take twice the time; each pass adds to the graph.
_PASSES = 8


@dataclasses.dataclass(frozen=True, eq=False)
class FunctionMap(TargetMap):
    """`f(lambda)`, a function of the levels of all members.

    By the chain rule `df/dx = f' dlambda/dx`, with the Hellmann-Feynman derivatives of the levels,
    and `d2f/dx2 = f' d2lambda/dx2 + f''[dlambda/dx, dlambda/dx]`. The products with f' and f'' are
    those of automatic differentiation, so f is never differentiated by one level at a time.

    Attributes:
        num_levels: `n`, the number of levels of all members.
        function: maps levels `[R, n]` to values `[R, m]`; every row by itself.
        num_values: `m`.
        used: the numbers of the levels that the function depends on, ascending.
        own_levels: `[m, w]`, the numbers of the levels that each value depends on; None for all.
        ordered: see `TargetMap`.
        in_level_units: whether the values are differences or means of levels.
        unit_of: from the unit of the levels to that of the values; None where `in_level_units` says
            all that is known.
        most_passes: see `first_along`; 1 for a function of few operations.
    """

    num_levels: int
    function: Callable[[tf.Tensor], tf.Tensor]
    num_values: int
    used: np.ndarray  # type: ignore[assignment]
    own_levels: np.ndarray | None = None
    ordered: tuple[np.ndarray, np.ndarray] | None = None
    in_level_units: bool = False  # type: ignore[assignment]
    centred: bool = False
    unit_of: Callable[[str], str] | None = None
    most_passes: int = _PASSES

    def units(self, level_unit: str) -> tuple[str, ...]:
        """The unit of each target; see `TargetMap.units`."""
        if self.unit_of is None:
            return super().units(level_unit)
        return (self.unit_of(level_unit),) * self.num_values

    @property
    def upper(self) -> np.ndarray:  # type: ignore[override]
        """`[m]`, -1: no target is a single level."""
        return np.full(self.num_values, -1)

    @property
    def lower(self) -> np.ndarray:  # type: ignore[override]
        """`[m]`, -1: no target is measured from a level."""
        return np.full(self.num_values, -1)

    @property
    def measures(self) -> np.ndarray:  # type: ignore[override]
        """`[m]`, True: every target is a datum."""
        return np.ones(self.num_values, bool)

    @property
    def compared_levels(self) -> np.ndarray:
        """The levels of each value; see `TargetMap`."""
        every = np.full((self.num_values, 1), self.num_levels)
        return every if self.own_levels is None else self.own_levels

    @property
    def bends(self) -> bool:
        """True: the function may be any."""
        return True

    def assign(self, levels: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """`[1, m]`, -1; see `TargetMap.assign`."""
        del levels, targets, weights
        return tf.constant(self.upper[None], tf.int32)

    def observe(self, levels: tf.Tensor, assignment: tf.Tensor | None = None) -> tf.Tensor:
        """`f(lambda)`; see `TargetMap.observe`."""
        del assignment
        return self.function(levels)

    def observe_slopes(
        self, levels: tf.Tensor, slopes: tf.Tensor, assignment: tf.Tensor | None = None
    ) -> tf.Tensor:
        """`f' dlambda/dx`; see `TargetMap.observe_slopes`."""
        del assignment
        found = first_along(self.function, levels, _as_directions(slopes), self.most_passes)
        return tf.transpose(found, [1, 2, 0])

    def pull_back(
        self, levels: tf.Tensor, force: tf.Tensor, assignment: tf.Tensor | None = None
    ) -> tf.Tensor:
        """`f'^T g`; see `TargetMap.pull_back`."""
        del assignment
        with tf.GradientTape() as tape:
            tape.watch(levels)
            values = self.function(levels)
        zero = tf.UnconnectedGradients.ZERO
        return tape.gradient(values, levels, output_gradients=force, unconnected_gradients=zero)

    def bending(self, levels: tf.Tensor, slopes: tf.Tensor, force: tf.Tensor) -> tf.Tensor | None:
        """`sum_k g_k f_k''[dlambda/dx, dlambda/dx]`; see `TargetMap.bending`."""

        def total(rows: tf.Tensor, forces: tf.Tensor) -> tf.Tensor:
            return tf.reduce_sum(forces * self.function(rows), axis=-1)

        passes = self.most_passes
        second = second_along(total, levels, _as_directions(slopes), [force], passes)
        found = matmul_rows(tf.transpose(second, [1, 0, 2]), slopes)
        return 0.5 * (found + tf.linalg.matrix_transpose(found))

    def sensitivity(
        self, levels: tf.Tensor, slopes: tf.Tensor, value_slopes: tf.Tensor, sizes: tf.Tensor
    ) -> tf.Tensor:
        """The largest `|df/dx| / max |dlambda/dx|` of a parameter, plus its size over |lambda|.

        The first is a lower bound of `sum_k |df / dlambda_k|`, near it unless all parameters move
        the levels in directions that the function does not see. The second is the function's own
        rounding error.
        """
        moved = tf.reduce_max(tf.abs(slopes), axis=1, keepdims=True)
        ratio = tf.math.divide_no_nan(tf.abs(value_slopes), moved)
        found = tf.reduce_max(ratio, axis=2)
        largest = tf.reduce_max(tf.abs(levels), axis=-1, keepdims=True)
        return found + tf.math.divide_no_nan(sizes, largest)


def _as_directions(slopes: tf.Tensor) -> tf.Tensor:
    """`[k, R, n]` from `[R, n, k]`."""
    return tf.transpose(slopes, [2, 0, 1])
