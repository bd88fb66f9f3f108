"""Searches without a start where few numbers are observed and the constant part is large."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import (
    Affine,
    Family,
    Generalized,
    Levels,
    Matched,
    Observation,
    Parameterization,
    SpectralSolver,
    Status,
    Transitions,
)
from eigenfit.solver.pool.unseen import are_enough
from eigenfit.solver.spin import Spin, embed

LINES = [(1, 0), (2, 1), (4, 3), (5, 4), (2, 0)]
NAMES = ["a", "b", "c"]
# Hyperfine lines of CsF in MHz (Zorn, from the SPFIT suite): levels (F1, F), value, standard error.
CSF_LINES = [
    ("43", "55", 0.22460, 0.00025),
    ("44", "55", 0.22805, 0.00015),
    ("43", "54", 0.24580, 0.00025),
    ("44", "54", 0.24905, 0.00020),
    ("43", "32", 0.30490, 0.00020),
    ("44", "32", 0.30810, 0.00015),
    ("43", "33", 0.31440, 0.00030),
    ("44", "33", 0.31760, 0.00015),
    ("44", "43", 0.0028, 0.0002),
    ("32", "33", 0.0088, 0.0003),
    ("55", "54", 0.02135, 0.00025),
    ("54", "32", 0.0592, 0.0002),
    ("54", "33", 0.0682, 0.0003),
    ("55", "33", 0.0894, 0.0002),
]
# The lowest level of each multiplet, from the multiplicities 2 F + 1 in order of energy.
CSF_LEVELS = {"33": 0, "32": 7, "54": 12, "55": 21, "43": 32, "44": 39}


def symmetric(seed: int, count: int, size: int) -> np.ndarray:
    matrices = np.random.default_rng(seed).normal(size=(count, size, size))
    return matrices + matrices.swapaxes(1, 2)


def affine(gap: float, size: int = 6, seed: int = 0) -> Affine:
    constant = np.diag([0.0] * (size // 2) + [gap] * (size // 2))
    return Affine(constant, symmetric(seed, 3, size), parameter_names=NAMES)


def data_of(solver: SpectralSolver, rows: int | list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Parameters and exact data of the first rows, or of these rows of 200."""
    parameters = np.random.default_rng(42).normal(size=(200, 3))
    parameters = parameters[:rows] if isinstance(rows, int) else parameters[rows]
    levels = solver.parameterization.spectrum(tf.constant(parameters))
    return parameters, solver.comparison.observe(levels).numpy()


@functools.cache
def lines_of(gap: float) -> SpectralSolver:
    return SpectralSolver(affine(gap, seed=1), observation=Transitions(LINES))


# Rows of which one start in thirty or less leads to the answer, and many to another minimum.
@pytest.mark.parametrize(("gap", "hard"), [(30.0, [93, 186, 198]), (100.0, [69, 141, 186])])
def test_lines_beside_a_large_constant(gap: float, hard: list[int]):
    """Exact rows are matched; noisy ones end within twice the loss of a fit from the truth."""
    solver = lines_of(gap)
    parameters, exact = data_of(solver, [*hard, *range(60 - len(hard))])
    noisy = exact[:15] * (1 + 0.003 * np.random.default_rng(7).normal(size=(15, 5)))
    none = np.full((75, 3), np.nan)
    fit = solver.fit(
        np.concatenate([exact, noisy, noisy]), initial=np.concatenate([none, parameters[:15]])
    )
    assert (fit.status[:60].numpy() == Status.CONVERGED).mean() >= 0.98
    cold, known = fit.loss[60:75].numpy(), fit.loss[75:].numpy()
    assert (cold <= 2 * known).all()


FEW = [((0, 1), (0, 0)), ((0, 2), (0, 1)), ((1, 1), (1, 0)), ((1, 3), (1, 2)), ((1, 0), (0, 0))]
MASS = symmetric(5, 1, 6)[0] @ symmetric(5, 1, 6)[0] / 6 + np.eye(6)


@pytest.mark.parametrize(
    ("structure", "observation"),
    [
        (Family([affine(100.0), affine(100.0, 4, 3)]), Transitions(FEW)),
        (affine(30.0), Levels(relative_to="lowest", lowest=5)),
        (affine(100.0), Matched(5)),
        (Generalized(affine(30.0), MASS), Transitions(LINES)),
    ],
    ids=["family", "lowest, relative", "matched", "generalized"],
)
def test_other_observations_beside_a_constant(
    structure: Parameterization, observation: Observation
):
    solver = SpectralSolver(structure, observation=observation)
    _, exact = data_of(solver, 40)
    assert (solver.fit(exact).status.numpy() == Status.CONVERGED).mean() >= 0.97


