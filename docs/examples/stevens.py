"""The crystal field of Ho3+ (5I8) in KY3F10: measured levels, and the matrices of its parameters.

The crystal-field Hamiltonian inside one J multiplet is a linear combination of constant matrices,

    H = sum_kq B_kq * basis_kq.

`CrystalField` makes them, here for the site symmetry C4v and with B_kq in Wybourne normalisation.
The levels are those of Mujaji and Wells. Matrices are in the basis |J, M> with M descending.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from eigenfit.solver import Affine
from eigenfit.systems import CrystalField

Array = NDArray[np.float64]

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
    field = CrystalField("Ho3+", point_group="C4v", convention="wybourne", unit="cm^-1")
    assert isinstance(field, Affine)
    return field.parameter_names, field.basis


def targets_by_level() -> Array:
    """Spread the observed levels over the 17 eigenvalues.

    Returns:
        Array [17] whose entry k is the target of the k-th lowest eigenvalue (relative to the
        lowest), cm^-1; the second member of each doublet is NaN, so each level counts once.
    """
    targets = np.full(int(MULTIPLICITY.sum()), np.nan)
    targets[np.cumsum(MULTIPLICITY) - MULTIPLICITY] = OBSERVED
    return targets
