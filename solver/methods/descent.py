"""What a method is, and the step that all methods share.

A method proposes where to go from the accepted point. This file does the rest: it accepts or
rejects what was evaluated, keeps the scales of the parameters, and stays within the bounds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from ..objective.bounds import within_bounds
from ..objective.hessian import Curvature
from ..objective.model import Data, Model
from ..objective.point import Point
from ..rowwise.tables import select_rows

# A gradient vanishes if no cosine between the residual and a column of the Jacobian is larger.
GRADIENT_TOLERANCE = {tf.float64: 1e-10, tf.float32: 1e-5}


class MethodState(NamedTuple):
    """The rows of a fit between two evaluations.

    Attributes:
        point: the accepted `Point`; its loss is `dtype.max` before the first evaluation.
        trial: `[R, p]`, the parameters to evaluate next.
        stalled: `[R]` bool, whether the method can make no further progress.
        broken: `[R]` bool, whether the fit became NaN or infinite.
        scales: `[R, p]`, the scale of each parameter: the largest column norm so far; 0 if unknown.
        kept: what the method keeps of its own, of any structure.
        saddle: `[R]` bool, whether the Hessian at the point has a negative eigenvalue, so that a
            vanishing gradient is not a minimum; () without `needs_hessian`.
        curves_up: `[R]` bool, whether the Hessian at the point is known to be positive definite;
            () without `uses_curvature`.
    """

    point: Point
    trial: tf.Tensor
    stalled: tf.Tensor
    broken: tf.Tensor
    scales: tf.Tensor
    kept: Any = ()
    saddle: Any = ()
    curves_up: Any = ()


class Iteration(NamedTuple):
    """What a method knows when it proposes.

    Attributes:
        state: the state before the evaluation.
        trial: the `Point` that was evaluated.
        point: the accepted point: the trial where it was accepted, else as before.
        units: `[R, p]`, the scale of each parameter, positive.
        data: targets, weights, bounds and priors.
        active: `[R]` bool, the rows that are not done.
        first: `[R]` bool, whether the trial was the first evaluation.
        accepted: `[R]` bool.
        even: `[R]` bool, whether the losses before and after agree to within rounding.
        curvature: gives the Hessian at the trial for some rows; None if it may not be used.
        curved: `[R]` bool, the rows that may use it; None for all.
    """

    state: MethodState
    trial: Point
    point: Point
    units: tf.Tensor
    data: Data
    active: tf.Tensor
    first: tf.Tensor
    accepted: tf.Tensor
    even: tf.Tensor
    curvature: Curvature | None
    curved: tf.Tensor | None

    def moved(self, step: tf.Tensor) -> tf.Tensor:
        """The accepted point after a step `[R, p]`, within the bounds."""
        return within_bounds(self.data, self.point, self.point.parameters + step)


class Proposal(NamedTuple):
    """Where a method goes.

    Attributes:
        trial: `[R, p]`, the parameters to evaluate next, from `Iteration.moved`.
        kept: what the method keeps, of the structure that `Method.keeps` returns.
        stalled: `[R]` bool, whether to give up; a trial that does not move is given up anyway.
        usable: `[R]` bool, whether the trial is finite; () to look at its numbers.
        saddle: see `MethodState`.
        curves_up: see `MethodState`.
    """

    trial: tf.Tensor
    kept: Any = ()
    stalled: Any = False
    usable: Any = ()
    saddle: Any = ()
    curves_up: Any = ()


class Method:
    """An iterative least-squares method. All functions are pure, and rows never mix.

    For a method of your own, subclass and define `propose`; see docs/extend.md.

    Attributes:
        default_max_steps: default limit of steps from one starting point.
        default_starts: default limit of starting points per row.
        descends: whether a trial is accepted only if it lowers the loss. If not, every finite trial
            is, and one that is not finite ends the row.
        needs_hessian: whether `Point.hessian` must be computed. Proposals then hold `saddle`.
        uses_curvature: whether some rows use second derivatives of the levels, if there are any.
            Proposals then hold `curves_up`.
    """

    default_max_steps: int = 200
    default_starts: int = 128
    descends: bool = True
    needs_hessian: bool = False
    uses_curvature: bool = False

    def options(self) -> dict[str, Any]:
        """Its arguments as plain data."""
        return {
            key: value
            for key, value in vars(self).items()
            if not key.startswith("_") and isinstance(value, (bool, int, float, str))
        }

    def __repr__(self) -> str:
        options = ", ".join(f"{key}={value!r}" for key, value in self.options().items())
        return f"{type(self).__name__}({options})"

    def for_model(self, model: Model) -> Method:
        """The method prepared for a model.

        Args:
            model: the matrices, the observation and the loss.

        Returns:
            The method itself, or a copy with constants of the model.

        Raises:
            ValueError: if the method does not solve such problems.
        """
        del model
        return self

    def keeps(self, point: Point) -> Any:
        """What the method keeps of its own, before the first evaluation.

        Args:
            point: a `Point` of zeros, for the shapes.

        Returns:
            Tensors `[R, ...]` in any structure.
        """
        del point
        return ()

    def falls_enough(self, state: MethodState, trial: Point, even: tf.Tensor) -> tf.Tensor | None:
        """A further condition on a trial that is better than the accepted point.

        Args:
            state: before the evaluation.
            trial: the `Point` that was evaluated.
            even: `[R]` bool, whether the losses agree to within rounding.

        Returns:
            `[R]` bool; None for no condition.
        """
        del state, trial, even
        return None

    def propose(self, iteration: Iteration) -> Proposal:
        """The next parameters.

        Args:
            iteration: the accepted point, and how it was reached.

        Returns:
            The `Proposal`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define propose(iteration).")

    def init(self, start: tf.Tensor, point: Point, scales: tf.Tensor) -> MethodState:
        """The state before the first evaluation.

        Args:
            start: `[R, p]`, the starting points, evaluated first.
            point: a `Point` of zeros. Its loss is `dtype.max`, so any finite trial is accepted.
            scales: `[R, p]`, a-priori bound on the norms of the Jacobian's columns; 0 if unknown.
        """
        kept = self.keeps(point)
        no = tf.zeros_like(point.loss, tf.bool)
        return MethodState(
            point=point,
            trial=start,
            stalled=no,
            broken=no,
            scales=scales,
            kept=kept,
            saddle=no if self.needs_hessian else (),
            curves_up=no if self.uses_curvature else (),
        )

    def step(
        self,
        state: MethodState,
        trial: Point,
        active: tf.Tensor,
        data: Data,
        curvature: Curvature | None = None,
        curved: tf.Tensor | None = None,
    ) -> MethodState:
        """Accept or reject the evaluation of `state.trial` and propose the next trial.

        Args:
            state: before the evaluation.
            trial: the `Point` at `state.trial`.
            active: `[R]` bool; the `point` of an inactive row does not change.
            data: of these rows.
            curvature: see `Iteration`.
            curved: see `Iteration`.

        Returns:
            The next state.
        """
        first = state.point.loss == trial.loss.dtype.max
        if self.descends:
            better, even = compare(state.point, trial, state.scales)
            enough = self.falls_enough(state, trial, even)
            accepted = active & (better if enough is None else better & (first | enough))
            broken = first & ~accepted
        else:
            finite = trial.loss < trial.loss.dtype.max
            accepted, even, broken = active & finite, tf.zeros_like(finite), ~finite
        point = select_rows(accepted, trial, state.point)
        larger = tf.maximum(state.scales, trial.column_norms)
        scales = select_rows(accepted, larger, state.scales)
        units = tf.where(scales > 0, scales, 1.0)
        found = self.propose(
            Iteration(
                state=state,
                trial=trial,
                point=point,
                units=units,
                data=data,
                active=active,
                first=first,
                accepted=accepted,
                even=even,
                curvature=curvature,
                curved=curved,
            )
        )
        usable = found.usable
        if isinstance(usable, tuple):
            usable = tf.reduce_all(tf.math.is_finite(found.trial), axis=-1)
        moved = tf.reduce_any(found.trial != point.parameters, axis=-1)
        stuck = ~(moved & usable) | found.stalled
        return MethodState(
            point=point,
            trial=select_rows(usable, found.trial, point.parameters),
            stalled=stuck if self.descends else tf.zeros_like(stuck),
            broken=broken,
            scales=scales,
            kept=found.kept,
            saddle=found.saddle,
            curves_up=found.curves_up,
        )


def compare(point: Point, trial: Point, scales: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Whether the trial is better, and whether the losses agree to within rounding.

    Near a minimum with nonzero residual the decrease of the loss falls below its rounding error
    long before the gradient vanishes. There the point with the smaller scaled gradient is better.

    Args:
        point: the accepted point.
        trial: the evaluated trial.
        scales: `[R, p]`, the scale of each parameter; 0 if unknown.

    Returns:
        Whether the trial is better, `[R]` bool, and whether the losses agree, `[R]` bool.
    """
    units = tf.where(scales > 0, scales, 1.0)
    before = tf.reduce_sum((point.descent / units) ** 2, axis=-1)
    after = tf.reduce_sum((trial.descent / units) ** 2, axis=-1)
    started = point.loss < point.loss.dtype.max
    even = started & (tf.abs(trial.loss - point.loss) <= point.noise)
    return tf.where(even, after < before, trial.loss < point.loss), even
