"""What a fit returns."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class FitResult(NamedTuple):
    """The answer for every row of a batch: `B` rows, `p` parameters, `n` levels, `m` targets.

    Rows with the status INVALID_INPUT or NON_FINITE hold NaN in every floating-point field.

    Attributes:
        parameters: `[B, p]`, the fitted parameters.
        eigenvalues: `[B, n]`, all eigenvalues of the fitted matrix, ascending, in the unit of the
            targets.
        residuals: `[B, m]`, observed minus fitted, unweighted; NaN where no level was observed.
        loss: `[B]`, the sum of the squared weighted residuals.
        gradient_norm: `[B]`, the Euclidean norm of the derivative of `loss` by the parameters.
        standard_errors: `[B, p]`, one standard deviation of each parameter; inf for a parameter
            that the data do not determine.
        steps: `[B]`, int32, how many steps the row took, over all its starts.
        status: `[B]`, int32, see `Status`.
    """

    parameters: tf.Tensor
    eigenvalues: tf.Tensor
    residuals: tf.Tensor
    loss: tf.Tensor
    gradient_norm: tf.Tensor
    standard_errors: tf.Tensor
    steps: tf.Tensor
    status: tf.Tensor


class Trace(NamedTuple):
    """The way of every row to its answer, for plots: `S` is the most steps that any row took.

    A row that ended before the others holds its last value from there on.

    Attributes:
        parameters: `[B, S + 1, p]`, the accepted parameters, the starting point first.
        eigenvalues: `[B, S + 1, n]`, ascending, in the unit of the targets.
        loss: `[B, S + 1]`, the sum of the squared weighted residuals.
        steps: `[B]`, int32, how many steps the row took.
        status: `[B]`, int32, see `Status`.
    """

    parameters: tf.Tensor
    eigenvalues: tf.Tensor
    loss: tf.Tensor
    steps: tf.Tensor
    status: tf.Tensor
