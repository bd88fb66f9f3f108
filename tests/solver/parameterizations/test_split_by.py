"""Symmetry blocks named by their quantum numbers."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from scipy.optimize import least_squares

from eigenfit.solver import (
    Affine,
    Family,
    Frequencies,
    Joint,
    Levels,
    Matched,
    Nonlinear,
    SpectralSolver,
    Spin,
    Status,
    Symmetric,
    Toeplitz,
    Transitions,
    embed,
    heisenberg,
    split_by,
)
from eigenfit.solver.parameterizations.quantum_numbers import written

from ..helpers import as_numpy, assert_same, take
from . import caesium_fluoride as csf

# Four spins 1/2 on a ring.
SPINS = [Spin(1 / 2)] * 4
RING = [
    heisenberg(SPINS, [(0, 1), (1, 2), (2, 3), (3, 0)]),
    heisenberg(SPINS, [(0, 2), (1, 3)]),
]
TOTAL = [
    np.sum([embed(getattr(s, axis), site, SPINS) for site, s in enumerate(SPINS)], axis=0)
    for axis in "xyz"
]
SQUARE = np.real(np.sum([part @ part for part in TOTAL], axis=0))
X = np.array([0.7, -0.4])


def ring() -> Affine:
    return Affine(None, RING, ["J1", "J2"])


def spectrum(family: Family, x: Any) -> np.ndarray:
    return family.spectrum(tf.constant(np.atleast_2d(x), tf.float64)).numpy()[0]


def rotation(sites: int) -> np.ndarray:
    """The states of the ring after every spin has moved on by one site."""
    bits = np.arange(2**sites)
    return bits // 2 + (bits % 2) * 2 ** (sites - 1)


def dense(permutation: np.ndarray) -> np.ndarray:
    return np.eye(len(permutation))[:, np.argsort(permutation)]


@pytest.mark.parametrize(
    ("operators", "names"),
    [
        ({"M": TOTAL[2]}, ["M=-2", "M=-1", "M=0", "M=1", "M=2"]),
        ({"k": rotation(4)}, ["k=-1/4", "k=0", "k=1/4", "k=1/2"]),
        ({"k": dense(rotation(4))}, ["k=-1/4", "k=0", "k=1/4", "k=1/2"]),
        ({"P": np.arange(16)[::-1]}, ["P=-1", "P=1"]),
        ({"S2": SQUARE}, ["S2=0", "S2=2", "S2=6"]),
        ({"S2": SQUARE / 7.0}, ["S2=0", "S2=2/7", "S2=6/7"]),
        ({"q": np.pi * TOTAL[2]}, ["q=-6.28", "q=-3.14", "q=0", "q=3.14", "q=6.28"]),
        ({"I": np.eye(16)}, ["I=1"]),
        ({"Z": np.zeros((16, 16))}, ["Z=0"]),
    ],
)
def test_the_blocks_have_the_levels_of_the_matrix(operators: Any, names: list[str]):
    family = split_by(ring(), operators)
    assert list(family.names or ()) == names
    whole = np.linalg.eigvalsh(np.tensordot(X, RING, 1))
    np.testing.assert_allclose(np.sort(spectrum(family, X)), whole, atol=1e-14)


def test_levels_of_two_quantum_numbers_are_those_found_by_expectation_values():
    """A field that tells the states apart, and eigenvectors of the whole matrix."""
    family = split_by(ring(), {"S2": SQUARE, "M": TOTAL[2]})
    assert family.level_counts[:4] == (2, 3, 3, 3)
    assert (family.names or ())[:4] == ("S2=0, M=0", "S2=2, M=-1", "S2=2, M=0", "S2=2, M=1")
    matrix = np.tensordot(X, RING, 1) + 1e-3 * TOTAL[2] + 1e-2 * SQUARE
    values, vectors = np.linalg.eigh(matrix)
    m, s = (np.einsum("ik,ij,jk->k", vectors, op, vectors).real for op in (TOTAL[2], SQUARE))
    values = values - 1e-3 * m - 1e-2 * s
    order = np.lexsort([values.round(9), m.round(), s.round()])
    np.testing.assert_allclose(spectrum(family, X), values[order], atol=1e-12)


def test_blocks_of_a_diagonal_operator_are_submatrices_to_the_bit():
    rng = np.random.default_rng(5)
    owner = np.array([2, 0, 1, 0, 2, 2, 1])
    same = owner[:, None] == owner
    drawn = rng.normal(size=(3, 7, 7)) + 1j * rng.normal(size=(3, 7, 7))
    drawn = same * (drawn + drawn.conj().transpose(0, 2, 1)) / 2
    family = split_by(Affine(drawn[0], drawn[1:]), {"q": np.diag(owner - 0.5)})
    assert family.names == ("q=-1/2", "q=1/2", "q=3/2")
    for value, member in enumerate(family.members):
        assert isinstance(member, Affine)
        inside = np.ix_(owner == value, owner == value)
        np.testing.assert_array_equal(member.constant, drawn[0][inside])
        np.testing.assert_array_equal(member.basis, drawn[1:][:, inside[0], inside[1]])


def test_blocks_of_a_parity_are_sums_and_differences():
    mirror = np.array([3, 2, 1, 0])
    family = split_by(Toeplitz(4), {"P": mirror})
    odd, even = family.members
    assert isinstance(odd, Affine)
    assert isinstance(even, Affine)
    x = np.array([1.0, 0.5, 0.25, 0.125])
    for member, sign in ((odd, -1.0), (even, 1.0)):
        expected = [
            [x[0] + sign * x[3], x[1] + sign * x[2]],
            [x[1] + sign * x[2], x[0] + sign * x[1]],
        ]
        np.testing.assert_allclose(np.tensordot(x, member.basis, 1), expected, rtol=1e-15)


def test_a_family_is_split_member_by_member_and_the_graph_does_not_grow():
    def blocks(fields: int) -> Family:
        each = np.linspace(0.5, 1.0, fields)
        zeeman = Family.affine(
            None,
            [[*RING, b * np.real(TOTAL[2])] for b in each],
            ["J1", "J2", "g"],
            names=[f"B={b:g}" for b in each],
        )
        return split_by(zeeman, {"M": TOTAL[2]})

    def nodes(family: Family) -> int:
        traced = tf.function(family.eigensystem).get_concrete_function(
            tf.TensorSpec([None, 3], tf.float64)
        )
        return len(traced.graph.get_operations())

    two, many = blocks(2), blocks(8)
    assert (two.names or ())[:6] == (*(f"B=0.5, M={m}" for m in range(-2, 3)), "B=1, M=-2")
    assert nodes(many) == nodes(two)
    matrix = np.tensordot(X, RING, 1) + 2.0 * np.real(TOTAL[2])
    np.testing.assert_allclose(
        np.sort(spectrum(two, [*X, 2.0])[16:]), np.linalg.eigvalsh(matrix), atol=1e-14
    )
    # The same for a family with a fixed parameter, whose members have numbers for names.
    fixed = Family(list(two.members[:1])).with_fixed({"g": 2.0})
    again = split_by(fixed, {"M": np.eye(1)})
    assert again.names == ("0, M=1",)
    np.testing.assert_allclose(spectrum(again, X), spectrum(two, [*X, 2.0])[:1])


def test_members_of_several_sizes_take_a_function_of_the_size():
    """The blocks of an asymmetric rotor: K even or odd, and sums or differences of K and -K."""

    def rotor(j: int) -> Affine:
        spin = Spin(j)
        x, y, z = (np.real(part @ part) for part in (spin.x, spin.y, spin.z))
        return Affine(None, [z, x, y], ["A", "B", "C"])

    def even(n: int) -> np.ndarray:
        return np.diag((-1.0) ** (np.arange(n) - n // 2))

    def mirror(n: int) -> np.ndarray:
        return np.arange(n)[::-1]

    family = Family([rotor(1), rotor(2)], names=["J=1", "J=2"])
    found = split_by(family, {"E": even, "P": mirror})
    assert found.names == (
        *("J=1, E=-1, P=-1", "J=1, E=-1, P=1", "J=1, E=1, P=1"),
        *("J=2, E=-1, P=-1", "J=2, E=-1, P=1", "J=2, E=1, P=-1", "J=2, E=1, P=1"),
    )
    # Levels of J = 1 and 2 of an asymmetric rotor (Townes and Schawlow, Appendix III).
    a, b, c = 9.1, 5.0, 3.9
    root = 2 * np.sqrt((b - c) ** 2 + (a - c) * (a - b))
    one = [a + b, a + c, b + c]
    two = [
        4 * a + b + c,
        a + 4 * b + c,
        a + b + 4 * c,
        *(2 * (a + b + c) + root * np.array([-1, 1])),
    ]
    levels = spectrum(found, [a, b, c])
    np.testing.assert_allclose(np.sort(levels[:3]), np.sort(one))
    np.testing.assert_allclose(np.sort(levels[3:]), np.sort(two))
    assert found.level_counts == (1, 1, 1, 1, 1, 1, 2)
    np.testing.assert_allclose(levels[6:], np.sort(two[3:]))


def test_numbers_are_written_as_people_do():
    texts, values = written(np.array([-1.5, -1e-17, 1 / 3, 0.1, 0.75, 2.0, 2.2360679775]), 64)
    assert texts == ("-3/2", "0", "1/3", "0.1", "3/4", "2", "2.24")
    assert values == (-1.5, 0.0, 1 / 3, 0.1, 0.75, 2.0, 2.2360679775)
    # As many digits as tell them apart.
    found, _ = written(np.sqrt([2.0, 2.000002, 3.0]), 64)
    assert found == ("1.4142136", "1.4142143", "1.7320508")


# A model of two sites with two orbitals each: splitting e, hopping t, and mixing v with the
# orbital of the other site. In the basis left s, left p, right s, right p.
SITE = np.array([[1.0, 0.0], [0.0, -1.0]])
SWAP = np.array([[0.0, 1.0], [1.0, 0.0]])
MIX = np.array([[0.0, 1.0], [1.0, 0.0]])
DIMER = [np.kron(np.eye(2), SITE), np.kron(SWAP, np.eye(2)), np.kron(SWAP, MIX)]
DIMER_NAMES = [("P=1", 0), ("P=1", 1), ("P=-1", 0), ("P=-1", 1)]


def dimer_levels(x: np.ndarray) -> np.ndarray:
    """The levels of the even and then of the odd states, by hand."""
    e, t, v = x
    found = [sign * t + np.array([-1, 1]) * np.hypot(e, v) for sign in (1.0, -1.0)]
    return np.concatenate(found)


@functools.cache
def dimer(dtype: tf.DType) -> SpectralSolver:
    family = split_by(
        Affine(None, DIMER, ["e", "t", "v"]).with_fixed({"v": 0.3}), {"P": np.array([2, 3, 0, 1])}
    )
    lines = Transitions([*zip(DIMER_NAMES[1:], DIMER_NAMES[:1] * 3, strict=True)])
    return SpectralSolver(family, observation=lines, dtype=dtype)


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(("dtype", "digits"), [(tf.float64, 1e-9), (tf.float32, 2e-5)])
def test_levels_of_two_sites_cross_between_the_start_and_the_solution(
    dtype: tf.DType, digits: float
):
    """Targets by parity: sorted levels would name other states at the start."""
    solver = dimer(dtype)
    start, truth = np.array([0.8, -1.2]), np.array([0.5, 0.9])
    full = [dimer_levels(np.append(x, 0.3)) for x in (start, truth)]
    assert not np.array_equal(np.argsort(full[0]), np.argsort(full[1]))
    noise = 0.01 * np.random.default_rng(8).normal(size=(4, 3))
    targets = full[1][1:] - full[1][0] + noise

    def residual(x: np.ndarray, row: np.ndarray) -> np.ndarray:
        levels = dimer_levels(np.append(x, 0.3))
        return row - (levels[1:] - levels[0])

    fit = as_numpy(solver.fit(targets, np.tile(start, (4, 1))))
    assert (fit.status == Status.STATIONARY).all()
    for row, found in zip(targets, fit.parameters, strict=True):
        reference = least_squares(residual, start, args=(row,), xtol=1e-15, ftol=1e-15, gtol=1e-15)
        np.testing.assert_allclose(found, reference.x, atol=digits)
    alone = as_numpy(solver.fit(targets[2:3], start[None]))
    assert_same(alone, take(fit, [2]))


# A nitrogen-vacancy centre of diamond with 15N in a field along its axis, in MHz and mT. The field
# moves the states with m_S = -1 through those with m_S = 0 at 102 mT.
ELECTRON, NUCLEUS = Spin(1), Spin(1 / 2)
FIELDS = [20.0, 90.0, 101.0, 103.0, 150.0]
CENTRE = np.array([2870.0, 28.03, 3.03, 3.65])


def centre_basis() -> list[np.ndarray]:
    spins = [ELECTRON, NUCLEUS]
    s = {axis: embed(getattr(ELECTRON, axis), 0, spins) for axis in "xyz"}
    i = {axis: embed(getattr(NUCLEUS, axis), 1, spins) for axis in "xyz"}
    across = np.real(s["x"] @ i["x"] + s["y"] @ i["y"])
    return [s["z"] @ s["z"], s["z"], s["z"] @ i["z"], across]


def centre_moment() -> np.ndarray:
    spins = [ELECTRON, NUCLEUS]
    return embed(ELECTRON.z, 0, spins) + embed(NUCLEUS.z, 1, spins)


CENTRE_LINES = [
    ((1, 0), (0, 0)),
    ((1, 1), (0, 0)),
    ((2, 0), (1, 0)),
    ((2, 1), (1, 1)),
    ((3, 0), (2, 1)),
]
MOMENTS = ["-3/2", "-1/2", "1/2", "3/2"]


def centre_lines(x: np.ndarray) -> np.ndarray:
    """The lines from eigenvectors of the whole matrix, sorted by the expectation value of M."""
    basis, moment, found = centre_basis(), centre_moment(), []
    for field in FIELDS:
        scaled = [basis[0], field * basis[1], *basis[2:]]
        values, vectors = np.linalg.eigh(np.tensordot(x, scaled, 1))
        m = np.einsum("ik,ij,jk->k", vectors, moment, vectors)
        groups = [values[np.abs(m - one) < 1e-6] for one in (-1.5, -0.5, 0.5, 1.5)]
        assert [len(group) for group in groups] == [1, 2, 2, 1]
        found += [groups[a][i] - groups[b][j] for (a, i), (b, j) in CENTRE_LINES]
    return np.array(found)


@functools.cache
def centre() -> SpectralSolver:
    basis = centre_basis()
    family = Family.affine(
        None,
        [[basis[0], field * basis[1], *basis[2:]] for field in FIELDS],
        ["D", "g", "A", "A'"],
        names=[f"{field:g} mT" for field in FIELDS],
    )
    lines = [
        tuple((f"{field:g} mT, M={MOMENTS[place]}", number) for place, number in pair)
        for field in FIELDS
        for pair in CENTRE_LINES
    ]
    return SpectralSolver(
        split_by(family, {"M": centre_moment()}), observation=Transitions(lines), starts=1
    )


def test_lines_between_blocks_where_the_rank_of_a_state_changes_with_the_field():
    solver = centre()
    basis, moment = centre_basis(), centre_moment()
    ranks = set()
    for field in FIELDS:
        matrix = np.tensordot(CENTRE, [basis[0], field * basis[1], *basis[2:]], 1)
        _, vectors = np.linalg.eigh(matrix)
        m = np.einsum("ik,ij,jk->k", vectors, moment, vectors)
        ranks.add(int(np.argmin(m)))
    assert len(ranks) > 1  # of the state with M = -3/2 in the whole matrix
    rng = np.random.default_rng(12)
    targets = np.tile(centre_lines(CENTRE), (6, 1)) + 0.05 * rng.normal(size=(6, 25))
    targets[0] = centre_lines(CENTRE)
    targets[2, 3::4] = np.nan
    targets[3, 1] = np.inf
    targets[5] = np.nan
    start = np.tile(CENTRE * [1.001, 0.999, 1.3, 0.8], (6, 1))
    fit = as_numpy(solver.fit(targets, start))
    assert fit.status[0] == Status.CONVERGED
    assert fit.status[[3, 5]].tolist() == [Status.INVALID_INPUT] * 2
    np.testing.assert_allclose(fit.parameters[0], CENTRE, rtol=1e-9)
    for row in (1, 2, 4):
        seen = ~np.isnan(targets[row])
        reference = least_squares(
            lambda x, row=row, seen=seen: (targets[row] - centre_lines(x))[seen],
            start[row],
            jac="3-point",
            x_scale=CENTRE,
            xtol=1e-15,
            ftol=1e-15,
            gtol=1e-15,
        )
        assert fit.status[row] == Status.STATIONARY
        covariance = np.linalg.inv(reference.jac.T @ reference.jac)
        errors = np.sqrt(np.diag(covariance) * 2 * reference.cost / (seen.sum() - 4))
        np.testing.assert_array_less(np.abs(fit.parameters[row] - reference.x), 1e-3 * errors)
        np.testing.assert_allclose(fit.standard_errors[row], errors, rtol=1e-4)
    assert_same(as_numpy(solver.fit(targets[2:3], start[2:3])), take(fit, [2]))
    some = [4, 3, 0]
    assert_same(as_numpy(solver.fit(targets[some], start[some])), take(fit, some))
    assert solver.fit(targets[:0], start[:0]).parameters.shape == (0, 4)
    text, _, predicted = solver.fit(targets[2:3], start[2:3]).summary().partition("not observed:")
    lines = text.strip().splitlines()
    assert len(predicted.strip().splitlines()) - 1 == np.isnan(targets[2]).sum()
    assert lines[-1].strip().startswith("150 mT, M=3/2:0 - 150 mT, M=1/2:1  ")
    seen = ~np.isnan(targets[2].reshape(5, 5)[:, :2])  # two lines of each field end there
    assert sum(line.count("M=-3/2:0") for line in lines) == seen.sum()


def test_targets_and_weights_by_name_are_those_in_order():
    solver, line = centre(), centre_lines(CENTRE)
    names = list(solver.target_names or [])
    assert names[5] == "90 mT, M=-1/2:0 - 90 mT, M=-3/2:0"
    targets = np.tile(line, (2, 1)) + 0.05 * np.random.default_rng(3).normal(size=(2, 25))
    chosen = [7, 0, 19, 12, 3, 24, 5]
    part = np.full_like(targets, np.nan)
    part[:, chosen] = targets[:, chosen]
    weights = np.ones((2, 25))
    weights[:, 12], weights[:, 3] = 0.5, [2.0, 0.0]
    start = np.tile(CENTRE, (2, 1))
    expected = as_numpy(solver.fit(part, start, weights))
    by_name = {names[place]: targets[:, place] for place in chosen}
    by_weight = {names[12]: 0.5, names[3]: np.array([2.0, 0.0])}
    assert_same(as_numpy(solver.fit(by_name, start, by_weight)), expected)
    inverse = {names[12]: 2.0, names[3]: np.array([0.5, 1e300])}
    found = as_numpy(solver.fit(by_name, start, sigma=inverse))
    np.testing.assert_allclose(found.parameters, expected.parameters, rtol=1e-7)
    table = pd.DataFrame(by_name)
    assert_same(as_numpy(solver.fit(table, start, by_weight)), expected)
    one = solver.fit(table.iloc[0], start[:1])  # a series is one row
    np.testing.assert_array_equal(one.parameters, solver.fit(part[:1], start[:1]).parameters)
    own = SpectralSolver(
        solver.parameterization, observation=solver.observation, sigma={names[3]: 0.25, names[4]: 2}
    )
    assert own.describe()["weights"] == [1.0, 1.0, 1.0, 4.0, 0.5] + [1.0] * 20
    for wrong, message in (
        ({"M=7": 1.0}, "fit: targets: there is no target 'M=7'; the targets are 20 mT, M=-1/2:0 -"),
        ({names[0]: [1.0, 2.0], names[1]: [1.0]}, "must have the same number of rows"),
    ):
        with pytest.raises(ValueError, match=message):
            solver.fit(wrong)
    with pytest.raises(ValueError, match="weights: there is no target 'x'"):
        solver.fit(line[None], weights={"x": 1.0})


def test_targets_without_names_of_their_own_are_not_given_by_name():
    assigned = SpectralSolver(Toeplitz(3), observation=Matched(2))
    assert assigned.target_names is None
    with pytest.raises(ValueError, match="by name, for the targets are assigned in the fit"):
        assigned.fit({"0": 1.0})
    numbers = SpectralSolver(Toeplitz(2))
    table = pd.DataFrame([[1.0, 3.0]], columns=["1", "0"])  # in the order of the columns
    np.testing.assert_array_equal(numbers._arguments.targets(table), [[1.0, 3.0]])
    np.testing.assert_array_equal(numbers._arguments.targets({"1": 3.0, "0": 1}), [[1.0, 3.0]])


def test_targets_of_equal_names_are_told_apart_by_their_columns():
    """A line that was measured twice, and a mode in Hz beside its level."""
    lines = Joint([Transitions([(1, 0), (2, 0), (1, 0)]), Frequencies(lowest=1), Levels(lowest=1)])
    several = SpectralSolver(Toeplitz(3), observation=lines)
    assert several.target_names == ("1 - 0 #0", "2 - 0", "1 - 0 #2", "0 #3", "0 #4")
    point = [[3.0, 1.0, 0.5]]
    np.testing.assert_array_equal(
        several.loss(point, {"1 - 0 #2": 1.0, "2 - 0": 2.5, "0 #4": 1.5}),
        several.loss(point, [[np.nan, 2.5, 1.0, np.nan, 1.5]]),
    )


@functools.cache
def caesium_fluoride() -> tuple[SpectralSolver, np.ndarray, np.ndarray]:
    """A solver for the lines between multiplets, the lines with their signs, and their errors."""
    operators, whole = csf.operators(), csf.structure()
    family = split_by(
        whole,
        {"F2": csf.scalar(operators.total, operators.total), "M": operators.total[2]},
        keep=lambda F2, M: np.isclose(F2, M * (M + 1)),
    )
    assert family.names == ("F2=6, M=2", "F2=12, M=3", "F2=20, M=4", "F2=30, M=5")
    # Which of the multiplets with the same F is which, by the expectation value of F1^2.
    matrix = np.tensordot(csf.PUBLISHED, operators.hamiltonian, 1)
    values, vectors = np.linalg.eigh(matrix)
    first, total = (
        np.sqrt(np.einsum("ik,ij,jk->k", vectors.conj(), csf.scalar(j, j), vectors) + 0.25) - 0.5
        for j in (operators.first, operators.total)
    )
    labels = np.stack([first + 0.5, total]).round().astype(int).T
    mean = {
        (int(f1), int(f)): values[(labels == (f1, f)).all(axis=1)].mean()
        for f1, f in np.unique(labels, axis=0)
    }
    assert len(mean) == 6

    def level(multiplet: tuple[int, int]) -> tuple[str, int]:
        f = multiplet[1]
        below = [one for one in mean if one[1] == f and mean[one] < mean[multiplet]]
        return f"F2={f * (f + 1)}, M={f}", len(below)

    pairs, signed = [], []
    for line in csf.lines():
        sign = np.sign(mean[line.upper] - mean[line.lower])
        upper, lower = (line.upper, line.lower) if sign > 0 else (line.lower, line.upper)
        pairs.append((level(upper), level(lower)))
        signed.append(line.frequency)
    solver = SpectralSolver(family, observation=Transitions(pairs), absolute_sigma=True)
    return solver, np.array(signed), np.array([line.sigma for line in csf.lines()])


@pytest.mark.usefixtures("eagerly")
def test_multiplets_are_given_and_counted_once():
    """The published constants of CsF: 14 lines between 6 multiplets of 48 states."""
    solver, targets, sigma = caesium_fluoride()
    assert solver.parameterization.size == 6
    start = csf.PUBLISHED * [1.01, 0.95, 1.05, 0.95, 1.05]
    fit = as_numpy(solver.fit(targets[None], start[None], sigma=sigma))
    assert fit.status[0] == Status.STATIONARY
    distance = np.abs(fit.parameters[0] - csf.PUBLISHED)
    np.testing.assert_array_less(distance, 0.05 * csf.PUBLISHED_ERRORS)
    np.testing.assert_allclose(np.sqrt(fit.loss[0] / 14), csf.PUBLISHED_RMS, atol=1e-5)
    np.testing.assert_allclose(fit.standard_errors[0], csf.PUBLISHED_ERRORS, rtol=0.02)


def anything(value: Any) -> Any:
    return value


BAD = embed(SPINS[0].z, 0, SPINS)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: split_by(ring(), {"m": BAD}),
            r"'m' is not conserved: .*parameter 'J1' \(norm of ",
        ),
        (
            lambda: split_by(Affine(BAD, RING), {"S2": SQUARE}),
            r"does not commute with the constant matrix \(norm of the commutator",
        ),
        (
            lambda: split_by(Family([ring(), Affine(BAD, RING)]), {"S2": SQUARE}),
            "the constant matrix of member 1",
        ),
        (
            lambda: split_by(Affine(None, [np.eye(16)]), {"a": BAD, "b": TOTAL[0]}),
            "operators 'a' and 'b' have no common quantum numbers",
        ),
        (
            lambda: split_by(ring(), {"M": TOTAL[2] + 1e-11 * BAD}),
            "is not conserved",
        ),
        (lambda: split_by(anything(RING), {"M": TOTAL[2]}), "structure must be a Parameterization"),
        (
            lambda: split_by(Nonlinear(lambda x: x[:, :, None], n=1, p=1), {"M": np.eye(1)}),
            "structure must be affine.* but Nonlinear is not",
        ),
        (
            lambda: split_by(
                Family([Symmetric(2), Nonlinear(lambda x: x[:, :, None], n=1, p=1)]),
                {"M": np.eye(2)},
            ),
            "but member 1, number 1, is not",
        ),
        (
            lambda: split_by(Family([Toeplitz(2), Toeplitz(3)]), {"P": [1, 0]}),
            "'P' acts on matrices of one size, but .* member 1 is 3 x 3; pass a function",
        ),
        (lambda: split_by(ring(), {}), "operators must be a dict such as"),
        (lambda: split_by(ring(), anything(TOTAL[2])), "operators must be a dict"),
        (lambda: split_by(ring(), {"M": np.eye(3)}), r"'M' must be a matrix \[16, 16\], or a perm"),
        (lambda: split_by(ring(), {"M": np.arange(16) * 0.5}), "pass numpy.diag of them"),
        (
            lambda: split_by(ring(), {"M": np.zeros(16, int)}),
            "a permutation of the numbers 0 to 15",
        ),
        (lambda: split_by(ring(), {"M": "z"}), "must be a matrix"),
        (
            lambda: split_by(ring(), {"M": np.triu(SQUARE)}),
            "must be symmetric, Hermitian or unitary, but Q - Q",
        ),
        (lambda: split_by(ring(), {"M": SQUARE * np.nan}), "must be finite, got NaN"),
        (lambda: split_by(ring(), {"M": TOTAL[2]}, keep=anything(2)), "keep must be a function"),
        (
            lambda: split_by(ring(), {"M": TOTAL[2]}, keep=lambda m: m > 0),
            "keep drops the block M=0, but no block that is kept has the same levels",
        ),
        (
            lambda: split_by(
                ring() + Affine(None, [1e-9 * TOTAL[2]], ["g"]),
                {"M": TOTAL[2]},
                keep=lambda m: m >= 0,
            ),
            "keep drops the block M=-2",
        ),
        (
            lambda: split_by(ring(), {"M": TOTAL[2]}, keep=lambda m: False),
            "keep drops the block M=-2",
        ),
    ],
)
def test_wrong_arguments_are_one_clear_error(make: Any, message: str):
    with pytest.raises(ValueError, match=message):
        make()


def test_without_a_field_half_of_the_blocks_are_enough():
    kept = split_by(ring(), {"M": TOTAL[2]}, keep=lambda m: m >= 0)
    assert kept.names == ("M=0", "M=1", "M=2")
    assert Levels(indices=[("M=1", 0), ("M=2", 0)]).of(kept.level_counts).upper.tolist() == [6, 10]
