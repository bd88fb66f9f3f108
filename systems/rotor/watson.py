"""Matrices of the rotational Hamiltonian of a molecule that is not rigid.

The Hamiltonian is a linear combination of constant matrices, one combination for every total
angular momentum J, all with the same constants: Watson's A and S reductions up to the sixth power
of the angular momentum (J. K. G. Watson, in "Vibrational Spectra and Structure", vol. 6, ed.
J. R. Durig, Elsevier 1977, p. 1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: The principal axes that lie along x, y and z, by the name of the representation.
AXES: Mapping[str, str] = MappingProxyType(
    {
        "I^r": "bca",
        "I^l": "cba",
        "II^r": "cab",
        "II^l": "acb",
        "III^r": "abc",
        "III^l": "bac",
    }
)

#: The constants of an asymmetric top by reduction: the rotational constants, those with the fourth
#: power of the angular momentum, and those with the sixth.
CONSTANTS: Mapping[str, tuple[tuple[str, ...], ...]] = MappingProxyType(
    {
        "S": (
            ("A", "B", "C"),
            ("DJ", "DJK", "DK", "d1", "d2"),
            ("HJ", "HJK", "HKJ", "HK", "h1", "h2", "h3"),
        ),
        "A": (
            ("A", "B", "C"),
            ("DeltaJ", "DeltaJK", "DeltaK", "deltaJ", "deltaK"),
            ("PhiJ", "PhiJK", "PhiKJ", "PhiK", "phiJ", "phiJK", "phiK"),
        ),
    }
)


def operators(j: int, reduction: str, representation: str) -> dict[str, Array]:
    """The matrices that the constants multiply in the Hamiltonian of one J.

    With `P_q = J+^q + J-^q` and the anticommutator `[X, Y] = X Y + Y X` the S reduction is

        A Ja^2 + B Jb^2 + C Jc^2
        - DJ J^4 - DJK J^2 Jz^2 - DK Jz^4 + d1 J^2 P_2 + d2 P_4
        + HJ J^6 + HJK J^4 Jz^2 + HKJ J^2 Jz^4 + HK Jz^6 + h1 J^4 P_2 + h2 J^2 P_4 + h3 P_6,

    and the A reduction

        A Ja^2 + B Jb^2 + C Jc^2
        - DeltaJ J^4 - DeltaJK J^2 Jz^2 - DeltaK Jz^4 - [deltaJ J^2 + deltaK Jz^2, P_2] / 2
        + PhiJ J^6 + PhiJK J^4 Jz^2 + PhiKJ J^2 Jz^4 + PhiK Jz^6
        + [phiJ J^4 + phiJK J^2 Jz^2 + phiK Jz^4, P_2] / 2.

    Args:
        j: the total angular momentum.
        reduction: "S" or "A".
        representation: which principal axes are x, y and z, one of `AXES`.

    Returns:
        By the name of the constant, `[2j + 1, 2j + 1]`, real symmetric, in the basis |J, K> with K
        ascending. Those that couple K with K +- 4 or 6 vanish for small J.
    """
    k = np.arange(-j, j + 1.0)
    square = float(j * (j + 1))  # J^2
    z2, z4, z6 = (np.diag(k**power) for power in (2, 4, 6))
    raising = np.diag(np.sqrt(square - k[:-1] * k[1:]), k=-1)
    p2, p4, p6 = (
        power + power.T for power in (np.linalg.matrix_power(raising, q) for q in (2, 4, 6))
    )
    one = np.eye(2 * j + 1)
    across = (square * one - z2) / 2  # half of Jx^2 + Jy^2
    along = dict(zip(AXES[representation], (across + p2 / 4, across - p2 / 4, z2), strict=True))
    found = {"A": along["a"], "B": along["b"], "C": along["c"]}
    quartic = [square**2 * one, square * z2, z4]
    sextic = [square**3 * one, square**2 * z2, square * z4, z6]
    if reduction == "S":
        quartic = [-matrix for matrix in quartic] + [square * p2, p4]
        sextic += [square**2 * p2, square * p4, p6]
    else:
        quartic = [-matrix for matrix in [*quartic, square * p2, _half_anticommutator(z2, p2)]]
        sextic += [square**2 * p2, square * _half_anticommutator(z2, p2)]
        sextic += [_half_anticommutator(z4, p2)]
    _, names4, names6 = CONSTANTS[reduction]
    return found | dict(zip((*names4, *names6), (*quartic, *sextic), strict=True))


def _half_anticommutator(one: Array, other: Array) -> Array:
    return (one @ other + other @ one) / 2


def wang_states(j: int) -> dict[tuple[int, int], Array]:
    """Sums and differences of |J, K> and |J, -K>, which even operators do not mix.

    Args:
        j: the total angular momentum.

    Returns:
        By (parity of K, sign), with the sign 0 for sums and 1 for differences, the states in
        columns, `[2j + 1, m]`; without classes that have none.
    """
    found = {}
    for parity in (0, 1):
        for sign in (0, 1):
            columns = [_wang_state(j, k, sign) for k in range(parity, j + 1, 2) if k or not sign]
            if columns:
                found[parity, sign] = np.stack(columns, axis=1)
    return found


def _wang_state(j: int, k: int, sign: int) -> Array:
    state = np.zeros(2 * j + 1)
    state[j + k] = 1.0
    state[j - k] += (-1.0) ** sign
    return state / np.linalg.norm(state)


def class_of(j: int, parity: int, sign: int, representation: str) -> tuple[int, int]:
    """The parities of Ka and Kc of the levels of a Wang block.

    A half turn about z multiplies its states by `(-1)^K`, one about x by `(-1)^(J + sign)`, and one
    about y by both. A half turn about a multiplies the level J_KaKc by `(-1)^Ka`, one about c by
    `(-1)^Kc`.
    """
    about_x = (j + sign) % 2
    turns = dict(zip(AXES[representation], (about_x, (about_x + parity) % 2, parity), strict=True))
    return turns["a"], turns["c"]


def labels_of(j: int, ka_parity: int, kc_parity: int) -> list[tuple[int, int]]:
    """(Ka, Kc) of the levels of one J with these parities, ascending in energy for A > B > C.

    Levels of one symmetry do not cross, so the order within a block is that of the rigid rotor, in
    which the energy grows with Ka - Kc.
    """
    pairs = [(ka, kc) for ka in range(j + 1) for kc in (j - ka, j - ka + 1) if kc <= j]
    kept = [pair for pair in pairs if (pair[0] % 2, pair[1] % 2) == (ka_parity, kc_parity)]
    return sorted(kept, key=lambda pair: pair[0] - pair[1])


#: The factor of each constant of a symmetric or linear top, from J (J + 1) and K^2.
_DIAGONAL: Mapping[str, Callable[[float, float], float]] = MappingProxyType(
    {
        "DJ": lambda j, k: -(j**2),
        "DJK": lambda j, k: -j * k,
        "DK": lambda j, k: -(k**2),
        "HJ": lambda j, k: j**3,
        "HJK": lambda j, k: j**2 * k,
        "HKJ": lambda j, k: j * k**2,
        "HK": lambda j, k: k**3,
    }
)


def symmetric_energy(j: int, k: int, axial: str, equatorial: str) -> dict[str, float]:
    """The factors of the constants in the energy of a level of a symmetric top.

        B J(J+1) + (A - B) K^2 - DJ J^2(J+1)^2 - DJK J(J+1) K^2 - DK K^4 + HJ J^3(J+1)^3
        + HJK J^2(J+1)^2 K^2 + HKJ J(J+1) K^4 + HK K^6

    Args:
        j: the total angular momentum.
        k: its projection on the axis of the top; 0 for a linear molecule.
        axial: the name of the constant of that axis: A of a prolate top, C of an oblate one.
        equatorial: the name of the other constant, B.
    """
    square, axis = float(j * (j + 1)), float(k**2)
    rigid = {axial: axis, equatorial: square - axis}
    return rigid | {name: factor(square, axis) for name, factor in _DIAGONAL.items()}
