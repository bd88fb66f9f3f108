"""Two-centre integrals: hoppings between s, p and d orbitals along any direction.

J. C. Slater and G. F. Koster, Phys. Rev. 94, 1498 (1954), Table I. A matrix element between two
orbitals is a sum over the projections on the bond, sigma, pi and delta, each with one integral. The
table follows by turning the orbitals so that z is the bond.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]

#: The orbitals of each shell.
SHELLS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "s": ("s",),
        "s*": ("s*",),
        "p": ("px", "py", "pz"),
        "d": ("dxy", "dyz", "dzx", "dx2-y2", "dz2"),
    }
)

_PROJECTIONS = {"sigma": 0, "pi": 1, "delta": 2}
_LARGEST = {"s": 0, "s*": 0, "p": 1, "d": 2}  # projection of a shell
_INTEGRAL = re.compile(r"(s\*?|p|d)(s\*?|p|d)_(sigma|pi|delta)")


def shell_of(orbital: str) -> str:
    """The shell of an orbital: `p` of `px`."""
    return next(shell for shell, orbitals in SHELLS.items() if orbital in orbitals)


def parse_integral(name: str) -> tuple[str, str, int]:
    """The two shells and the projection of an integral such as `pd_pi`.

    Raises:
        ValueError: for another name.

    Example:
        >>> parse_integral("s*p_sigma")
        ('s*', 'p', 0)
    """
    found = _INTEGRAL.fullmatch(name)
    if found is not None:
        one, other, kind = found[1], found[2], _PROJECTIONS[found[3]]
        if kind <= min(_LARGEST[one], _LARGEST[other]):
            return one, other, kind
    raise ValueError(
        f"there is no two-centre integral {name!r}; they are called ss_sigma, sp_sigma, pp_sigma, "
        "pp_pi, sd_sigma, pd_sigma, pd_pi, dd_sigma, dd_pi, dd_delta, with s* for a second s "
        "shell, and ps_sigma for p at the first and s at the second site"
    )


def two_centre(one: str, other: str, projection: int, direction: ArrayLike) -> Array:
    """The factors of a two-centre integral in the hoppings between two shells.

    The integral `sp_sigma` is that of s at the first site and p at the second. `ps_sigma` is that
    of the same two orbitals seen from the other end: the sign of the hopping then changes, as in
    the rule of Slater and Koster that `E(x, s)` is `-l (sp sigma)`.

    Args:
        one: the shell at the first site.
        other: the shell at the second site.
        projection: 0 for sigma, 1 for pi, 2 for delta.
        direction: `[3]`, from the first site to the second, of any length.

    Returns:
        `[m, n]`, for the orbitals of `SHELLS[one]` and of `SHELLS[other]`.

    Example:
        >>> two_centre("s", "p", 0, [0.0, 0.0, 2.0]).tolist()
        [[0.0, 0.0, 1.0]]
    """
    frame = _frame(np.asarray(direction, float))
    factors = _along(one, projection, frame) @ _along(other, projection, frame).T
    if _LARGEST[one] > _LARGEST[other] and (_LARGEST[one] + _LARGEST[other]) % 2:
        return -factors
    return factors


def _frame(direction: Array) -> Array:
    """Three orthonormal columns, the last of which is the direction."""
    along = direction / np.linalg.norm(direction)
    aside = np.cross(along, np.eye(3)[np.abs(along).argmin()])
    aside /= np.linalg.norm(aside)
    return np.stack([aside, np.cross(along, aside), along], axis=1)


def _along(shell: str, projection: int, frame: Array) -> Array:
    """`[m, c]`, the orbitals of a shell in those with this projection on the last axis."""
    if _LARGEST[shell] == 0:
        return np.ones((1, 1))
    if shell == "p":
        return frame[:, 2:] if projection == 0 else frame[:, :2]
    forms = _quadratic_forms(np.eye(3))
    # Those of pi in the order of px and py: zx is along x, yz along y.
    chosen = {0: [4], 1: [2, 1], 2: [0, 3]}[projection]
    turned = _quadratic_forms(frame)[chosen]
    return np.einsum("aij,bij->ab", forms, turned) * (2 / 3)


def _quadratic_forms(frame: Array) -> Array:
    """`[5, 3, 3]`: d orbitals as quadratic forms in the axes of a frame, in the order of `SHELLS`.

    Their products have the trace 3/2, so that the form of z^2 is 1 along z.
    """
    x, y, z = frame.T
    half = np.sqrt(3) / 2
    return np.array(
        [
            half * (np.outer(x, y) + np.outer(y, x)),
            half * (np.outer(y, z) + np.outer(z, y)),
            half * (np.outer(z, x) + np.outer(x, z)),
            half * (np.outer(x, x) - np.outer(y, y)),
            np.outer(z, z) - (np.outer(x, x) + np.outer(y, y)) / 2,
        ]
    )
