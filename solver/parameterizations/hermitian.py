"""The complex Hermitian matrix with every entry free."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .affine import Affine
from .banded import check_size
from .entries import Entries
from .entries_form import EntriesForm


class Hermitian(Affine):
    """A full complex Hermitian n x n matrix with n * n real parameters.

    First the n diagonal entries; then, diagonal by diagonal below the main one, the real parts of
    the entries `A[i + k, i]` followed by their imaginary parts.

    Example:
        >>> Hermitian(2).parameter_names
        ('a00', 'a11', 're10', 'im10')
        >>> Hermitian(2).matrix(tf.constant([[1.0, 2.0, 3.0, 4.0]])).numpy().tolist()
        [[[(1+0j), (3-4j)], [(3+4j), (2+0j)]]]
    """

    def __init__(
        self, n: int, parameter_names: Sequence[str] | None = None, name: str | None = None
    ):
        """Set the shape.

        Args:
            n: number of rows.
            parameter_names: one name each; `a00, ..., re10, ..., im10, ...` when None.
            name: name of the module.

        Raises:
            ValueError: for n below 1.
        """
        n = check_size("Hermitian", "n", n)
        separator = "_" if n > 10 else ""
        names = [f"a{i}{separator}{i}" for i in range(n)]
        entries: list[tuple[int, int, complex]] = [(i, i, 1.0) for i in range(n)]
        for k in range(1, n):
            for part, factor in (("re", 1.0), ("im", 1.0j)):
                entries += [(i + k, i, factor) for i in range(n - k)]
                names += [f"{part}{i + k}{separator}{i}" for i in range(n - k)]
        rows, columns, factors = (np.array(column) for column in zip(*entries, strict=True))
        form = EntriesForm(
            np.zeros((n, n), complex),
            Entries.of_one_each(n, rows, columns, factors.astype(complex)),
        )
        self._take_form(form, parameter_names or names, name)
