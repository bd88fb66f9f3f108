"""Real symmetric Toeplitz matrices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .affine import Affine
from .banded import check_size
from .entries import Entries
from .squares_form import SquaresForm


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
        rows, columns = (index.ravel() for index in np.indices((n, n)))
        entries = Entries(n, n, rows, columns, np.abs(rows - columns), np.ones(n * n))
        names = [f"r{k}" for k in range(n)]
        form = SquaresForm(np.zeros((n, n)), entries, *_waves(n))
        self._take_form(form, parameter_names or names, name)


def _waves(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and sines whose squares give `v^T B_k v`, twice the autocorrelation of v at lag k.

    The autocorrelation is the transform of the power spectrum (Wiener and Khinchin), at 2 n - 1
    frequencies so that the lags do not wrap around.

    Returns:
        `[n, 2 n - 1]`, the waves, and `[2 n - 1, n]`, their coefficients for each lag.
    """
    count = 2 * n - 1
    unit = 2.0 * np.pi / count
    lags = unit * np.outer(np.arange(n), np.arange(n))  # frequency, lag
    both_signs = np.where(np.arange(n) == 0, 1.0, 2.0)
    by_lag = both_signs[:, None] * np.cos(lags) * both_signs / count
    # Around the middle, so that cosines are even and sines odd.
    phases = unit * np.outer(np.arange(n) - (n - 1) / 2, np.arange(n))  # place, frequency
    waves = np.concatenate([np.cos(phases), np.sin(phases[:, 1:])], axis=1)
    return waves, np.concatenate([by_lag, by_lag[1:]])
