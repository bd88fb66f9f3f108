"""The results of the clients: NumPy arrays under the field names of `eigenfit.solver`.

They are separate types because `eigenfit.solver` imports TensorFlow, which takes seconds and which
a REST client does not need. A test checks that the fields and their order are the same.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class FitResult(NamedTuple):
    """The answer for every row of a batch: `B` rows, `p` parameters, `n` levels, `m` targets.

    `eigenfit.solver.FitResult`, which describes the fields, with NumPy arrays. With `solutions`
    S > 1 the shapes are `[B, S, ...]`.
    """

    parameters: np.ndarray  # [B, p]
    eigenvalues: np.ndarray  # [B, n]
    residuals: np.ndarray  # [B, m]
    loss: np.ndarray  # [B]
    gradient_norm: np.ndarray  # [B]
    standard_errors: np.ndarray  # [B, p]
    steps: np.ndarray  # [B], int32
    status: np.ndarray  # [B], int32, see `eigenfit.solver.Status`
    cause: np.ndarray  # [B], int32, see `eigenfit.solver.Cause`
    starts: np.ndarray  # [B], int32
    agreeing: np.ndarray  # [B], int32

    def summary(self, row: int = 0) -> str:
        """One row as text, as `eigenfit.solver.FitResult.summary`; imports TensorFlow.

        Args:
            row: the number of the row.

        Returns:
            Several lines of text. The parameters are called `x0, x1, ...`, because a server does
            not know their names.

        Raises:
            ValueError: if there is no such row.
        """
        from ..solver import FitResult as LiveResult

        return LiveResult(*self).summary(row)  # pyright: ignore[reportArgumentType]  # arrays do


class Covariance(NamedTuple):
    """Covariance and standard errors: `eigenfit.solver.Covariance`, with NumPy arrays."""

    covariance: np.ndarray  # [B, p, p]
    standard_errors: np.ndarray  # [B, p]
    correlation: np.ndarray  # [B, p, p]
    rank: np.ndarray  # [B], int32
    condition_number: np.ndarray  # [B]
