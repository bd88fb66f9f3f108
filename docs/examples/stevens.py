"""Stevens operators and the crystal field of Ho3+ (5I8) in KY3F10.

The crystal-field Hamiltonian inside one J multiplet is a linear combination of constant matrices,

    H = sum_kq B_kq * basis_kq,    basis_kq = theta_k * lambda_kq * O_kq,

with `B_kq` in Wybourne normalisation (H = sum B_k0 C_k0 + B_kq (C_k,q + C_k,-q), q even),
`theta_k` the reduced-matrix-element (Stevens) factors and `O_kq` the Stevens operators as tabulated
by M. T. Hutchings, Solid State Phys. 16, 227 (1964). The levels of Ho3+ in KY3F10 (site symmetry
C4v) are those of Mujaji and Wells.

Only NumPy is needed. Matrices are in the basis |J, M> with M descending: row 0 is M = +J.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Total angular momentum of the ground multiplet 5I8 of Ho3+ (17 states).
J_HO = 8

#: Stevens factors alpha, beta, gamma of Ho3+ 5I8, by rank k.
THETA = {2: Fraction(-1, 450), 4: Fraction(-1, 30030), 6: Fraction(-5, 3864861)}

#: Ratios lambda_kq of Stevens to Wybourne parameters: B_k^q(Stevens) = theta_k lambda_kq B_kq.
LAMBDA = {
    (2, 0): 1 / 2,
    (4, 0): 1 / 8,
    (4, 4): np.sqrt(70) / 8,
    (6, 0): 1 / 16,
    (6, 4): 3 * np.sqrt(14) / 16,
}

#: Observed crystal-field levels relative to the ground level, cm^-1.
OBSERVED: Array = np.array(
    [0.0, 5.8, 19.7, 48.4, 95.0, 110.0, 126.4, 174.9, 213.9, 246.4, 270.1, 273.8, 282.0]
)

#: Experimental uncertainty of each observed level, cm^-1.
UNCERTAINTY: Array = np.array([1.0] * 2 + [0.1] * 11)

#: Multiplicity of each observed level; they add up to 2J + 1 = 17.
MULTIPLICITY: NDArray[np.int_] = np.array([1, 1, 2, 2, 1, 1, 1, 1, 2, 1, 2, 1, 1])

#: Published parameters (B20, B40, B44, B60, B64), cm^-1, Wybourne normalisation. They come from a
#: calculation in the full 4f10 configuration, so they are not the optimum of this 17-level model.
PUBLISHED: Array = np.array([-669.0, -1269.0, 344.0, 525.0, 9.0])


def angular_momentum(J: float) -> tuple[Array, Array, Array]:
    """Build the angular-momentum matrices of one J multiplet (hbar = 1).

    Args:
        J: Total angular momentum, integer or half-integer.

    Returns:
        The matrices (Jz, Jplus, Jminus) in the basis |J, M>, M descending from +J to -J.
    """
    m = J - np.arange(round(2 * J) + 1, dtype=np.float64)
    jplus = np.diag(np.sqrt(J * (J + 1) - m[1:] * (m[1:] + 1)), 1)
    return np.diag(m), jplus, jplus.T.copy()


def stevens_operator(J: float, k: int, q: int) -> Array:
    """Build the Stevens operator O_k^q from its textbook polynomial in Jz, J+ and J-.

    Args:
        J: Total angular momentum, integer or half-integer.
        k: Rank, 2, 4 or 6.
        q: Order; (k, q) must be (2, 0), (2, 2), (4, 0), (4, 2), (4, 4), (6, 0), (6, 2), (6, 4)
            or (6, 6).

    Returns:
        Real symmetric matrix [2J+1, 2J+1], M descending.

    Raises:
        ValueError: If (k, q) is not one of the operators above.
    """
    jz, jplus, _ = angular_momentum(J)
    x = J * (J + 1)
    m2 = np.diag(jz) ** 2  # the eigenvalues of Jz^2; polynomials in Jz are diagonal
    # O_k^q = (p(Jz) S + S p(Jz)) / 2 with S = (J+^q + J-^q) / 2, S = 1 for q = 0.
    polynomials = {
        (2, 0): 3 * m2 - x,
        (2, 2): np.ones_like(m2),
        (4, 0): 35 * m2**2 - (30 * x - 25) * m2 + 3 * x**2 - 6 * x,
        (4, 2): 7 * m2 - x - 5,
        (4, 4): np.ones_like(m2),
        (6, 0): 231 * m2**3
        - (315 * x - 735) * m2**2
        + (105 * x**2 - 525 * x + 294) * m2
        - 5 * x**3
        + 40 * x**2
        - 60 * x,
        (6, 2): 33 * m2**2 - (18 * x + 123) * m2 + x**2 + 10 * x + 102,
        (6, 4): 11 * m2 - x - 38,
        (6, 6): np.ones_like(m2),
    }
    if (k, q) not in polynomials:
        raise ValueError(f"no Stevens operator for (k, q) = ({k}, {q})")
    p = polynomials[k, q]
    if q == 0:
        return np.diag(p)
    raised = np.linalg.matrix_power(jplus, q)
    s = (raised + raised.T) / 2  # J- is the transpose of J+
    return s * (p[:, None] + p[None, :]) / 2


def wybourne_basis() -> tuple[tuple[str, ...], Array]:
    """Build the basis matrices of the C4v crystal field of Ho3+ 5I8.

    Returns:
        The parameter names ("B20", "B40", "B44", "B60", "B64") and the array [5, 17, 17] of basis
        matrices, so that H = sum B_kq * basis_kq has the unit of B_kq (Wybourne normalisation).
    """
    names = tuple(f"B{k}{q}" for k, q in LAMBDA)
    basis = [float(THETA[k]) * r * stevens_operator(J_HO, k, q) for (k, q), r in LAMBDA.items()]
    return names, np.array(basis)


def targets_by_level() -> Array:
    """Spread the observed levels over the 17 eigenvalues.

    Returns:
        Array [17] whose entry k is the target of the k-th lowest eigenvalue (relative to the
        lowest), cm^-1; the second member of each doublet is NaN, so each level counts once.
    """
    targets = np.full(int(MULTIPLICITY.sum()), np.nan)
    targets[np.cumsum(MULTIPLICITY) - MULTIPLICITY] = OBSERVED
    return targets
