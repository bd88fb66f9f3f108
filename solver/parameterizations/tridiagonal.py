"""Real symmetric tridiagonal (Jacobi) matrices."""

from __future__ import annotations

from collections.abc import Sequence

from .banded import Banded, check_size


class Tridiagonal(Banded):
    """A real symmetric tridiagonal (Jacobi) matrix: n diagonal, then n - 1 off-diagonal entries.

    Example:
        >>> Tridiagonal(3).parameter_names
        ('a00', 'a11', 'a22', 'a10', 'a21')
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
        n = check_size("Tridiagonal", "n", n)
        super().__init__(n, min(1, n - 1), parameter_names, name)
