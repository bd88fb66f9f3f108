"""The interface of a method: pure functions on a named tuple of tensors."""

from __future__ import annotations

from typing import Any, Protocol

import tensorflow as tf

from ..objective.evaluation import Point


class MethodState(Protocol):
    """The fields that the fit loop reads; a method adds its own. The leading dimension is rows.

    Attributes:
        point: the accepted `Point`; its loss is `dtype.max` before the first evaluation.
        trial: `[R, p]`, the parameters to evaluate next.
        stalled: `[R]`, bool, whether the method can make no further progress.
        broken: `[R]`, bool, whether the fit became NaN or infinite.

    A method with `needs_hessian` also has the field `saddle`: `[R]`, bool, whether the Hessian has
    a negative eigenvalue, so that a stationary point is not a minimum.

    A method that computes second derivatives for some rows may have the field `curves_up`: `[R]`,
    bool, whether the Hessian at the accepted point is known to have no negative eigenvalue. The
    loop then skips its own check.
    """

    point: Point
    trial: tf.Tensor
    stalled: tf.Tensor
    broken: tf.Tensor


class Method(Protocol):
    """An iterative method. All functions are pure, and rows never mix.

    Attributes:
        default_max_steps: default limit of steps from one starting point.
        default_starts: default limit of starting points per row.
        needs_hessian: whether `Point.hessian` must be computed.
    """

    default_max_steps: int
    default_starts: int
    needs_hessian: bool

    # A method with a true attribute `uses_curvature` may receive two further arguments in `step`:
    # `curvature`, the `Curvature` at the trial, which gives the Hessian of selected rows, and
    # `curved`, `[R]` bool, the rows that may use it; None for all.

    def init(self, start: tf.Tensor, point: Point, scales: tf.Tensor) -> Any:
        """The state before the first evaluation.

        Args:
            start: `[R, p]`, the starting points, evaluated first.
            point: an empty `Point` of the right shapes. Its loss is `dtype.max`, so any finite
                evaluation is accepted.
            scales: `[R, p]`, a-priori bound on the norms of the Jacobian's columns; 0 if unknown.

        Returns:
            A `MethodState`.
        """
        ...

    def step(self, state: Any, trial: Point, active: tf.Tensor) -> Any:
        """Accept or reject the evaluation of `state.trial` and propose the next trial.

        Args:
            state: the `MethodState`.
            trial: the `Point` at `state.trial`.
            active: `[R]`, bool; the `point` of an inactive row must not change.

        Returns:
            The next `MethodState`.
        """
        ...
