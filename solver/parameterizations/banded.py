"""Real symmetric matrices with entries near the diagonal only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .affine import Affine
from .entries import Entries
from .entries_form import EntriesForm


class Banded(Affine):
    """A real symmetric matrix whose entries `A[i, j]` vanish for `|i - j| > bandwidth`.

    The parameters run diagonal by diagonal: the main one, the one beside it, and so on.

    Example:
        >>> Banded(3, 1).parameter_names
        ('a00', 'a11', 'a22', 'a10', 'a21')
    """

    def __init__(
        self,
        n: int,
        bandwidth: int,
        parameter_names: Sequence[str] | None = None,
        name: str | None = None,
    ):
        """Set the shape.

        Args:
            n: number of rows.
            bandwidth: number of diagonals beside the main one, from 0 (diagonal) to n - 1 (full).
            parameter_names: one name each; `a00, a11, ..., a10, ...` when None.
            name: name of the module.

        Raises:
            ValueError: for n below 1 or a bandwidth outside 0 .. n - 1.
        """
        n = check_size(type(self).__name__, "n", n)
        bandwidth = check_bandwidth(type(self).__name__, bandwidth, n)
        places = [(i + k, i) for k in range(bandwidth + 1) for i in range(n - k)]
        rows, columns = np.array(places).T
        form = EntriesForm(
            np.zeros((n, n)), Entries.of_one_each(n, rows, columns, np.ones(len(places)))
        )
        separator = "_" if n > 10 else ""
        names = [f"a{row}{separator}{column}" for row, column in places]
        self._take_form(form, parameter_names or names, name)


def check_size(owner: str, argument: str, value: object) -> int:
    """Return the value as an int of at least 1, or say what is wrong with it."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{owner}: {argument} must be an integer of at least 1, got {value!r}.")
    return int(value)


def check_bandwidth(owner: str, value: Any, n: int) -> int:
    """Return the value as an int from 0 to n - 1, or say what is wrong with it."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or not 0 <= value < n:
        raise ValueError(
            f"{owner}: bandwidth must be an integer from 0 to n - 1 = {n - 1}, got {value!r}."
        )
    return int(value)
