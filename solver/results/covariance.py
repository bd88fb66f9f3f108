"""The covariance of fitted parameters, as it is returned."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Covariance(NamedTuple):
    """How sure parameters `[B, p]` are, from the linearized fit.

    A parameter that the data do not determine has an infinite variance; one at a bound, NaN.
    The others are then those of a fit in which it is held where it is.

    Attributes:
        covariance: `[B, p, p]`, `(J^T W J)^-1`; NaN off the diagonal of undetermined parameters.
        standard_errors: `[B, p]`, the roots of its diagonal.
        correlation: `[B, p, p]`, the covariance in units of the standard errors.
        rank: `[B]`, int32, how many combinations of parameters the data determine.
        condition_number: `[B]`, the largest by the smallest singular value of the Jacobian with
            columns of length 1; inf where the rank is below the number of free parameters.
    """

    covariance: tf.Tensor
    standard_errors: tf.Tensor
    correlation: tf.Tensor
    rank: tf.Tensor
    condition_number: tf.Tensor
