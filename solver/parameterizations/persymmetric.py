"""Real symmetric matrices that are symmetric about the other diagonal, too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..memory import check_bytes
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
        columns = [np.arange((n - k + 1) // 2) for k in range(bandwidth + 1)]
        rows = np.concatenate([some + k for k, some in enumerate(columns)])
        columns = np.concatenate(columns)
        separator = "_" if n > 10 else ""
        names = [f"a{row}{separator}{column}" for row, column in zip(rows, columns, strict=True)]
        check_bytes("Persymmetric", f"n = {n} and bandwidth = {bandwidth}", 8 * len(rows) * n * n)
        basis = np.zeros((len(rows), n, n))
        index = np.arange(len(rows))
        for a, b in ((rows, columns), (n - 1 - columns, n - 1 - rows)):
            basis[index, a, b] = basis[index, b, a] = 1.0
        super().__init__(None, basis, parameter_names or names, name)
