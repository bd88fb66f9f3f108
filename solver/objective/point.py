"""A point: what the fit knows at one set of parameters."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf


class Point(NamedTuple):
    """The fit at one set of parameters, for `R` rows.

    Residual and Jacobian are weighted, and 0 for levels that were not observed. `M` is the number
    of targets `m`, plus `p` with priors, which count as data about the parameters. With a robust
    loss, residual and Jacobian are scaled so that `J^T r` is the exact gradient and `J^T J` the
    Gauss-Newton curvature, as in SciPy. A parameter held by its bound has a column of zeros.

    Attributes:
        parameters: `[R, p]`.
        eigenvalues: `[R, n]`, ascending (in each member of a family).
        residual: `[R, M]`, `w (t - f(x))`.
        jacobian: `[R, M, p]`, `w df/dx`.
        descent: `[R, p]`, `J^T residual`: minus half the gradient of the loss.
        column_norms: `[R, p]`, the norms of the Jacobian's columns.
        loss: `[R]`; `dtype.max` where the matrix is not finite.
        rms: `[R]`, root mean square of the unweighted residual over the observed levels. Where
            targets are not in the unit of the levels, it is relative to the largest target of the
            same observation.
        noise: `[R]`, estimated rounding error of the loss.
        largest_level: `[R]`, the largest magnitude of the eigenvalues.
        sensitivity: `[R, m]`, see `TargetMap.sensitivity`; () if targets are in the unit of the
            levels.
        hessian: `[R, p, p]`, half the Hessian of the loss; () if not computed.
    """

    parameters: tf.Tensor
    eigenvalues: tf.Tensor
    residual: tf.Tensor
    jacobian: tf.Tensor
    descent: tf.Tensor
    column_norms: tf.Tensor
    loss: tf.Tensor
    rms: tf.Tensor
    noise: tf.Tensor
    largest_level: tf.Tensor
    sensitivity: Any = ()
    hessian: Any = ()
