"""The real symmetric matrix with every entry free."""

from __future__ import annotations

from collections.abc import Sequence

from .banded import Banded, check_size


class Symmetric(Banded):
    """A full real symmetric n x n matrix: n (n + 1) / 2 parameters, diagonal by diagonal.

    For n = 3 the parameters are `A[0,0], A[1,1], A[2,2], A[1,0], A[2,1], A[2,0]`.

    Example:
        >>> Symmetric(3).num_parameters
        6
    """

    def __init__(
        self, n: int, parameter_names: Sequence[str] | None = None, name: str | None = None
    ):
        """Set the shape.

        Args:
            n: number of rows.
            parameter_names: one name each; `a00, a11, ..., a10, ...` when None.
            name: name of the module.

        Raises:
            ValueError: for n below 1.
        """
        n = check_size("Symmetric", "n", n)
        super().__init__(n, n - 1, parameter_names, name)
