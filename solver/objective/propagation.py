"""Propagation of errors: the standard errors of functions of fitted parameters.

To first order a function f of the parameters has the variance `F C F^T`, with its derivatives F and
the covariance C of the parameters (the delta method). C is kept as a factor, `C = s^2 H H^T`,
beside the directions that the data do not determine. A function that does not change along these
has a finite error, even if no single parameter has one: x + y, where the data depend on x + y only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ..rowwise.axes import new_axis
from ..rowwise.products import matmul_rows, sum_over_second
from .covariance import decompose


class Spread(NamedTuple):
    """The uncertainty of parameters `[R, p]`.

    Attributes:
        half: `[R, p, p]`, H, for weights that are 1 / sigma.
        undetermined: `[R, p, p]`, in columns the directions that the data do not determine, each
            parameter in units of its effect; 0 for the others.
        units: `[R, p]`, these units; 0 for a parameter without any effect on the data.
        free: `[R, p]`, bool, False for a parameter at a bound, which is taken as known.
        scale: `[R]`, s: 1, or the residual scale; inf without degrees of freedom, NaN for a row
            without an answer.
    """

    half: tf.Tensor
    undetermined: tf.Tensor
    units: tf.Tensor
    free: tf.Tensor
    scale: tf.Tensor


def spread_of(jacobian: tf.Tensor, held: tf.Tensor | None, scale: tf.Tensor) -> Spread:
    """The `Spread` of a fit.

    Args:
        jacobian: `[R, M, p]`, weighted.
        held: `[R, p]` bool, parameters at a bound; None for none.
        scale: `[R]`, see `Spread`.
    """
    found = decompose(jacobian, held)
    dtype = jacobian.dtype
    units = new_axis(found.units, 2)
    unknown = tf.cast(~found.known, dtype)
    norms = sum_over_second(jacobian * jacobian)
    return Spread(
        half=found.right * new_axis(found.inverse, 1) / units,
        undetermined=found.right * new_axis(unknown, 1) / units,
        units=tf.where(norms > 0, found.units, tf.zeros_like(norms)),
        free=tf.fill(tf.shape(norms), True) if held is None else ~held,
        scale=scale,
    )


def propagate(spread: Spread, slopes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The standard errors of functions of the parameters.

    Args:
        spread: of the parameters.
        slopes: `[R, k, p]`, F, the derivatives of k functions.

    Returns:
        The errors `[R, k]`: inf where the data do not determine the function, NaN where it depends
        only on parameters at a bound, and in a row that is not finite. And `s H^T F^T`,
        `[R, k, p]`, whose products are the covariances of what is determined.
    """
    dtype = slopes.dtype
    zero, infinity, nan = (tf.constant(value, dtype) for value in (0.0, np.inf, np.nan))
    epsilon = float(np.finfo(dtype.as_numpy_dtype).eps)
    usable = tf.reduce_all(tf.math.is_finite(slopes), axis=2)
    usable &= ~new_axis(tf.math.is_nan(spread.scale), 1)
    slopes = tf.where(new_axis(usable, 2), slopes, zero)
    moving = tf.where(new_axis(spread.free, 1), slopes, zero)
    # A parameter without effect has no unit to compare its share in.
    silent = new_axis(tf.equal(spread.units, 0) & spread.free, 1)
    lost = tf.reduce_any(silent & (moving != 0), axis=2)
    visible = tf.where(silent, zero, moving)
    units = new_axis(tf.where(spread.units > 0, spread.units, tf.ones_like(spread.units)), 1)
    relative = visible / units
    along = matmul_rows(visible, spread.undetermined)
    # The same limit as for single parameters, see `decompose`.
    share = tf.reduce_sum(along * along, axis=2)
    lost |= share > np.sqrt(epsilon) * tf.reduce_sum(relative * relative, axis=2)
    half = matmul_rows(visible, spread.half)
    square = tf.reduce_sum(half * half, axis=2)
    known = tf.math.is_finite(spread.scale)
    scale = tf.where(known, spread.scale, tf.ones_like(spread.scale))
    lost |= new_axis(~known, 1) & (square > 0)
    errors = tf.where(lost, infinity, tf.sqrt(square) * new_axis(scale, 1))
    fixed = tf.reduce_any(slopes != 0, axis=2) & tf.reduce_all(tf.equal(moving, 0), axis=2)
    errors = tf.where(fixed | ~usable, nan, errors)
    return errors, half * tf.reshape(scale, [-1, 1, 1])


def covariance_of(errors: tf.Tensor, half: tf.Tensor) -> tf.Tensor:
    """The covariance `[R, k, k]` of k functions, from the results of `propagate`."""
    finite = tf.math.is_finite(errors)
    both = new_axis(finite, 2) & new_axis(finite, 1)
    nan = tf.constant(np.nan, errors.dtype)
    products = tf.where(both, matmul_rows(half, half, transpose_b=True), nan)
    return tf.linalg.set_diag(products, errors * errors)
