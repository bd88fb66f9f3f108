"""Stevens factors and conventions, from the wave functions of the 4f electrons."""

import numpy as np
import pytest
from scipy import constants
from scipy.special import sph_harm_y

from eigenfit.solver import Spin, embed
from eigenfit.systems import CrystalField
from eigenfit.systems.rare_earths import ELECTRONS, GROUND_MULTIPLETS
from eigenfit.systems.zeeman import BOHR_MAGNETON

from .helpers import affine

M = [3, 2, 1, 0, -1, -2, -3]


def spherical(k, q):
    """C_kq on the directions of a quadrature that is exact for products of three harmonics."""
    nodes, weights = np.polynomial.legendre.leggauss(10)
    phi = np.arange(20) * 2 * np.pi / 20
    theta, phi = np.meshgrid(np.arccos(nodes), phi, indexing="ij")
    return sph_harm_y(k, q, theta, phi), weights[:, None] * (2 * np.pi / 20)


def one_electron(k, q):
    """`<3 m| C_kq |3 m'>`, m descending from 3."""
    operator, weights = spherical(k, q)
    operator = operator * np.sqrt(4 * np.pi / (2 * k + 1))
    states = np.array([spherical(3, m)[0] for m in M])
    return np.einsum("iab,ab,jab,ab->ij", states.conj(), operator, states, weights)


def wybourne_operator(k, q):
    """What a Wybourne parameter multiplies, for one f electron, `[7, 7]`."""
    if q == 0:
        return one_electron(k, 0)
    plus, minus = (-1) ** q * one_electron(k, abs(q)), one_electron(k, -abs(q))
    return minus + plus if q > 0 else 1j * (minus - plus)


def states_of(ell, s, j):
    """|J M> with M descending, in the product space of L and S: `[n, 2 J + 1]`."""
    spins = [Spin(ell), Spin(s)]
    z, plus = (
        np.sum([embed(getattr(spin, name), site, spins) for site, spin in enumerate(spins)], axis=0)
        for name in ("z", "plus")
    )
    sector = np.flatnonzero(np.isclose(np.diag(z), j))
    _, singular, right = np.linalg.svd(plus[:, sector])
    assert np.sum(np.abs(singular) < 1e-9) + len(sector) - len(singular) == 1
    top = np.zeros(len(z))
    top[sector] = right[-1]
    found = [top]
    for _ in range(round(2 * j)):
        lowered = plus.T @ found[-1]
        found.append(lowered / np.linalg.norm(lowered))
    return np.array(found).T


@pytest.mark.parametrize("count", sorted(GROUND_MULTIPLETS))
def test_ground_multiplets(count):
    """Hund's rules, the formula of Lande, and theta_k from the determinant with M_L = L."""
    occupied = [*M, *M][:count]
    ell = abs(sum(occupied))
    s = min(count, 14 - count) / 2
    j = abs(ell - s) if count < 7 else ell + s
    multiplet = GROUND_MULTIPLETS[count]
    letter, multiplicity = "SPDFGHI"[ell], round(2 * s + 1)
    shown = f"{j:g}" if j % 1 == 0 else f"{round(2 * j)}/2"
    assert multiplet.term == f"{multiplicity}{letter}{shown}"
    assert multiplet.j == j
    if j == 0:
        return
    squares = [value * (value + 1) for value in (j, s, ell)]
    assert multiplet.lande == pytest.approx(
        1 + (squares[0] + squares[1] - squares[2]) / 2 / squares[0]
    )
    if ell == 0:
        assert multiplet.factors == (0, 0, 0)
        return
    states = states_of(ell, s, j)
    assert multiplet.factors is not None
    for k, factor in zip((2, 4, 6), multiplet.factors, strict=True):
        if k > 2 * j:
            assert factor == 0
            continue
        # The determinant is |L L>; the potential within the term is proportional to O_k0(L).
        potential = np.real(np.diag(one_electron(k, 0)))
        stretched = sum(potential[3 - m] for m in occupied)
        orbital = Spin(ell).stevens(k, 0)
        within = stretched / orbital[0, 0] * np.kron(orbital, np.eye(multiplicity))
        value = states[:, 0] @ within @ states[:, 0]
        # C_k0 = O_k0 / 2, / 8, / 16 for O_20 = 3 z^2 - r^2, 35 z^4 - ..., 231 z^6 - ...
        scale = {2: 2, 4: 8, 6: 16}[k]
        assert factor == pytest.approx(value * scale / Spin(j).stevens(k, 0)[0, 0], rel=1e-10)


@pytest.mark.parametrize(("ion", "j", "sign"), [("Ce3+", 2.5, 1), ("Yb3+", 3.5, -1)])
def test_every_wybourne_parameter_of_one_electron_and_of_one_hole(ion, j, sign):
    """`H = sum B_kq C_kq` in the multiplet, for all k and q: both factors between conventions."""
    states = states_of(3, 0.5, j)
    terms = [(k, q) for k in (2, 4, 6) if k <= 2 * j for q in range(-k, k + 1)]
    names = [f"B{k}{q}" for k, q in terms]
    field = CrystalField(ion, parameters=names, convention="wybourne")
    for name, (k, q), found in zip(names, terms, affine(field).basis, strict=True):
        whole = np.kron(wybourne_operator(k, q), np.eye(2))
        expected = sign * states.T @ whole @ states
        np.testing.assert_allclose(found, expected, atol=1e-12, err_msg=name)


def test_ions_have_the_electrons_of_their_charge():
    known = {"Ce3+": 1, "Pr4+": 1, "Nd3+": 3, "Sm2+": 6, "Eu3+": 6, "Eu2+": 7, "Gd3+": 7, "Tb4+": 7}
    known |= {"Ho3+": 10, "Tm2+": 13, "Yb3+": 13, "4f5": 5}
    assert {ion: ELECTRONS[ion] for ion in known} == known
    assert len(ELECTRONS) == 13 + 13 + 5  # trivalent, by electrons, others: not Ce4+ and Yb2+


def test_bohr_magneton():
    joule = constants.value("Bohr magneton")
    hertz, wave = joule / constants.h, joule / constants.h / constants.c
    expected = {
        "eV": joule / constants.e,
        "meV": joule / constants.e * 1e3,
        "ueV": joule / constants.e * 1e6,
        "cm^-1": wave / 100,
        "K": joule / constants.k,
        "MHz": hertz * 1e-6,
        "GHz": hertz * 1e-9,
        "THz": hertz * 1e-12,
    }
    assert expected.keys() == BOHR_MAGNETON.keys()
    for unit, value in expected.items():
        assert BOHR_MAGNETON[unit] == pytest.approx(value, rel=1e-8), unit
