"""Coupled spins: formulas, published levels, blocks, fits, magnetic fields, wrong arguments."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.sparse.linalg import eigsh

from eigenfit.solver import (
    Affine,
    SpectralSolver,
    Spin,
    Status,
    Sweep,
    Transitions,
    embed,
    split_by,
)
from eigenfit.systems import SpinSystem
from eigenfit.systems.spin_operators import SpinSpace
from eigenfit.systems.spin_terms import energy_terms

from .helpers import affine, family, levels_by_block, levels_of


def pairs_of_ring(size):
    return [[site, (site + 1) % size] for site in range(size)]


def isotropic(spins, pairs, **more):
    return SpinSystem(spins, exchange=[{"pairs": pairs, "J": "J"}], **more)


def test_dimers_follow_the_interval_rule():
    """E(S) = J/2 [S (S + 1) - S1 (S1 + 1) - S2 (S2 + 1)] (Lande)."""
    for one, two in ((0.5, 0.5), (0.5, 1), (2.5, 2.5), (3, 1)):
        found = levels_by_block(isotropic([one, two], [[0, 1]]), J=3.0)
        totals = np.arange(abs(one - two), one + two + 1)
        assert list(found) == [f"S={Fraction(total)}" for total in totals]
        own = one * (one + 1) + two * (two + 1)
        expected = 1.5 * (totals * (totals + 1) - own)
        np.testing.assert_allclose(np.concatenate([*found.values()]), expected, atol=1e-12)


def test_three_equal_spins_of_chromium():
    """Kambe: all levels of a total spin coincide; 2, 4, 3, 2 and 1 multiplets for S = 3/2."""
    found = levels_by_block(isotropic([1.5] * 3, pairs_of_ring(3)), J=2.0)
    counts = {"S=1/2": 2, "S=3/2": 4, "S=5/2": 3, "S=7/2": 2, "S=9/2": 1}
    assert {name: len(levels) for name, levels in found.items()} == counts
    for name, levels in found.items():
        s = float(Fraction(name.removeprefix("S=")))
        np.testing.assert_allclose(levels, s * (s + 1) - 3 * 15 / 4, atol=1e-12)


def test_two_exchange_constants_of_an_isosceles_triangle():
    """Three spins 1/2: -J + J'/4, -3J'/4 for S = 1/2, and J/2 + J'/4 for S = 3/2."""
    triangle = SpinSystem(
        [0.5] * 3, exchange=[{"pairs": [[0, 1], [1, 2]], "J": "J"}, {"pairs": [[0, 2]], "J": "J'"}]
    )
    found = levels_by_block(triangle, J=2.0, **{"J'": 1.0})
    np.testing.assert_allclose(found["S=1/2"], [-2 + 0.25, -0.75], atol=1e-12)
    np.testing.assert_allclose(found["S=3/2"], [1 + 0.25], atol=1e-12)


