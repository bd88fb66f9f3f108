"""Operators of coupled spins as sparse matrices, in the product space of all spins.

The basis is that of `eigenfit.solver.embed`: |m_1 m_2 ...> with each m descending, the first spin
varying slowest. Exchange follows e.g. Bencini & Gatteschi, EPR of Exchange Coupled Systems (1990).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from eigenfit.extras import need

from ..solver import Spin
from .conventions import term_of

Sparse = Any  # a CSR array of SciPy, which is imported when it is used


class SpinSpace:
    """The product space of several spins.

    Attributes:
        spins: one `Spin` for each site.
        size: the number of states.
        moments: `[size]`, the total M of each state.
    """

    def __init__(self, owner: str, spins: Sequence[Spin]):
        """Set the spins."""
        self.spins = tuple(spins)
        self.size = int(np.prod([spin.size for spin in spins]))
        self.moments = np.zeros(1)
        for spin in spins:
            self.moments = np.add.outer(self.moments, spin.z.diagonal()).ravel()
        need("systems", "scipy")
        from scipy import sparse

        self._sparse = sparse

    def at(self, site: int, operator: np.ndarray) -> Sparse:
        """An operator of one spin: `1 x ... x O x ... x 1`."""
        identity, kron = self._sparse.eye_array, self._sparse.kron
        before = int(np.prod([spin.size for spin in self.spins[:site]]))
        after = int(np.prod([spin.size for spin in self.spins[site + 1 :]]))
        inner = kron(self._sparse.csr_array(operator), identity(after), format="csr")
        return kron(identity(before), inner, format="csr")

    def component(self, site: int, axis: str) -> Sparse:
        """S_x, S_y or S_z of one spin; or S+ and S- as `plus` and `minus`."""
        return self.at(site, getattr(self.spins[site], axis))

    def total(self, axis: str) -> Sparse:
        """A component of the total spin."""
        return sum(self.component(site, axis) for site in range(len(self.spins)))

    def zero(self) -> Sparse:
        """The zero matrix."""
        return self._sparse.csr_array((self.size, self.size))


def _product(space: SpinSpace, pair: tuple[int, int], axes: str) -> Sparse:
    """`S_1a S_2b`; the two act on different spins and commute."""
    return space.component(pair[0], axes[0]) @ space.component(pair[1], axes[1])


def _heisenberg(space: SpinSpace, pair: tuple[int, int]) -> Sparse:
    """`S_1 . S_2`, real: z z + (plus minus + minus plus) / 2."""
    flip = space.component(pair[0], "plus") @ space.component(pair[1], "minus")
    return _product(space, pair, "zz") + (flip + flip.T) / 2


def _same_axis(space: SpinSpace, pair: tuple[int, int], axis: str) -> Sparse:
    found = _product(space, pair, 2 * axis)
    return found.real if axis == "y" else found


def _symmetric(space: SpinSpace, pair: tuple[int, int], axes: str) -> Sparse:
    """`S_1a S_2b + S_1b S_2a`."""
    return _product(space, pair, axes) + _product(space, pair, axes[::-1])


def _antisymmetric(space: SpinSpace, pair: tuple[int, int], axes: str) -> Sparse:
    """`(S_1 x S_2)_c = S_1a S_2b - S_1b S_2a`, with abc a cyclic permutation of xyz."""
    found = _product(space, pair, axes) - _product(space, pair, axes[::-1])
    return found.real if "y" not in axes else found


#: What a parameter of exchange multiplies, by its place in J_ab or in the vector D.
EXCHANGE: dict[str, Callable[[SpinSpace, tuple[int, int]], Sparse]] = {
    "J": _heisenberg,
    "Jxx": lambda space, pair: _same_axis(space, pair, "x"),
    "Jyy": lambda space, pair: _same_axis(space, pair, "y"),
    "Jzz": lambda space, pair: _same_axis(space, pair, "z"),
    "Jxy": lambda space, pair: _symmetric(space, pair, "xy"),
    "Jxz": lambda space, pair: _symmetric(space, pair, "xz"),
    "Jyz": lambda space, pair: _symmetric(space, pair, "yz"),
    "Dx": lambda space, pair: _antisymmetric(space, pair, "yz"),
    "Dy": lambda space, pair: _antisymmetric(space, pair, "zx"),
    "Dz": lambda space, pair: _antisymmetric(space, pair, "xy"),
}


def zero_field_operator(owner: str, argument: str, key: str, spin: Spin) -> np.ndarray:
    """What D, E or a Stevens parameter of one spin multiplies.

    D: `S_z^2 - S (S + 1) / 3`; E: `S_x^2 - S_y^2`; B_kq: the Stevens operator `O_kq`.

    Raises:
        ValueError: for another name, or an operator that is 0 for this spin.
    """
    if key == "D":
        rank, found = 2, spin.stevens(2, 0) / 3
    elif key == "E":
        rank, found = 2, spin.stevens(2, 2)
    else:
        term = term_of(owner, f"{argument}: the keys other than sites, D and E", key)
        rank, found = term[0], spin.stevens(*term)
    if rank > 2 * spin.value:
        raise ValueError(
            f"{owner}: {argument}: {key} has no effect on a spin {spin.value:g}: its rank "
            f"{rank} must be at most 2 S; leave it out, or name other sites."
        )
    return found
