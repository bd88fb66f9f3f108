"""The additive inverse eigenvalue problem: a given matrix plus a free diagonal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .affine import Affine, as_matrices
from .entries import Entries
from .entries_form import EntriesForm


class Additive(Affine):
    """`A0 + diag(x)`: the additive inverse eigenvalue problem.

    For real symmetric A0 and distinct levels there are up to n! solutions (Friedland 1977).

    Example:
        >>> Additive([[0.0, 1.0], [1.0, 0.0]]).matrix(tf.constant([[2.0, 3.0]])).numpy().tolist()
        [[[2.0, 1.0], [1.0, 3.0]]]
    """

    def __init__(
        self,
        constant: np.ndarray | Sequence,
        parameter_names: Sequence[str] | None = None,
        name: str | None = None,
    ):
        """Take the given matrix.

        Args:
            constant: `[n, n]`, A0, real symmetric or complex Hermitian.
            parameter_names: one name for each diagonal entry; `d0, d1, ...` when None.
            name: name of the module.

        Raises:
            ValueError: if the matrix is not finite and symmetric (Hermitian).
        """
        matrix = as_matrices("Additive", "constant", constant, rank=2)
        places = np.arange(len(matrix))
        ones = np.ones(len(matrix), matrix.dtype)
        names = [f"d{place}" for place in places]
        entries = Entries.of_one_each(len(matrix), places, places, ones)
        self._take_form(EntriesForm(matrix, entries), parameter_names or names, name)
