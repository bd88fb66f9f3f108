"""Real symmetric matrices that are symmetric about the other diagonal, too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .affine import Affine
from .banded import check_bandwidth, check_size


class Persymmetric(Affine):
    """`A[i, j] = A[j, i] = A[n-1-j, n-1-i]`: a mirror-symmetric chain or molecule.

    With `bandwidth=1` these are the persymmetric Jacobi matrices, each determined by its spectrum
    up to signs (Hochstadt 1967). The parameters run diagonal by diagonal, each over its first half.

    Example:
        >>> Persymmetric(3).parameter_names
        ('a00', 'a11', 'a10', 'a20')
    """

    def __init__(
        self,
        n: int,
        bandwidth: int | None = None,
        parameter_names: Sequence[str] | None = None,
        name: str | None = None,
    ):
        """Set the shape.

        Args:
            n: number of rows.
            bandwidth: number of diagonals beside the main one, from 0 to n - 1; all when None.
            parameter_names: one name each; `a00, a11, ..., a10, ...` when None.
            name: name of the module.

        Raises:
            ValueError: for n below 1 or a bandwidth outside 0 .. n - 1.
        """
        n = check_size("Persymmetric", "n", n)
        bandwidth = n - 1 if bandwidth is None else check_bandwidth("Persymmetric", bandwidth, n)
        basis, names = [], []
        separator = "_" if n > 10 else ""
        for k in range(bandwidth + 1):
            for column in range((n - k + 1) // 2):
                row = column + k
                matrix = np.zeros((n, n))
                for a, b in ((row, column), (n - 1 - column, n - 1 - row)):
                    matrix[a, b] = matrix[b, a] = 1.0
                basis.append(matrix)
                names.append(f"a{row}{separator}{column}")
        super().__init__(None, np.stack(basis), parameter_names or names, name)
