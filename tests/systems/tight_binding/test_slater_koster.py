"""The table of Slater and Koster, Phys. Rev. 94, 1498 (1954)."""

import itertools

import numpy as np
import pytest

from eigenfit.systems.tight_binding import two_centre

R3 = np.sqrt(3)
ORBITALS = {
    "s": ["s"],
    "p": ["x", "y", "z"],
    "d": ["xy", "yz", "zx", "x2-y2", "3z2-r2"],
}


def table(l, m, n):  # noqa: E741  # the letters of the paper
    """Table I: the factors of (sigma), (sigma, pi) or (sigma, pi, delta), by pair of orbitals.

    Entries that the paper leaves to cyclic permutation are written out.
    """
    along = n**2 - (l**2 + m**2) / 2
    difference = l**2 - m**2
    found = {
        ("s", "s"): (1.0,),
        ("s", "x"): (l,),
        ("s", "y"): (m,),
        ("s", "z"): (n,),
        ("x", "x"): (l**2, 1 - l**2),
        ("y", "y"): (m**2, 1 - m**2),
        ("z", "z"): (n**2, 1 - n**2),
        ("x", "y"): (l * m, -l * m),
        ("y", "z"): (m * n, -m * n),
        ("x", "z"): (l * n, -l * n),
        ("s", "xy"): (R3 * l * m,),
        ("s", "yz"): (R3 * m * n,),
        ("s", "zx"): (R3 * n * l,),
        ("s", "x2-y2"): (R3 / 2 * difference,),
        ("s", "3z2-r2"): (along,),
        ("x", "xy"): (R3 * l**2 * m, m * (1 - 2 * l**2)),
        ("y", "yz"): (R3 * m**2 * n, n * (1 - 2 * m**2)),
        ("z", "zx"): (R3 * n**2 * l, l * (1 - 2 * n**2)),
        ("x", "yz"): (R3 * l * m * n, -2 * l * m * n),
        ("y", "zx"): (R3 * l * m * n, -2 * l * m * n),
        ("z", "xy"): (R3 * l * m * n, -2 * l * m * n),
        ("x", "zx"): (R3 * l**2 * n, n * (1 - 2 * l**2)),
        ("y", "xy"): (R3 * m**2 * l, l * (1 - 2 * m**2)),
        ("z", "yz"): (R3 * n**2 * m, m * (1 - 2 * n**2)),
        ("x", "x2-y2"): (R3 / 2 * l * difference, l * (1 - difference)),
        ("y", "x2-y2"): (R3 / 2 * m * difference, -m * (1 + difference)),
        ("z", "x2-y2"): (R3 / 2 * n * difference, -n * difference),
        ("x", "3z2-r2"): (l * along, -R3 * l * n**2),
        ("y", "3z2-r2"): (m * along, -R3 * m * n**2),
        ("z", "3z2-r2"): (n * along, R3 * n * (l**2 + m**2)),
        ("x2-y2", "x2-y2"): (
            3 / 4 * difference**2,
            l**2 + m**2 - difference**2,
            n**2 + difference**2 / 4,
        ),
        ("x2-y2", "3z2-r2"): (
            R3 / 2 * difference * along,
            -R3 * n**2 * difference,
            R3 / 4 * (1 + n**2) * difference,
        ),
        ("3z2-r2", "3z2-r2"): (
            along**2,
            3 * n**2 * (l**2 + m**2),
            3 / 4 * (l**2 + m**2) ** 2,
        ),
        ("xy", "x2-y2"): (
            3 / 2 * l * m * difference,
            -2 * l * m * difference,
            l * m * difference / 2,
        ),
        ("yz", "x2-y2"): (
            3 / 2 * m * n * difference,
            -m * n * (1 + 2 * difference),
            m * n * (1 + difference / 2),
        ),
        ("zx", "x2-y2"): (
            3 / 2 * n * l * difference,
            n * l * (1 - 2 * difference),
            -n * l * (1 - difference / 2),
        ),
        ("xy", "3z2-r2"): (
            R3 * l * m * along,
            -2 * R3 * l * m * n**2,
            R3 / 2 * l * m * (1 + n**2),
        ),
    }
    for first, second in (("yz", m), ("zx", l)):
        found[first, "3z2-r2"] = (
            R3 * second * n * along,
            R3 * second * n * (l**2 + m**2 - n**2),
            -R3 / 2 * second * n * (l**2 + m**2),
        )
    cosines = {"xy": (l, m, n), "yz": (m, n, l), "zx": (n, l, m)}
    for one, (a, b, c) in cosines.items():
        found[one, one] = (
            3 * a**2 * b**2,
            a**2 + b**2 - 4 * a**2 * b**2,
            c**2 + a**2 * b**2,
        )
    # (xy, yz) = 3 l m^2 n (sigma) + l n (1 - 4 m^2) (pi) + l n (m^2 - 1) (delta): the letter that
    # both have is squared.
    for one, other, common, rest in (
        ("xy", "yz", m, l * n),
        ("yz", "zx", n, m * l),
        ("xy", "zx", l, m * n),
    ):
        found[one, other] = (
            3 * rest * common**2,
            rest * (1 - 4 * common**2),
            rest * (common**2 - 1),
        )
    return found


@pytest.mark.parametrize(
    "direction", [(0.3, -0.5, 0.8), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (-1.0, 2.0, -0.4)]
)
def test_hoppings_are_those_of_the_table(direction):
    cosines = np.array(direction) / np.linalg.norm(direction)
    expected = table(*cosines)
    checked = 0
    for one, other in itertools.combinations_with_replacement("spd", 2):
        kinds = min("spd".index(one), "spd".index(other)) + 1
        for kind in range(kinds):
            found = two_centre(one, other, kind, direction)
            swapped = two_centre(other, one, kind, direction)
            odd = ("spd".index(one) + "spd".index(other)) % 2
            for (i, a), (j, b) in itertools.product(
                enumerate(ORBITALS[one]), enumerate(ORBITALS[other])
            ):
                factors = expected.get((a, b)) or expected[b, a]
                assert found[i, j] == pytest.approx(factors[kind], abs=1e-12), (a, b, kind)
                # Interchanging the orbitals changes the sign if the sum of their l is odd.
                assert swapped[j, i] == pytest.approx((-1) ** odd * found[i, j], abs=1e-12)
                checked += 1
    assert checked == 1 + 3 + 5 + 2 * 9 + 2 * 15 + 3 * 25
