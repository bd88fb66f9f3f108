"""Laplacians of weighted graphs: springs, resistors, couplings between neighbours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .affine import Affine
from .banded import check_size
from .entries import Entries
from .squares_form import SquaresForm


class GraphLaplacian(Affine):
    """`L = sum_e x_e (e_i - e_j)(e_i - e_j)^T` over the edges `e = (i, j)` of a graph.

    The stiffness matrix of masses joined by springs `x_e`; an edge `(i, i)` ties node i to the
    ground, `x_e e_i e_i^T`. Without ground edges the lowest level is 0.

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
        """Take the graph.

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
        size = int(pairs.max()) + 1 if n is None else check_size("GraphLaplacian", "n", n)
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
