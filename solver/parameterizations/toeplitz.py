"""Real symmetric Toeplitz matrices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .affine import Affine
from .banded import check_size


class Toeplitz(Affine):
    """A real symmetric Toeplitz matrix `A[i, j] = x_|i - j|`; the parameters are its first row.

    A solution exists for every real spectrum (Landau 1994, doi 10.1090/S0273-0979-1994-00467-2).

    Example:
        >>> Toeplitz(2).matrix(tf.constant([[3.0, 1.0]])).numpy().tolist()
        [[[3.0, 1.0], [1.0, 3.0]]]
    """

    def __init__(
        self, n: int, parameter_names: Sequence[str] | None = None, name: str | None = None
    ):
        """Set the shape.

        Args:
            n: number of rows.
            parameter_names: one name each; `r0, r1, ...` when None.
            name: name of the module.

        Raises:
            ValueError: for n below 1.
        """
        n = check_size("Toeplitz", "n", n)
        distance = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
        basis = np.stack([distance == k for k in range(n)]).astype(float)
        names = [f"r{k}" for k in range(n)]
        super().__init__(None, basis, parameter_names or names, name)
