"""Spin matrices, Stevens operators and exchange operators, the terms of a spin Hamiltonian.

NumPy arrays to pass to `Affine`, in the basis |S, m> with m descending, in units of hbar. Stevens
operators follow Hutchings, Solid State Phys. 16 (1964), and for negative q Rudowicz, J. Phys. C 18,
1415 (1985).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .checks import is_number


class Spin:
    """One spin: its matrices and Stevens operators.

    Attributes:
        value: S, a multiple of one half.
        size: 2 S + 1.
        x, y, z, plus, minus, identity: `[size, size]`; `plus` and `minus` are `S_x +- i S_y`.

    Example:
        >>> s = Spin(1)
        >>> s.z.tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, -1.0]]
        >>> s.stevens(2, 0).diagonal().tolist()
        [1.0, -2.0, 1.0]
    """

    def __init__(self, value: float):
        """Set S.

        Args:
            value: 1/2, 1, 3/2, ...

        Raises:
            ValueError: if it is not a positive multiple of one half.
        """
        if not is_number(value) or 2 * value % 1 != 0:
            raise ValueError(f"Spin: value must be a multiple of one half, got {value!r}.")
        if value <= 0:
            raise ValueError(f"Spin: value must be positive, got {value!r}.")
        self.value = float(value)
        self.size = int(2 * value) + 1
        m = self.value - np.arange(self.size)
        self.z = np.diag(m)
        self.plus = np.diag(np.sqrt(self.value * (self.value + 1) - m[1:] * (m[1:] + 1)), 1)
        self.minus = self.plus.T.copy()
        self.x = (self.plus + self.minus) / 2
        self.y = (self.plus - self.minus) / 2j
        self.identity = np.eye(self.size)

    def stevens(self, k: int, q: int) -> np.ndarray:
        """The Stevens operator `O_k^q`.

        Args:
            k: rank 2, 4 or 6.
            q: from -k to k.

        Returns:
            `[size, size]`, real symmetric for q >= 0 and imaginary Hermitian for q < 0.

        Raises:
            ValueError: for any other k or q.
        """
        if k not in (2, 4, 6) or abs(q) > k or q != int(q):
            raise ValueError(
                f"Spin.stevens: k must be 2, 4 or 6 and q from -k to k, got k={k!r}, q={q!r}."
            )
        along = _polynomial(k, abs(q), self.z.diagonal(), self.value * (self.value + 1))
        if q == 0:
            return np.diag(along)
        raised = np.linalg.matrix_power(self.plus, abs(q))
        ladder = (raised + raised.T) / 2 if q > 0 else (raised - raised.T) / 2j
        return ladder * (along[:, None] + along[None, :]) / 2


def embed(operator: np.ndarray, site: int, spins: Sequence[Spin]) -> np.ndarray:
    """An operator of one spin in the product space of several: `1 x ... x O x ... x 1`.

    Args:
        operator: `[size, size]`, O, of the spin at `site`.
        site: its index among the spins, from 0.
        spins: all spins; in the product basis the first varies slowest.

    Returns:
        `[n, n]`, n the product of the sizes.

    Raises:
        ValueError: for a site out of range, or an operator of another size.

    Example:
        >>> embed(Spin(0.5).z, 1, [Spin(0.5), Spin(0.5)]).diagonal().tolist()
        [0.5, -0.5, 0.5, -0.5]
    """
    if not isinstance(site, (int, np.integer)) or not 0 <= site < len(spins):
        raise ValueError(
            f"embed: site must be an integer from 0 to {len(spins) - 1}, got {site!r}."
        )
    size = spins[site].size
    if np.shape(operator) != (size, size):
        raise ValueError(
            f"embed: operator must be {size} x {size} for the spin {spins[site].value:g} at site "
            f"{site}, got shape {np.shape(operator)}."
        )
    before = int(np.prod([spin.size for spin in spins[:site]]))
    after = int(np.prod([spin.size for spin in spins[site + 1 :]]))
    return np.kron(np.kron(np.eye(before), operator), np.eye(after))


def heisenberg(spins: Sequence[Spin], pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """Isotropic exchange `sum S_i . S_j` over pairs of spins.

    Args:
        spins: all spins; in the product basis the first varies slowest.
        pairs: pairs of sites; each is counted once.

    Returns:
        `[n, n]`, real symmetric. Times J it is the exchange Hamiltonian (J > 0 antiferromagnetic).

    Raises:
        ValueError: for spins that are not `Spin`, or a pair that is not two different sites.

    Example:
        >>> np.linalg.eigvalsh(heisenberg([Spin(0.5)] * 2, [(0, 1)])).round(9).tolist()
        [-0.75, 0.25, 0.25, 0.25]
    """
    if not all(isinstance(spin, Spin) for spin in spins):
        raise ValueError(
            f"heisenberg: spins must be Spin objects such as Spin(1/2), got {spins!r}."
        )
    sites = range(len(spins))
    for pair in pairs:
        if np.shape(pair) != (2,) or pair[0] == pair[1] or not all(site in sites for site in pair):
            raise ValueError(
                "heisenberg: each of pairs must be two different sites from 0 to "
                f"{len(spins) - 1}, such as (0, 1), got {pair!r}."
            )
    size = int(np.prod([spin.size for spin in spins]))
    total = np.zeros((size, size))
    for i, j in pairs:
        # S_i . S_j = z z + (plus minus + minus plus) / 2 is real, without the complex y.
        z = [embed(spins[k].z, k, spins) for k in (i, j)]
        raised = [embed(spins[k].plus, k, spins) for k in (i, j)]
        flip = raised[0] @ raised[1].T
        total += z[0] @ z[1] + (flip + flip.T) / 2
    return total


def _polynomial(k: int, q: int, m: np.ndarray, s: float) -> np.ndarray:
    """The polynomial in S_z of the Stevens operator `O_k^q`, from the diagonal m; s = S (S + 1)."""
    one = np.ones_like(m)
    table = {
        (2, 0): lambda: 3 * m**2 - s,
        (2, 1): lambda: m,
        (2, 2): lambda: one,
        (4, 0): lambda: 35 * m**4 - (30 * s - 25) * m**2 + 3 * s**2 - 6 * s,
        (4, 1): lambda: 7 * m**3 - (3 * s + 1) * m,
        (4, 2): lambda: 7 * m**2 - s - 5,
        (4, 3): lambda: m,
        (4, 4): lambda: one,
        (6, 0): lambda: (
            231 * m**6
            - (315 * s - 735) * m**4
            + (105 * s**2 - 525 * s + 294) * m**2
            - 5 * s**3
            + 40 * s**2
            - 60 * s
        ),
        (6, 1): lambda: 33 * m**5 - (30 * s - 15) * m**3 + (5 * s**2 - 10 * s + 12) * m,
        (6, 2): lambda: 33 * m**4 - (18 * s + 123) * m**2 + s**2 + 10 * s + 102,
        (6, 3): lambda: 11 * m**3 - (3 * s + 59) * m,
        (6, 4): lambda: 11 * m**2 - s - 38,
        (6, 5): lambda: m,
        (6, 6): lambda: one,
    }
    return table[k, q]()
