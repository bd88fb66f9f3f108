"""Spin matrices and Stevens operators against commutation rules and published levels."""

import numpy as np
import pytest

from eigenfit.solver import Affine, SpectralSolver, Spin, embed, heisenberg


def commutator(a, b):
    return a @ b - b @ a


@pytest.mark.parametrize("value", [0.5, 1, 2.5, 8])
def test_commutation_rules(value):
    s = Spin(value)
    np.testing.assert_allclose(commutator(s.x, s.y), 1j * s.z, atol=1e-12)
    np.testing.assert_allclose(commutator(s.y, s.z), 1j * s.x, atol=1e-12)
    np.testing.assert_allclose(commutator(s.z, s.x), 1j * s.y, atol=1e-12)
    square = s.x @ s.x + s.y @ s.y + s.z @ s.z
    np.testing.assert_allclose(square, value * (value + 1) * s.identity, atol=1e-12)


def spherical_tensors(s, k):
    """`T_kq` for q = k .. 0 by definition: `T_kk = (S+)^k`, lowered by commutators with S-."""
    tensor = np.linalg.matrix_power(s.plus, k)
    found = {k: tensor}
    for q in range(k, 0, -1):
        tensor = commutator(s.minus, tensor) / np.sqrt(k * (k + 1) - q * (q - 1))
        found[q - 1] = tensor
    return found


@pytest.mark.parametrize("k", [2, 4, 6])
@pytest.mark.parametrize("value", [3, 3.5, 8])
def test_stevens_operators_are_spherical_tensors(value, k):
    s = Spin(value)
    tensors = spherical_tensors(s, k)
    for q in range(k + 1):
        raising, lowering = tensors[q], tensors[q].conj().T
        for sign in (1, -1) if q else (1,):
            wanted = raising + lowering if sign > 0 else (raising - lowering) / 1j
            found = s.stevens(k, sign * q)
            np.testing.assert_allclose(found, found.conj().T, atol=1e-9 * np.abs(found).max())
            ratio = np.vdot(wanted, found) / np.vdot(wanted, wanted)
            scale = np.abs(found).max()
            np.testing.assert_allclose(found, ratio * wanted, atol=1e-10 * scale)


def test_normalization_of_stevens_operators():
    """Forms in x, y, z that do not use the table (Hutchings 1964, Table VIII)."""
    s = Spin(2.5)
    x, y, z = s.x, s.y, s.z

    def anti(a, b):
        return (a @ b + b @ a) / 2

    def power(a, exponent):
        return np.linalg.matrix_power(a, exponent)

    expected = {
        (2, 2): x @ x - y @ y,
        (2, 1): anti(x, z),
        (2, -1): anti(y, z),
        (2, -2): x @ y + y @ x,
        (4, 4): (power(x + 1j * y, 4) + power(x - 1j * y, 4)) / 2,
        (4, 3): anti(z, power(x + 1j * y, 3) + power(x - 1j * y, 3)) / 2,
        (4, -4): (power(x + 1j * y, 4) - power(x - 1j * y, 4)) / 2j,
    }
    for (k, q), operator in expected.items():
        np.testing.assert_allclose(s.stevens(k, q), operator, atol=1e-12, err_msg=f"{k} {q}")
    # The leading power of Sz: 35 m^4, 231 m^6, and the trace must vanish.
    s = Spin(10)
    for k, leading in ((4, 35), (6, 231)):
        diagonal = s.stevens(k, 0).diagonal()
        fit = np.polynomial.polynomial.polyfit(s.z.diagonal(), diagonal, k)
        assert fit[k] == pytest.approx(leading)
        assert abs(diagonal.sum()) < 1e-6 * np.abs(diagonal).max()


def test_cubic_field_on_a_spin_five_halves():
    """`B4 (O40 + 5 O44)` splits S = 5/2 into a quartet and a doublet 360 B4 apart (Bleaney)."""
    s = Spin(2.5)
    levels = np.linalg.eigvalsh(s.stevens(4, 0) + 5 * s.stevens(4, 4))
    np.testing.assert_allclose(levels, [-240, -240, 120, 120, 120, 120], atol=1e-9)


@pytest.mark.usefixtures("eagerly")
def test_zero_field_splitting_is_found_again():
    """D and E of a triplet: levels D/3 + E, D/3 - E, -2D/3."""
    s = Spin(1)
    basis = [s.z @ s.z - 2 / 3 * s.identity, (s.x @ s.x - s.y @ s.y).real]
    solver = SpectralSolver(Affine(None, basis, ["D", "E"]), initial=[1.0, 0.1])
    d, e = 0.9, 0.07
    fit = solver.fit([sorted([d / 3 + e, d / 3 - e, -2 * d / 3])])
    np.testing.assert_allclose(fit.parameters.numpy()[0], [d, e], atol=1e-10)


@pytest.mark.parametrize("values", [(0.5, 0.5), (1, 2.5), (2, 2)])
def test_exchange_of_a_pair_follows_the_lande_interval_rule(values):
    a, b = values
    levels = np.linalg.eigvalsh(heisenberg([Spin(a), Spin(b)], [(0, 1)]))
    expected = []
    for total in np.arange(abs(a - b), a + b + 1):
        energy = (total * (total + 1) - a * (a + 1) - b * (b + 1)) / 2
        expected += [energy] * int(2 * total + 1)
    np.testing.assert_allclose(levels, np.sort(expected), atol=1e-10)


def test_embedded_operators_of_different_sites_commute(rng):
    spins = [Spin(0.5), Spin(1), Spin(1.5)]
    one = embed(spins[0].x, 0, spins)
    other = embed(spins[2].y, 2, spins)
    assert one.shape == (24, 24)
    np.testing.assert_allclose(commutator(one, other), 0.0, atol=1e-14)
    middle = embed(spins[1].z, 1, spins)
    state = np.kron(np.kron([0, 1], [0, 0, 1]), [1, 0, 0, 0])
    np.testing.assert_allclose(middle @ state, -1 * state)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Spin(0.3), "multiple of one half, got 0.3"),
        (
            lambda: Spin("1"),  # pyright: ignore[reportArgumentType]
            "multiple of one half, got '1'",
        ),
        (lambda: Spin(-1), "must be positive, got -1"),
        (lambda: Spin(2).stevens(3, 0), "k must be 2, 4 or 6"),
        (lambda: Spin(2).stevens(2, 3), "q from -k to k, got k=2, q=3"),
        (lambda: embed(np.eye(2), 2, [Spin(0.5)] * 2), "an integer from 0 to 1, got 2"),
        (lambda: embed(np.eye(3), 0, [Spin(0.5)] * 2), "operator must be 2 x 2"),
    ],
)
def test_wrong_arguments_are_one_clear_error(make, message):
    with pytest.raises(ValueError, match=message):
        make()
