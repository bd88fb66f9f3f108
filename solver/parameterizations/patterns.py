"""Classical matrix structures: banded, Hermitian, Toeplitz, persymmetric, additive, Laplacian."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..checks import check_count
from .affine.entries import Entries
from .affine.entries_form import EntriesForm
from .affine.squares_form import SquaresForm
from .affine_matrix import Affine, as_matrices


class Banded(Affine):
    """A real symmetric matrix whose entries `A[i, j]` vanish for `|i - j| > bandwidth`.

    The parameters are ordered diagonal by diagonal, from the main one outwards.

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
        n = check_count(type(self).__name__, "n", n)
        bandwidth = _check_bandwidth(type(self).__name__, bandwidth, n)
        places = [(i + k, i) for k in range(bandwidth + 1) for i in range(n - k)]
        rows, columns = np.array(places).T
        form = EntriesForm(
            np.zeros((n, n)), Entries.of_one_each(n, rows, columns, np.ones(len(places)))
        )
        self._take_form(form, parameter_names or _entry_names(rows, columns, n), name)


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
        n = check_count("Symmetric", "n", n)
        super().__init__(n, n - 1, parameter_names, name)


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
        n = check_count("Tridiagonal", "n", n)
        super().__init__(n, min(1, n - 1), parameter_names, name)


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
        n = check_count("Hermitian", "n", n)
        diagonal = np.arange(n)
        rows, columns, factors = [diagonal], [diagonal], [np.ones(n, complex)]
        names = _entry_names(diagonal, diagonal, n)
        for k in range(1, n):
            for part, factor in (("re", 1.0), ("im", 1.0j)):
                rows.append(diagonal[k:])
                columns.append(diagonal[: n - k])
                factors.append(np.full(n - k, factor))
                names += _entry_names(diagonal[k:], diagonal[: n - k], n, part)
        entries = Entries.of_one_each(n, *map(np.concatenate, (rows, columns, factors)))
        form = EntriesForm(np.zeros((n, n), complex), entries)
        self._take_form(form, parameter_names or names, name)


