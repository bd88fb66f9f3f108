"""Newton's method on the loss, with exact second derivatives."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ..checks import is_number
from ..linalg.graded import UNEVEN
from ..objective.point import Point
from ..rowwise.axes import new_axis
from .descent import Iteration, Method, Proposal
from .levenberg_marquardt import Damping, gain_ratio, next_damping
from .newton_step import modified_step
from .uneven_step import light_steps


def predicted_decrease(point: Point, step: tf.Tensor) -> tf.Tensor:
    """`2 g^T h - h^T H h`, `[R]`: the decrease of the quadratic model for the step `h` `[R, p]`."""
    along = tf.linalg.matvec(point.hessian, step)
    return tf.reduce_sum((2.0 * point.descent - along) * step, axis=-1)


class Newton(Method):
    """Regularized Newton's method with the exact Hessian of the loss.

    Converges quadratically also with a nonzero residual, and to degenerate targets, where the
    Hessian has the terms of method I of Friedland, Nocedal & Overton (SIAM J. Numer. Anal. 24,
    1987) for multiple eigenvalues. Saddles are left along their negative curvature. A step costs
    more than that of `LevenbergMarquardt`: `n^2 p^2` operations for the second derivatives, and
    `p^3` for the eigendecomposition of the Hessian.

    Rows whose weights differ by more than a factor of a thousand take the damped Gauss-Newton steps
    of `LevenbergMarquardt`: in the Hessian, data of small weight are lost to rounding.

    The damping is proportional to the norm of the gradient (Li, Fukushima, Qi & Yamashita, Comput.
    Optim. Appl. 28, 2004); its factor follows Nielsen's gain ratio.

    Example:
        >>> solver = SpectralSolver(Toeplitz(2), Newton())
        >>> solver.fit([[1.0, 3.0]], initial=[[0.0, 0.5]]).parameters.numpy().round(9).tolist()
        [[2.0, 1.0]]
    """

    needs_hessian = True

    def __init__(self, initial_damping: float = 1e-3):
        """Set the damping of the first step.

        Args:
            initial_damping: mu at the start, relative to the squared scale of the parameters.

        Raises:
            ValueError: if it is not positive and finite.
        """
        if not is_number(initial_damping) or not 0 < initial_damping < np.inf:
            raise ValueError(
                f"Newton: initial_damping must be a positive number, got {initial_damping!r}; "
                "1e-3 is usual."
            )
        self.initial_damping = float(initial_damping)

    def keeps(self, point: Point) -> Damping:
        """The first damping; see `Method.keeps`."""
        first = Damping.initial(self.initial_damping, point)
        return first._replace(reference=tf.zeros_like(point.loss))

    def propose(self, iteration: Iteration) -> Proposal:
        """A regularized Newton step; see `Method.propose`."""
        point, units, first = iteration.point, iteration.units, iteration.first
        accepted = iteration.accepted
        old: Damping = iteration.state.kept
        epsilon = np.finfo(point.loss.dtype.as_numpy_dtype).eps
        tiny = np.finfo(point.loss.dtype.as_numpy_dtype).tiny
        # Where the losses agree to within rounding, a gain ratio of 1/2 keeps mu unchanged.
        gain = gain_ratio(iteration, 0.5)
        raised, growth = next_damping(old.damping, old.growth, gain, accepted)
        floor = tf.constant(16.0 * epsilon, raised.dtype)
        damping = tf.maximum(tf.where(first, old.damping, raised), floor)
        growth = tf.where(first, old.growth, growth)

        descent = point.descent / units
        size = tf.sqrt(tf.reduce_sum(descent * descent, axis=-1))
        reference = tf.where(first, size, old.reference)
        shrink = tf.where(size < reference, size / tf.maximum(reference, tiny), 1.0)
        step, saddle, _ = modified_step(
            point.hessian / (new_axis(units, 2) * new_axis(units, 1)),
            descent,
            tf.maximum(damping * shrink, floor),
            tf.sqrt(point.loss),
        )
        nothing = tf.zeros_like(damping)
        usual = (step, nothing, damping, nothing)

        def unusual() -> tuple[tf.Tensor, ...]:
            followed = tf.where(accepted, raised, tf.maximum(raised, old.least))
            return light_steps(iteration, tf.where(first, old.damping, followed), usual)

        uneven = iteration.data.weight_ratio < UNEVEN
        step, predicted, damping, least = tf.cond(tf.reduce_any(uneven), unusual, lambda: usual)
        trial = iteration.moved(step / units)
        by_hessian = predicted_decrease(point, trial - point.parameters)
        predicted = tf.maximum(tf.where(uneven, predicted, by_hessian), tiny)
        return Proposal(
            trial=trial,
            kept=Damping(damping, growth, least, predicted, reference),
            stalled=damping * epsilon > 1.0,
            saddle=saddle,
        )
