"""Real symmetric matrices that are symmetric about the other diagonal, too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .affine import Affine
from .banded import check_bandwidth, check_size
from .entries import Entries
from .entries_form import EntriesForm


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
        mirrored = (n - 1 - columns, n - 1 - rows)
        lower = np.concatenate([(rows, columns), mirrored], axis=1)
        both = np.concatenate([lower, lower[::-1]], axis=1)
        places, first = np.unique(both[0] * n + both[1], return_index=True)
        owners = np.tile(np.arange(len(rows)), 4)[first]
        entries = Entries(n, len(rows), *np.divmod(places, n), owners, np.ones(len(places)))
        form = EntriesForm(np.zeros((n, n)), entries)
        self._take_form(form, parameter_names or names, name)