class Toeplitz(Affine):
    """A real symmetric Toeplitz matrix `A[i, j] = x_|i - j|`; the parameters are its first row.

    Every real spectrum has a solution (Landau 1994, doi 10.1090/S0273-0979-1994-00467-2).

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
        n = check_count("Toeplitz", "n", n)
        rows, columns = (index.ravel() for index in np.indices((n, n)))
        entries = Entries(n, n, rows, columns, np.abs(rows - columns), np.ones(n * n))
        names = [f"r{k}" for k in range(n)]
        form = SquaresForm(np.zeros((n, n)), entries, *_waves(n))
        self._take_form(form, parameter_names or names, name)


class Persymmetric(Affine):
    """`A[i, j] = A[j, i] = A[n-1-j, n-1-i]`: a mirror-symmetric chain or molecule.

    With `bandwidth=1` these are the persymmetric Jacobi matrices, each determined by its spectrum
    up to signs (Hochstadt 1967). The parameters are the first half of each diagonal, from the main
    one outwards.

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
        n = check_count("Persymmetric", "n", n)
        bandwidth = n - 1 if bandwidth is None else _check_bandwidth("Persymmetric", bandwidth, n)
        columns = [np.arange((n - k + 1) // 2) for k in range(bandwidth + 1)]
        rows = np.concatenate([some + k for k, some in enumerate(columns)])
        columns = np.concatenate(columns)
        mirrored = (n - 1 - columns, n - 1 - rows)
        lower = np.concatenate([(rows, columns), mirrored], axis=1)
        both = np.concatenate([lower, lower[::-1]], axis=1)
        places, first = np.unique(both[0] * n + both[1], return_index=True)
        owners = np.tile(np.arange(len(rows)), 4)[first]
        entries = Entries(n, len(rows), *np.divmod(places, n), owners, np.ones(len(places)))
        form = EntriesForm(np.zeros((n, n)), entries)
        self._take_form(form, parameter_names or _entry_names(rows, columns, n), name)


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
        """Set the matrix A0.

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


class GraphLaplacian(Affine):
    """`L = sum_e x_e (e_i - e_j)(e_i - e_j)^T` over the edges `e = (i, j)` of a graph.

    The stiffness matrix of masses joined by springs `x_e`; an edge `(i, i)` connects node i to the
    ground, `x_e e_i e_i^T`. Without ground edges 0 is a level, for positive x the lowest.

    Example:
        >>> GraphLaplacian([(0, 1), (1, 2)]).matrix(tf.constant([[1.0, 2.0]])).numpy().tolist()
        [[[1.0, -1.0, 0.0], [-1.0, 3.0, -2.0], [0.0, -2.0, 2.0]]]
    """

    def __init__(
        self,
        edges: Sequence[tuple[int, int]],
        n: int | None = None,
        parameter_names: Sequence[str] | None = None,
        name: str | None = None,
    ):
        """Set the graph.

        Args:
            edges: pairs of node numbers from 0, each pair once in either order.
            n: number of nodes; 1 + the largest node number when None.
            parameter_names: one name for each edge; `k0_1, k1_2, ...` when None.
            name: name of the module.

        Raises:
            ValueError: if an edge is not a pair of nodes of the graph, or is given twice.
        """
        pairs = np.asarray(edges)
        if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu" or not len(pairs):
            raise ValueError(
                "GraphLaplacian: edges must be pairs of node numbers such as [(0, 1), (1, 2)], "
                f"got {edges!r}."
            )
        size = int(pairs.max()) + 1 if n is None else check_count("GraphLaplacian", "n", n)
        if pairs.min() < 0 or pairs.max() >= size:
            raise ValueError(
                f"GraphLaplacian: edges must join nodes from 0 to n - 1 = {size - 1}, got nodes "
                f"from {pairs.min()} to {pairs.max()}."
            )
        seen = {tuple(sorted(pair)) for pair in pairs.tolist()}
        if len(seen) != len(pairs):
            raise ValueError(f"GraphLaplacian: edges must all be different, got {edges!r}.")
        index = np.arange(len(pairs))
        incidence = np.zeros((len(pairs), size))
        incidence[index, pairs[:, 1]] = -1.0
        incidence[index, pairs[:, 0]] = 1.0  # last: a ground edge keeps its one entry
        names = [f"k{i}_{j}" for i, j in pairs]
        inner = pairs[pairs[:, 0] != pairs[:, 1]]
        owners = index[pairs[:, 0] != pairs[:, 1]]
        minus = -np.ones(len(inner))
        entries = Entries.summed(
            size,
            len(pairs),
            np.concatenate([pairs[:, 0], inner[:, 1], inner[:, 0], inner[:, 1]]),
            np.concatenate([pairs[:, 0], inner[:, 1], inner[:, 1], inner[:, 0]]),
            np.concatenate([index, owners, owners, owners]),
            np.concatenate([np.ones(len(pairs)), -minus, minus, minus]),
        )
        form = SquaresForm(np.zeros((size, size)), entries, incidence.T, np.eye(len(pairs)))
        self._take_form(form, parameter_names or names, name)


def _entry_names(rows: Any, columns: Any, n: int, part: str = "a") -> list[str]:
    """`a21` for row 2 and column 1; `a2_1` where numbers may have two digits."""
    separator = "_" if n > 10 else ""
    return [f"{part}{row}{separator}{column}" for row, column in zip(rows, columns, strict=True)]


def _check_bandwidth(owner: str, value: Any, n: int) -> int:
    """Validate a bandwidth, an integer from 0 to n - 1."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or not 0 <= value < n:
        raise ValueError(
            f"{owner}: bandwidth must be an integer from 0 to n - 1 = {n - 1}, got {value!r}."
        )
    return int(value)


def _waves(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Vectors u_f and coefficients c_fk of `v^T B_k v = sum_f c_fk (u_f^T v)^2`.

    For the Toeplitz matrices B_k this is twice the autocorrelation of v at lag k (once for k = 0),
    the cosine transform of the power spectrum (Wiener-Khinchin), with 2 n - 1 frequencies so that
    the lags do not wrap around.

    Returns:
        `[n, 2 n - 1]`, the cosines and sines u_f, and `[2 n - 1, n]`, the c_fk.
    """
    count = 2 * n - 1
    unit = 2.0 * np.pi / count
    lags = unit * np.outer(np.arange(n), np.arange(n))  # frequency, lag
    both_signs = np.where(np.arange(n) == 0, 1.0, 2.0)
    by_lag = both_signs[:, None] * np.cos(lags) * both_signs / count
    # Centred, so that the cosines are even and the sines odd.
    phases = unit * np.outer(np.arange(n) - (n - 1) / 2, np.arange(n))  # place, frequency
    waves = np.concatenate([np.cos(phases), np.sin(phases[:, 1:])], axis=1)
    return waves, np.concatenate([by_lag, by_lag[1:]])