def bethe_ansatz(size):
    """The ground-state energy of a ring of spins 1/2 in J (Bethe, Z. Phys. 71, 205 (1931)).

    The rapidities obey N arctan(2 y_j) = pi I_j + sum_k arctan(y_j - y_k).
    """
    numbers = np.arange(size // 2) - (size // 2 - 1) / 2
    y = np.zeros(size // 2)
    for _ in range(300):
        y = np.tan((np.pi * numbers + np.arctan(y[:, None] - y).sum(axis=1)) / size) / 2
    return size / 4 - np.sum(2 / (4 * y**2 + 1))


@pytest.mark.parametrize("size", [4, 6, 8])
def test_heisenberg_rings(size):
    found = levels_by_block(isotropic([0.5] * size, pairs_of_ring(size)), J=1.0)
    assert min(found["S=0"]) == pytest.approx(bethe_ansatz(size), abs=1e-10)
    assert all(min(levels) > min(found["S=0"]) for name, levels in found.items() if name != "S=0")


# The levels in meV that programs of INS_IEP print (Bloor Riley, Webb & Baker, arXiv 2409.14438).
MN12 = [0, 0, 1.24, 1.24, 2.3, 2.3, 3.18, 3.18, 3.91, 3.91, 4.5, 4.5, 4.97, 4.97, 5.32, 5.32]
MN12 += [5.54, 5.59, 5.69, 5.75, 5.78]
CR6 = [0, 0.355, 0.457, 0.497, 1.576, 1.577, 1.592, 1.629, 1.632, 2.97, 2.98, 3.002, 3.004, 3.01]
CR6 += [3.038, 3.821, 3.824, 3.827, 3.837, 3.856, 3.879, 3.888, 3.895, 3.903]


def test_giant_spin_of_mn12():
    names = ["B20", "B40", "B44", "B22"]
    spin = SpinSystem([10], zero_field=[{name: name for name in names}], unit="meV")
    values = [-0.0570 / 3, -2.78e-6, -3.2e-6, 6.8e-4]
    levels = levels_of(spin, **dict(zip(names, values, strict=True)))
    np.testing.assert_allclose(levels - levels[0], MN12, atol=0.0051)


def test_chain_of_six_chromium_ions():
    """4096 states: J = 1.46, D = -0.041 and E = 0.007 meV; the sparse matrix by SciPy."""
    chain = [{"pairs": [[site, site + 1] for site in range(5)], "J": 1.46}]
    space = SpinSpace("test", [Spin(1.5)] * 6)
    terms = energy_terms(space, chain, [{"D": -0.041, "E": 0.007}], 1.0)
    assert list(terms) == [None]
    lowest = np.sort(eigsh(terms[None], 24, which="SA", return_eigenvectors=False))
    np.testing.assert_allclose(lowest - lowest[0], CR6, atol=0.00051)


def written_out(spins, pair, tensor, vector):
    """`S1.J.S2 + D.(S1 x S2)` from dense matrices."""
    one, two = ([embed(getattr(spins[site], axis), site, spins) for axis in "xyz"] for site in pair)
    total = np.zeros((len(one[0]), len(one[0])), complex)
    for a in range(3):
        for b in range(3):
            total += tensor[a][b] * one[a] @ two[b]
        b, c = (a + 1) % 3, (a + 2) % 3
        total += vector[a] * (one[b] @ two[c] - one[c] @ two[b])
    return total


def test_every_component_of_exchange():
    """Between sites 2 and 0 of three different spins, in this order."""
    spins = [Spin(0.5), Spin(1), Spin(1.5)]
    values = {"Jxx": 0.3, "Jyy": -0.7, "Jzz": 1.1, "Jxy": 0.4, "Jxz": -0.2, "Jyz": 0.9}
    values |= {"Dx": 0.5, "Dy": -0.6, "Dz": 0.8}
    system = SpinSystem(
        [0.5, 1, 1.5], exchange=[{"pairs": [[2, 0]], **{key: key for key in values}}]
    )
    matrix = np.tensordot(
        [values[name] for name in system.parameter_names], affine(system).basis, 1
    )
    tensor = [[values["J" + "".join(sorted(a + b))] for b in "xyz"] for a in "xyz"]
    expected = written_out(spins, (2, 0), tensor, [values[f"D{a}"] for a in "xyz"])
    np.testing.assert_allclose(matrix, expected, atol=1e-12)


def test_antisymmetric_exchange_of_a_dimer():
    """J/4 for M = 1, and -J/4 +- sqrt(J^2 + D^2)/2 for M = 0."""
    dimer = SpinSystem([0.5, 0.5], exchange=[{"pairs": [[0, 1]], "J": "J", "Dz": "D"}])
    found = levels_by_block(dimer, J=1.0, D=0.5)
    split = np.sqrt(1.25) / 2
    np.testing.assert_allclose(found["M=0"], [-0.25 - split, -0.25 + split], atol=1e-12)
    np.testing.assert_allclose(found["M=1"], [0.25], atol=1e-12)


def test_conventions_of_exchange():
    plain, doubled = isotropic([1, 1], [[0, 1]]), isotropic([1, 1], [[0, 1]], exchange_factor=-2)
    np.testing.assert_allclose(
        levels_of(plain, J=3.0), np.asarray(levels_of(doubled, J=-1.5)), atol=1e-12
    )


def test_triplet_with_d_and_e():
    """D/3 - E, D/3 + E and -2D/3; a fit of three levels up to their mean."""
    triplet = SpinSystem([1], zero_field=[{"D": "D", "E": "E"}], unit="GHz")
    np.testing.assert_allclose(levels_of(triplet, D=3.0, E=0.5), [-2, 0.5, 1.5], atol=1e-12)
    assert triplet.parameter_units == {"D": "GHz", "E": "GHz"}
    fit = SpectralSolver(triplet).fit([[0.0, 2.5, 3.5]], initial=[[2.0, 0.1]])
    np.testing.assert_allclose(np.abs(fit.parameters), [[3.0, 0.5]], atol=1e-8)


def test_nitrogen_vacancy_centre():
    """Felton et al. 2009: 15N, in MHz; the levels cross where g mu_B B is near D, at 102 mT."""
    centre = {"spins": [1, 0.5], "zero_field": [{"sites": [0], "D": "D"}], "unit": "MHz"}
    hyperfine = [{"pairs": [[0, 1]], "Jxx": "A'", "Jyy": "A'", "Jzz": "A"}]
    blocks = family(SpinSystem(exchange=hyperfine, **centre))
    assert blocks.names == ("M=1/2", "M=3/2")
    lines = Transitions([(("M=3/2", 0), ("M=1/2", 0)), (("M=1/2", 1), ("M=1/2", 0))])
    solver = SpectralSolver(blocks, observation=lines)
    assert blocks.parameter_names == ("A'", "A", "D")  # exchange first
    point = [[3.65, 3.03, 2870.0]]
    observed = solver.comparison.observe(solver.spectrum(point)).numpy()[0]
    # In the block M = 1/2 the states 0,up and 1,down: D - A/2 apart, coupled by A'/sqrt(2).
    apart = 2870 - 3.03 / 2
    root = np.sqrt(apart**2 / 4 + 3.65**2 / 2)
    expected = [2870 + 3.03 / 2 - (apart / 2 - root), 2 * root]
    np.testing.assert_allclose(observed, expected, rtol=1e-12)
    g = [{"sites": [0], "g": 2.0028}]
    sweep = SpinSystem(exchange=hyperfine, **centre, g=g, field="z", limit=60)
    assert isinstance(sweep, Sweep)
    fields = np.linspace(0.1, 0.105, 60)
    levels = SpectralSolver(sweep).spectrum(point, conditions=fields)
    # Of the six levels the four lowest are those with m_S = 0 and -1.
    gaps = np.ptp(levels.numpy().reshape(60, 6)[:, :4], axis=1)
    assert fields[np.argmin(gaps)] == pytest.approx(0.1024, abs=1e-4)


@pytest.mark.parametrize("kind", ["S", "M"])
def test_blocks_have_all_levels_of_the_whole_matrix(kind):
    """Each level of S occurs 2 S + 1 times; each of M twice, but once for M = 0."""
    exchange = [{"pairs": [[0, 1], [1, 2]], "J": "J"}, {"pairs": [[0, 2]], "J": 0.4}]
    zero_field: list[dict] | None = None
    if kind == "M":
        exchange[1] = {"pairs": [[0, 2]], "Jzz": 0.4, "Dz": "d"}
        zero_field = [{"D": "D"}]
    values = {"J": 1.0} | ({"d": 0.3, "D": -0.7} if kind == "M" else {})
    made = {
        blocks: SpinSystem([1, 1.5, 1.5], exchange=exchange, zero_field=zero_field, blocks=blocks)
        for blocks in ("auto", "none")
    }
    whole = levels_of(made["none"], **values)
    expected = []
    for name, levels in levels_by_block(made["auto"], **values).items():
        letter, number = name.split("=")
        assert letter == kind
        number = float(Fraction(number))
        copies = round(2 * number + 1) if kind == "S" else 1 + (number > 0)
        expected += [*levels] * copies
    np.testing.assert_allclose(np.sort(expected), whole, atol=1e-11)


def test_blocks_of_m_are_those_of_split_by():
    system = {"spins": [0.5, 1.5], "exchange": [{"pairs": [[0, 1]], "J": "J", "Jzz": "K"}]}
    spins = [Spin(0.5), Spin(1.5)]
    total = embed(spins[0].z, 0, spins) + embed(spins[1].z, 1, spins)
    expected = split_by(
        affine(SpinSystem(**system, blocks="none")), {"M": total}, keep=lambda M: M >= 0
    )
    found = family(SpinSystem(**system))
    assert found.names == expected.names
    np.testing.assert_allclose(levels_of(found, J=1.2, K=-0.3), levels_of(expected, J=1.2, K=-0.3))


def test_a_fit_of_multiplets():
    """From gaps of a trimer: the zero of the levels is unknown."""
    trimer = SpinSystem(
        [1.5] * 3, exchange=[{"pairs": [[0, 1], [1, 2]], "J": "J"}, {"pairs": [[0, 2]], "J": "K"}]
    )
    levels = levels_of(trimer, J=10.0, K=4.0)
    fit = SpectralSolver(trimer).fit([levels - levels.min()], initial=[[8.0, 5.0]])
    assert fit.status.numpy() == [Status.CONVERGED]
    np.testing.assert_allclose(fit.parameters, [[10.0, 4.0]], rtol=1e-8)


def test_what_is_observed_of_a_half_integer_spin():
    """D and E of a spin 3/2: two Kramers doublets, 2 sqrt(D^2 + 3 E^2) apart."""
    quartet = SpinSystem([1.5], zero_field=[{"D": "D", "E": 0.5}])
    solver = SpectralSolver(quartet)
    assert solver.num_targets == 2
    fit = solver.fit([[0.0, 2 * np.sqrt(1 + 0.75)]], initial=[[0.8]])
    np.testing.assert_allclose(fit.parameters, [[1.0]], atol=1e-8)


def test_g_factors_by_site_and_axis():
    """Two uncoupled spins 1/2 in GHz: +- g1/2 mu_B B +- g2/2 mu_B B."""
    pair = SpinSystem(
        [0.5, 0.5],
        exchange=[{"pairs": [[0, 1]], "J": "J"}],
        g=[{"sites": [0], "gx": "g1", "gy": "g1", "gz": 2.5}, {"sites": [1], "g": "g2"}],
        field="xyz",
        limit=2,
        unit="GHz",
    )
    assert pair.parameter_names == ("J", "g1", "g2")
    assert pair.parameter_units == {"J": "GHz"}
    fields = [[0.1, 0.2, 0.0], [0.0, 0.0, 0.5]]
    levels = SpectralSolver(pair).spectrum([[0.0, 2.0, 1.8]], conditions=fields).numpy()[0]
    bohr = 13.9962449171 / 2
    for found, first, second in (
        (levels[:4], 2.0 * np.sqrt(0.05), 1.8 * np.sqrt(0.05)),
        (levels[4:], 2.5 * 0.5, 1.8 * 0.5),
    ):
        expected = [-first - second, -first + second, first - second, first + second]
        np.testing.assert_allclose(found, bohr * np.array(expected), atol=1e-12)


def test_only_g_is_fitted():
    spin = SpinSystem([0.5], g="g", field="z", limit=2, unit="GHz")
    bohr = 13.9962449171
    fields = [0.3, 0.35]
    observed = np.ravel([[0.0, 2.05 * bohr * b] for b in fields])
    fit = SpectralSolver(spin).fit([observed], conditions=fields, initial=[[2.0]])
    np.testing.assert_allclose(fit.parameters, [[2.05]], rtol=1e-10)
    assert spin.parameter_units == {}


def test_a_whole_matrix_on_request():
    ring = isotropic([0.5] * 4, pairs_of_ring(4), blocks="none")
    assert isinstance(ring, Affine)
    assert isotropic([0.5] * 4, pairs_of_ring(4), blocks="M").level_counts == (6, 4, 1)


J = [{"pairs": [[0, 1]], "J": "J"}]
WRONG = {
    "spins must be a list of S": {"spins": []},
    "spins: value must be a multiple of one half, got 0.7": {"spins": [0.7]},
    "exchange must be a list of dicts": {"exchange": {"J": "J"}},
    "exchange\\[0\\] must be a dict": {"exchange": ["J"]},
    "exchange\\[0\\] needs pairs": {"exchange": [{"J": "J"}]},
    "exchange\\[1\\]: each pair must be two different sites from 0 to 1, got \\[0, 2\\]": {
        "exchange": [*J, {"pairs": [[0, 2]], "J": "J"}]
    },
    "exchange\\[0\\]: each pair .*got \\[1, 1\\]": {"exchange": [{"pairs": [[1, 1]], "J": "J"}]},
    "exchange\\[0\\] has no coefficient": {"exchange": [{"pairs": [[0, 1]]}]},
    "keys beside pairs are J, .*got 'jxx'. Did you mean 'Jxx'": {
        "exchange": [{"pairs": [[0, 1]], "jxx": "J"}]
    },
    "exchange\\[0\\]: J must be the name": {"exchange": [{"pairs": [[0, 1]], "J": None}]},
    "the terms of 'D' cancel": {"exchange": [{"pairs": [[0, 1], [1, 0]], "Dz": "D"}]},
    "exchange_factor must be finite and not 0": {"exchange": J, "exchange_factor": 0},
    "zero_field\\[0\\]: D has no effect on a spin 0.5": {"zero_field": [{"D": "D"}]},
    "zero_field\\[0\\]: sites count from 0 to 1, got 2": {"zero_field": [{"sites": [2], "D": "D"}]},
    "zero_field\\[0\\]: sites must be a list": {"zero_field": [{"sites": 1, "D": "D"}]},
    "the keys other than sites, D and E must be names such as": {
        "zero_field": [{"sites": [1], "d": "D"}]
    },
    "there is no parameter": {"exchange": [{"pairs": [[0, 1]], "J": 1.0}]},
    "g has no effect without a magnetic field": {"exchange": J, "g": 2.0},
    "a field needs g": {"exchange": J, "field": "z"},
    "no entry of g acts along x": {"exchange": J, "field": "xz", "g": [{"gz": "g"}]},
    "g\\[0\\]: the keys beside sites are g, or gx": {
        "exchange": J,
        "field": "z",
        "g": [{"g": "g", "gz": 2.0}],
    },
    "'J' is an energy and a g factor": {"exchange": J, "field": "z", "g": "J"},
    "unit must be one of eV": {"exchange": J, "field": "z", "g": 2.0, "unit": "kJ/mol"},
    'blocks must be "auto" or "none" with a field': {
        "exchange": J,
        "field": "z",
        "g": 2.0,
        "blocks": "M",
    },
    'blocks must be "auto", "S", "M" or "none"': {"exchange": J, "blocks": "m"},
    "needs total S_z to be conserved, but 'K' does not": {
        "exchange": [*J, {"pairs": [[0, 1]], "Jxx": "K"}],
        "blocks": "M",
    },
    "needs the total spin to be conserved, but the fixed terms do not": {
        "exchange": [*J, {"pairs": [[0, 1]], "Jzz": 0.1}],
        "blocks": "S",
    },
    "limit is the largest number": {"exchange": J, "limit": 2},
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_arguments(message):
    with pytest.raises(ValueError, match=f"SpinSystem: .*{message}"):
        SpinSystem(**{"spins": [0.5, 1], **WRONG[message]})
