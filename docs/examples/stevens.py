"""The crystal field of Ho3+ (5I8) in KY3F10 in Stevens operators.

The crystal-field Hamiltonian inside one J multiplet is a linear combination of constant matrices,

    H = sum_kq B_kq * basis_kq,    basis_kq = theta_k * lambda_kq * O_kq,

with `B_kq` in Wybourne normalisation (H = sum B_k0 C_k0 + B_kq (C_k,q + C_k,-q), q even),
`theta_k` the reduced-matrix-element (Stevens) factors and `O_kq` the Stevens operators as tabulated
by M. T. Hutchings, Solid State Phys. 16, 227 (1964). The levels of Ho3+ in KY3F10 (site symmetry
C4v) are those of Mujaji and Wells.

Matrices are in the basis |J, M> with M descending: row 0 is M = +J.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from eigenfit.solver import Spin

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


def wybourne_basis() -> tuple[tuple[str, ...], Array]:
    """Build the basis matrices of the C4v crystal field of Ho3+ 5I8.

    Returns:
        The parameter names ("B20", "B40", "B44", "B60", "B64") and the array [5, 17, 17] of basis
        matrices, so that H = sum B_kq * basis_kq has the unit of B_kq (Wybourne normalisation).
    """
    names = tuple(f"B{k}{q}" for k, q in LAMBDA)
    spin = Spin(J_HO)
    basis = [float(THETA[k]) * r * spin.stevens(k, q) for (k, q), r in LAMBDA.items()]
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
