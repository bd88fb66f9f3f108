"""Crystal-field parameters: their names, and the factors between their conventions.

Stevens: `H = sum B_kq O_kq` with the Stevens operators of Hutchings (1964), for q < 0 of Rudowicz,
J. Phys. C 18, 1415 (1985). Wybourne: `H = sum B_kq C_kq`, with real parameters

    B_k0 C_k0,   B_kq (C_k,-q + (-1)^q C_k,q),   B_k,-q i (C_k,-q - (-1)^q C_k,q)     (q > 0)

for cosines and sines of q phi (Wybourne 1965; Görller-Walrand & Binnemans, Handbook on the Physics
and Chemistry of Rare Earths 23, 1996). Within a multiplet
`B_kq(Stevens) = lambda_kq theta_k B_kq(Wybourne)`.
"""

from __future__ import annotations

import re
from math import sqrt

from .point_groups import Combination, Term

#: lambda_kq by k and |q|.
LAMBDA: dict[Term, float] = {
    (2, 0): 1 / 2,
    (2, 1): sqrt(6),
    (2, 2): sqrt(6) / 2,
    (4, 0): 1 / 8,
    (4, 1): sqrt(5) / 2,
    (4, 2): sqrt(10) / 4,
    (4, 3): sqrt(35) / 2,
    (4, 4): sqrt(70) / 8,
    (6, 0): 1 / 16,
    (6, 1): sqrt(42) / 8,
    (6, 2): sqrt(105) / 16,
    (6, 3): sqrt(105) / 8,
    (6, 4): 3 * sqrt(14) / 16,
    (6, 5): 3 * sqrt(77) / 8,
    (6, 6): sqrt(231) / 16,
}


def stevens_factor(term: Term, factors: tuple[float, ...]) -> float:
    """`lambda_kq theta_k`, the Stevens parameter for a Wybourne parameter of 1."""
    k, q = term
    return LAMBDA[k, abs(q)] * factors[k // 2 - 1]


def in_wybourne(parameter: Term, parts: Combination) -> Combination:
    """A combination of Stevens operators with ties, for the ties of Wybourne parameters.

    The ratios of tied parameters of one rank change by the ratios of lambda; theta cancels.
    """
    unit = LAMBDA[parameter[0], abs(parameter[1])]
    return {(k, q): factor * unit / LAMBDA[k, abs(q)] for (k, q), factor in parts.items()}


def name_of(term: Term) -> str:
    """The name of a parameter, such as `B20` or `B4-3`."""
    return f"B{term[0]}{term[1]}"


def term_of(owner: str, argument: str, name: str) -> Term:
    """The k and q of a name such as `B20` or `B4-3`.

    Raises:
        ValueError: for any other name.
    """
    found = re.fullmatch(r"B([246])(-?[0-6])", name) if isinstance(name, str) else None
    term = (int(found[1]), int(found[2])) if found else (0, 0)
    if found is None or abs(term[1]) > term[0] or name_of(term) != name:
        raise ValueError(
            f"{owner}: {argument} must be names such as 'B20', 'B44' or 'B4-3': B, the rank k of "
            f"2, 4 or 6, and q from -k to k, got {name!r}."
        )
    return term
