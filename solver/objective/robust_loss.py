"""Robust losses, with the definitions of `scipy.optimize.least_squares`.

With `z = (r / f_scale)^2` for a weighted residual r, the loss of a row is `f_scale^2 sum rho(z)`:
twice the cost of `scipy.optimize.least_squares`, and the sum of squares for `rho(z) = z`.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, NamedTuple, cast, get_args

import numpy as np
import tensorflow as tf

from ..checks import is_number
from ..rowwise.elementwise import in_packets, reciprocal

Name = Literal["linear", "soft_l1", "huber", "cauchy"]


class Counted(NamedTuple):
    """Loss of each weighted residual, and its derivatives.

    Attributes:
        loss: `[R, m]`, `f_scale^2 rho(z)`.
        force: `[R, m]`, half its derivative by the residual, `rho' r`.
        stiffness: `[R, m]`, half its second derivative, `rho' + 2 z rho''`; may be negative.
    """

    loss: tf.Tensor
    force: tf.Tensor
    stiffness: tf.Tensor


@dataclasses.dataclass(frozen=True)
class RobustLoss:
    """A loss function of the weighted residuals.

    Attributes:
        kind: the name, as in `scipy.optimize.least_squares`.
        f_scale: the weighted residual beyond which a level counts as an outlier (in units of sigma
            if weights are 1 / sigma).
    """

    kind: Name = "linear"
    f_scale: float = 1.0

    @property
    def is_linear(self) -> bool:
        """Whether this is plain least squares."""
        return self.kind == "linear"

    def count(self, residual: tf.Tensor) -> Counted:
        """Value and derivatives of the loss for weighted residuals `[R, m]`."""
        if self.is_linear:
            return Counted(residual * residual, residual, tf.ones_like(residual))
        scaled = residual / tf.constant(self.f_scale, residual.dtype)
        z = scaled * scaled
        rho, first, second = _DEFINITIONS[self.kind](z)
        square = tf.constant(self.f_scale**2, residual.dtype)
        return Counted(square * rho, first * residual, first + 2.0 * z * second)


def check_loss(owner: str, kind: Any, f_scale: Any) -> RobustLoss:
    """Validate the name and scale of a loss.

    Args:
        owner: the class named in error messages.
        kind: the name of the loss.
        f_scale: the residual beyond which a level counts as an outlier.

    Returns:
        The `RobustLoss`.

    Raises:
        ValueError: for an unknown name, or a scale that is not positive.
    """
    names = get_args(Name)
    if not (isinstance(kind, str) and kind in names):
        raise ValueError(f"{owner}: loss must be one of {', '.join(names)}, got {kind!r}.")
    if not is_number(f_scale) or not 0 < f_scale < np.inf:
        raise ValueError(f"{owner}: f_scale must be a positive number, got {f_scale!r}.")
    return RobustLoss(cast(Name, kind), float(f_scale))


def _soft_l1(z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    root = tf.sqrt(1.0 + z)
    # 2 (sqrt(1 + z) - 1), without cancellation for small z.
    return 2.0 * z / (root + 1.0), reciprocal(root), -0.5 / (root * root * root)


def _huber(z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    near = z <= 1.0
    safe = tf.where(near, tf.ones_like(z), z)
    root = tf.sqrt(safe)
    rho = tf.where(near, z, 2.0 * root - 1.0)
    first = tf.where(near, tf.ones_like(z), reciprocal(root))
    return rho, first, tf.where(near, tf.zeros_like(z), -0.5 / (safe * root))


def _cauchy(z: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    first = reciprocal(1.0 + z)
    return in_packets(tf.math.log1p, z), first, -first * first


_DEFINITIONS = {"soft_l1": _soft_l1, "huber": _huber, "cauchy": _cauchy}
