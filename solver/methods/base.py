"""What the loop asks of a method: pure functions on a named tuple of tensors."""

from __future__ import annotations

from typing import Any, Protocol

import tensorflow as tf

from ..objective.evaluation import Point


class MethodState(Protocol):
    """The fields that the loop reads; a method adds its own. The leading dimension is rows.

    Attributes:
        point: the accepted `Point`; its loss is the largest number while there is none.
        trial: `[R, p]`, the parameters that the loop evaluates next.
        stalled: `[R]`, bool, the method cannot make progress from here.
        broken: `[R]`, bool, the fit became NaN or infinite and cannot go on.

    A method that needs the Hessian has one field more, `saddle`: `[R]`, bool, whether the loss
    falls along a direction of negative curvature, so that the point is no minimum, flat as it is.

    A method that has second derivatives of some rows may have the field `curves_up`: `[R]`, bool,
    whether the loss is known to curve upwards at the accepted point. The loop then need not look.
    """

    point: Point
    trial: tf.Tensor
    stalled: tf.Tensor
    broken: tf.Tensor


class Method(Protocol):
    """An iterative method. All functions are pure, and rows never mix.

    Attributes:
        default_max_steps: the most steps from one starting point, when the user sets no limit.
        default_starts: the most starting points of a row, when the user sets no limit.
        needs_hessian: whether `Point.hessian` is to be computed.
    """

    default_max_steps: int
    default_starts: int
    needs_hessian: bool

    # A method with an attribute `uses_curvature` that is true may get two arguments more in
    # `step`: `curvature`, the `Curvature` at the trial, from which it can have the Hessian of some
    # rows, and `curved`, `[R]` bool, for which rows it is meant; None for all.

    def init(self, start: tf.Tensor, point: Point, scales: tf.Tensor) -> Any:
        """The state before the first evaluation.

        Args:
            start: `[R, p]`, the starting points, evaluated first.
            point: a `Point` of the right shapes that holds nothing yet: its loss is the largest
                number, so that anything is better.
            scales: `[R, p]`, the size of the weighted derivative by each parameter as far as it
                is known beforehand, else 0.

        Returns:
            A `MethodState`.
        """
        ...

    def step(self, state: Any, trial: Point, active: tf.Tensor) -> Any:
        """Take in the evaluation of `state.trial` and propose the next trial.

        Args:
            state: the `MethodState`.
            trial: the `Point` at `state.trial`.
            active: `[R]`, bool; the `point` of an inactive row must not change.

        Returns:
            The next `MethodState`.
        """
        ...