def test_assigned_levels_of_which_few_starts_lead_to_the_answer():
    """The five lowest levels of six, and the solver is not told that they are the lowest."""
    solver = SpectralSolver(affine(0.0), observation=Matched(5))
    rows = [15, 39, 46, 49, 61, 72, 88, 98, 123, 134, 160, 176]
    parameters = np.random.default_rng(42).normal(size=(200, 3))[rows]
    lowest = solver.spectrum(parameters)[:, :5]
    assert np.sum(solver.fit(lowest).status.numpy() == Status.CONVERGED) >= 11


def test_the_best_minimum_of_many_is_found_where_another_is_found_more_often():
    """Published: weighted rms .85537. One start in three ends at 18.4, one in sixteen at .855."""
    spins = [Spin(1), Spin(3.5), Spin(0.5)]
    rotation, cs, f = (
        [embed(s, k, spins) for s in (spins[k].x, spins[k].y, spins[k].z)] for k in range(3)
    )

    def dot(one: list[np.ndarray], other: list[np.ndarray]) -> np.ndarray:
        return np.sum([x @ y for x, y in zip(one, other, strict=True)], axis=0)

    coupled, identity = dot(cs, rotation), np.eye(48)
    quadrupole = 3 * coupled @ coupled + 1.5 * coupled - 3.5 * 4.5 * 2 * identity
    tensor = coupled @ dot(f, rotation)
    tensor = 3 * (tensor + tensor.conj().T) - 4 * dot(cs, f)
    operators = [
        -quadrupole / (2 * 3.5 * 6 * 5) / 1.5,
        coupled,
        dot(f, rotation),
        -tensor / 15,
        dot(cs, f),
    ]
    lines = Transitions(
        [(CSF_LEVELS[upper], CSF_LEVELS[lower]) for upper, lower, _, _ in CSF_LINES]
    )
    solver = SpectralSolver(Affine(None, np.real(operators)), observation=lines)
    values, errors = np.array([line[2:] for line in CSF_LINES]).T
    fit = solver.fit(values[None], weights=1 / errors[None])
    assert np.sqrt(fit.loss[0] / 14) == pytest.approx(0.85537, abs=1e-4)
    assert fit.starts[0] > 64


def test_starts_and_agreeing_starts_are_counted():
    solver = lines_of(30.0)
    parameters, lines = data_of(solver, 3)
    lines += 0.1
    lines[2] = np.nan
    given = np.full((3, 3), np.nan)
    given[0] = parameters[0]
    fit = solver.fit(lines, initial=given)
    assert fit.starts.numpy().tolist()[::2] == [1, 0]
    assert fit.agreeing.numpy().tolist()[::2] == [1, 0]
    assert 1 < fit.agreeing[1] < fit.starts[1] <= 128


def test_starts_that_agree_on_each_of_several_solutions():
    """The coupling c and -c are equally good; every start ends at one of them."""
    pair = Affine(np.diag([0.0, 1.0]), [np.array([[0.0, 1.0], [1.0, 0.0]])])
    solver = SpectralSolver(pair, solutions=3, starts=20)
    fit = solver.fit([[-1.0, 2.2], [np.nan, np.nan]])
    assert fit.starts.numpy().tolist() == [[20, 20, 0], [0, 0, 0]]
    assert fit.agreeing.numpy()[0, :2].min() > 0
    assert fit.agreeing.numpy().sum(axis=1).tolist() == [20, 0]


def test_a_search_may_be_told_not_to_end_early():
    early = lines_of(30.0)
    lines = data_of(early, 4)[1] + 0.1
    late = SpectralSolver(early.parameterization, observation=Transitions(LINES), end_early=False)
    short, long = early.fit(lines), late.fit(lines)
    ended = short.starts.numpy() < 128
    assert ended.sum() >= 2
    assert (short.agreeing.numpy()[ended] >= 12).all()
    np.testing.assert_array_equal(long.starts, 128)
    np.testing.assert_allclose(long.loss, short.loss, rtol=1e-9)
    # Some of the further starts end at the same minimum.
    assert (
        long.agreeing.numpy() - short.agreeing.numpy() >= 0.2 * (128 - short.starts.numpy())
    ).all()
    with pytest.raises(ValueError, match="SpectralSolver: end_early must be True or False, got 1"):
        SpectralSolver(affine(30.0), end_early=1)  # pyright: ignore[reportArgumentType]  # the point


def test_how_many_starts_are_enough():
    """The expected number of minima, `w (N - 1) / (N - w - 2)`, is then at most w + 1/4."""
    found, starts = np.meshgrid(np.arange(1, 7), np.arange(150), indexing="ij")
    known = starts > found + 2
    found, starts = found[known], starts[known]
    expected = found * (starts - 1) / (starts - found - 2)
    np.testing.assert_array_equal(are_enough(found, starts), expected <= found + 0.25)
