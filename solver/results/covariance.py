"""The covariance of fitted parameters."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Covariance(NamedTuple):
    """The covariance of parameters `[B, p]` in the linearized fit.

    A parameter that the data do not determine has infinite variance. A parameter at a bound has
    NaN, and the others have the covariance of a fit in which it is fixed.

    Attributes:
        covariance: `[B, p, p]`, `s^2 (J^T W J)^-1` in units of the parameters, with s = 1 or the
            residual scale, see `absolute_sigma`; NaN off the diagonal of undetermined parameters.
        standard_errors: `[B, p]`, the square roots of its diagonal.
        correlation: `[B, p, p]`, `C_ij / sqrt(C_ii C_jj)`.
        rank: `[B]`, int32, how many linear combinations of parameters the data determine.
        condition_number: `[B]`, the ratio of the largest to the smallest singular value of the
            Jacobian with its columns normalized; inf where the rank is below the number of free
            parameters.
    """

    covariance: tf.Tensor
    standard_errors: tf.Tensor
    correlation: tf.Tensor
    rank: tf.Tensor
    condition_number: tf.Tensor
