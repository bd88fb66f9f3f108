"""What the clients answer: arrays under the names that `eigenfit.solver` uses.

These are types of their own because importing `eigenfit.solver` means importing TensorFlow, which
takes seconds; a program that fits over REST never needs it. The fields and their order are the same
and a test holds them to it, so code that reads one result reads the other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class FitResult(NamedTuple):
    """The answer for every row of a batch: `B` rows, `p` parameters, `n` levels, `m` targets.

    The same as `eigenfit.solver.FitResult`, which describes the fields, with NumPy arrays. A model
    that was exported with several `solutions` S answers `[B, S, ...]`.

    Attributes:
        parameters: `[B, p]`.
        eigenvalues: `[B, n]`.
        residuals: `[B, m]`.
        loss: `[B]`.
        gradient_norm: `[B]`.
        standard_errors: `[B, p]`.
        steps: `[B]`, int32.
        status: `[B]`, int32, see `eigenfit.solver.Status`.
        cause: `[B]`, int32, see `eigenfit.solver.Cause`.
        starts: `[B]`, int32.
        agreeing: `[B]`, int32.
    """

    parameters: np.ndarray
    eigenvalues: np.ndarray
    residuals: np.ndarray
    loss: np.ndarray
    gradient_norm: np.ndarray
    standard_errors: np.ndarray
    steps: np.ndarray
    status: np.ndarray
    cause: np.ndarray
    starts: np.ndarray
    agreeing: np.ndarray

    def summary(self, row: int = 0) -> str:
        """One row for people, as `eigenfit.solver.FitResult.summary`; imports TensorFlow.

        Args:
            row: the number of the row.

        Returns:
            Several lines of text. A server does not know the names of the parameters: they are
            called `x0, x1, ...`.

        Raises:
            ValueError: for a row that is not there.
        """
        from ..solver import FitResult as LiveResult

        return LiveResult(*self).summary(row)  # pyright: ignore[reportArgumentType]  # arrays do


class Covariance(NamedTuple):
    """How sure parameters are: `eigenfit.solver.Covariance`, with NumPy arrays.

    Attributes:
        covariance: `[B, p, p]`.
        standard_errors: `[B, p]`.
        correlation: `[B, p, p]`.
        rank: `[B]`, int32.
        condition_number: `[B]`.
    """

    covariance: np.ndarray
    standard_errors: np.ndarray
    correlation: np.ndarray
    rank: np.ndarray
    condition_number: np.ndarray
