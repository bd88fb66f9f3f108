"""Targets in any order, and absolute energies compared by their distance from the lowest."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import least_squares

from eigenfit.solver import Affine, Family, Levels, Matched, SpectralSolver, Toeplitz, Transitions
from tests.problems.given_matrices import random_hermitian

from ..helpers import as_numpy, assert_same, take
from ..objective.differences import differences_of_moved, moved_rows

eagerly = pytest.mark.usefixtures("eagerly")
NAN = np.nan
CHAIN = Affine(np.diag([0.0, 1.0, 3.0]), [[[0, 1, 0], [1, 0, 1], [0, 1, 0]]])
ABSOLUTE = np.array([9.5101335, 11.18649567, 13.30337083])  # of t = 0.8, and a shift
SIZES = (4, 2)
MATRICES = [random_hermitian(3, size, seed=size) for size in SIZES]


@functools.cache
def toeplitz() -> SpectralSolver:
    return SpectralSolver(Toeplitz(4), starts=3)


@functools.cache
def chain() -> SpectralSolver:
    return SpectralSolver(CHAIN, observation=Levels(relative_to="lowest"), absolute_sigma=True)


@functools.cache
def family(relative_to: Any) -> SpectralSolver:
    model = Family.affine([found[0] for found in MATRICES], [found[1:] for found in MATRICES])
    observation = Levels(relative_to=relative_to)
    return SpectralSolver(model, observation=observation, initial=[0.4, -0.6])


def in_order(targets: np.ndarray, weights: np.ndarray, sizes: tuple[int, ...]) -> Any:
    """One row, written out: in each member the values that were observed take their places."""
    targets, weights, first = targets.copy(), weights.copy(), 0
    column = np.arange(len(targets))
    for size in sizes:
        span = np.arange(first, first + size)
        seen = span[~np.isnan(targets[span]) & (weights[span] != 0)]
        order = seen[np.argsort(targets[seen], kind="stable")]
        targets[seen], weights[seen], column[seen] = targets[order], weights[order], order
        first += size
    return targets, weights, column


def test_every_order_of_a_row_is_the_same_row():
    """To the last bit: the answer of the row in order; residuals with their values."""
    levels, weights = np.array([-12.1, -8.25, -4.6, 3.0]), np.array([1.0, 4.0, 0.5, 2.0])
    orders = np.array(list(itertools.permutations(range(4))))
    found = as_numpy(toeplitz().fit(levels[orders], weights=weights[orders]))
    best = as_numpy(toeplitz().fit([levels], weights=[weights]))
    assert best.status.tolist() == [1]
    for row, order in enumerate(orders):
        expected = best._replace(residuals=best.residuals[:, order])
        assert_same(take(found, [row]), expected)


@pytest.mark.parametrize("relative_to", [None, "lowest"])
def test_random_rows_of_a_family(relative_to: Any, request: pytest.FixtureRequest):
    """Gaps, weights of 0 and equal values; each member by itself."""
    if relative_to == "lowest":  # one of them as a graph
        request.getfixturevalue("eagerly")
    rng = np.random.default_rng(5)
    targets = family(None).spectrum([[0.5, -0.7]]).numpy() + 0.1 * rng.normal(size=(30, 6))
    weights = rng.uniform(0.5, 2.0, size=(30, 6))
    if relative_to != "lowest":  # there the lowest value of the row matters in any case
        targets[rng.uniform(size=(30, 6)) < 0.2] = NAN
        weights[rng.uniform(size=(30, 6)) < 0.1] = 0.0
    targets[3, :2] = targets[3, 2]
    mixed = np.concatenate([rng.permutation(part, axis=1) for part in np.split(targets, [4], 1)], 1)
    rows = [in_order(*row, SIZES) for row in zip(mixed, weights, strict=True)]
    ordered, same_weights, column = (np.array(part) for part in zip(*rows, strict=True))
    assert (np.diff(ordered[:, :4]) < 0).any() == (relative_to != "lowest")
    solver = family(relative_to)
    found = as_numpy(solver.fit(mixed, weights=weights))
    expected = as_numpy(solver.fit(ordered, weights=same_weights))
    residuals = np.empty_like(mixed)
    np.put_along_axis(residuals, column, expected.residuals, axis=1)
    assert_same(found, expected._replace(residuals=residuals))
    x = expected.parameters
    np.testing.assert_array_equal(
        solver.loss(x, mixed, weights), solver.loss(x, ordered, same_weights)
    )
    assert_same(solver.covariance(x, weights, mixed), solver.covariance(x, same_weights, ordered))
    numbers = solver.assignment(x, mixed, weights).numpy()
    usable = ~np.isnan(mixed) & (weights > 0) & (found.status > 0)[:, None]
    if relative_to is None:  # which level each value is compared with
        compared = np.take_along_axis(found.eigenvalues, np.maximum(numbers, 0), axis=1)
        np.testing.assert_allclose((mixed - compared)[usable], found.residuals[usable], atol=1e-12)
    assert (numbers[~usable] == -1).all() or relative_to == "lowest"


@eagerly
def test_trace_of_a_row_in_another_order():
    rows = [[-4.6, -8.25, -12.1, NAN], [-12.1, -8.25, -4.6, NAN]]
    trace = as_numpy(toeplitz().trace(rows))
    assert_same(take(trace, [0]), take(trace, [1]))


def test_a_row_in_order_does_not_notice_the_others():
    targets = np.sort(np.random.default_rng(2).normal(size=(5, 4)), axis=1)
    alone = as_numpy(toeplitz().fit(targets))
    among = as_numpy(toeplitz().fit(np.concatenate([targets, targets[:, ::-1]])))
    assert_same(take(among, slice(5)), alone)
    np.testing.assert_array_equal(among.residuals[5:, ::-1], alone.residuals)


def test_summary_names_the_level_of_each_value():
    text = toeplitz().fit([[3.0, -8.25, -12.1, -4.6]]).summary(0)
    lines = [line.split()[:2] for line in text.splitlines()[-4:]]
    assert [(int(level), float(value)) for level, value in lines] == [
        (3, 3.0),
        (1, -8.25),
        (0, -12.1),
        (2, -4.6),
    ]


def scipy_fit(gaps: np.ndarray, sigma: np.ndarray) -> tuple[float, float]:
    def residual(x: np.ndarray) -> np.ndarray:
        levels = np.linalg.eigvalsh(CHAIN.constant + x[0] * CHAIN.basis[0])
        return (gaps - (levels[1:] - levels[0])) / sigma

    best = least_squares(residual, [0.7], xtol=1e-15, ftol=1e-15, gtol=1e-15)
    return best.x[0], 1 / np.sqrt((best.jac**2).sum())


@eagerly
def test_absolute_energies_are_measured_from_the_lowest():
    """0 stays 0; without a target of the lowest level the others are excitation energies."""
    relative = ABSOLUTE - ABSOLUTE[0]
    rows = [ABSOLUTE, ABSOLUTE[[2, 0, 1]], relative, [NAN, *relative[1:]], -5.0 + relative]
    fit = as_numpy(chain().fit(rows, [[0.7]] * 5))
    best, error = scipy_fit(relative[1:], np.ones(2))
    assert abs(best - 0.8) < 1e-8
    np.testing.assert_allclose(np.abs(fit.parameters[:, 0]), best, rtol=0, atol=1e-8)
    np.testing.assert_allclose(fit.standard_errors[:, 0], error, rtol=1e-6)
    assert (fit.residuals[[0, 2, 3, 4], 0] == 0).all()
    assert fit.residuals[1, 1] == 0
    # Its weight says nothing: it is no datum.
    same = as_numpy(chain().fit(np.array(rows[:1]), [[0.7]], weights=[[0.0, 1.0, 1.0]]))
    np.testing.assert_array_equal(same.parameters, fit.parameters[:1])
    exact = chain().loss([[0.8]] * 3, np.array(rows[:3])).numpy()
    np.testing.assert_allclose(exact, exact[2], rtol=1e-6)
    assert exact.max() < 1e-15


@eagerly
def test_each_member_has_its_own_lowest_level():
    solver = family("lowest")
    levels = solver.spectrum([[0.5, -0.7]]).numpy()[0]
    shifted = levels + np.repeat([7.0, -3.0], SIZES)
    partly = np.where(np.arange(6) == 4, NAN, shifted - (np.arange(6) == 5) * shifted[4])
    fit = as_numpy(solver.fit([levels, shifted, partly]))
    np.testing.assert_allclose(fit.parameters, [[0.5, -0.7]] * 3, rtol=0, atol=1e-8)


@eagerly
def test_what_the_lowest_target_cannot_be():
    rows = [[-np.inf, 1.0, 2.0], [np.inf, NAN, NAN], [5.0, NAN, NAN], ABSOLUTE]
    fit = as_numpy(chain().fit(rows, [[0.7]] * 4))
    assert fit.status.tolist()[:3] == [-1, -1, -1]
    assert fit.status[3] > 0
    assert fit.cause.tolist() == [7, 8, 8, 0]


@eagerly
def test_derivatives_by_absolute_energies_in_any_order():
    """The lowest one has a derivative too: all others move with it.

    One batch: for each order the same row for each of the five answers, and all changed rows.
    """
    orders, step = [[0, 1, 2], [2, 0, 1]], 1e-3
    targets = ABSOLUTE + np.array([0.0, 0.05, -0.02])
    weights = np.array([1.0, 2.0, 0.7])
    rows = [np.concatenate([targets[order], weights[order]]) for order in orders]
    parts = [np.concatenate([[row] * 5, moved_rows(row, step)]) for row in rows]
    watched = tf.constant(np.concatenate(parts))
    with tf.GradientTape() as tape:
        tape.watch(watched)
        start = [[0.7]] * len(watched)
        fit = chain().fit(watched[:, :3], start, watched[:, 3:], tolerance=0.0)
        answers = tf.concat([fit.parameters, fit.residuals, fit.loss[:, None]], axis=1)
        every = tf.split(answers, 2)
        total = tf.linalg.trace(every[0][:5]) + tf.linalg.trace(every[1][:5])
    slopes = tf.split(tape.gradient(total, watched), 2)
    for order, found, values in zip(orders, slopes, every, strict=True):
        expected = differences_of_moved(values[5:], step)
        np.testing.assert_allclose(found[:5], expected, atol=1e-7)
        assert abs(expected[0, order.index(0)]) > 0.1


@eagerly
def test_matched_values_and_lines_are_left_as_they_are():
    """Values without levels of their own come in any order; the order of lines means them."""
    for observation, sizes in ((Matched(3), [3]), (Transitions([(1, 0), (2, 1)]), [3])):
        assert not observation.of(sizes).ordered
    lines = SpectralSolver(CHAIN, observation=Transitions([(2, 0), (1, 0)]), initial=[0.7])
    relative = ABSOLUTE - ABSOLUTE[0]
    assert abs(lines.fit([relative[[2, 1]]]).parameters[0, 0] - 0.8) < 1e-8


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Transitions([(1, 0), (0, 1)]), r"pairs\[1\] must be \(upper, lower\).*\(1, 0\)"),
        (lambda: Transitions([np.array([0, 2])]), r"got \(0, 2\), .* write \(2, 0\)"),
        (lambda: Transitions([((2, 1), (2, 3))]), r"below the second .*\(\(2, 3\), \(2, 1\)\)"),
        (
            lambda: chain().fit([[1.0, 2.0]]),
            r"got \[1, 2\]: the lowest .* put 0 \(or NaN\) first\.",
        ),
        (
            lambda: family("lowest").fit(np.ones((2, 4))),
            r"shape \[rows, 6\] .* put 0 \(or NaN\) first, of each member",
        ),
        (lambda: chain().fit([[1.0]]), r"targets must have shape \[rows, 3\] \(levels\), got"),
    ],
)
def test_wrong_arguments(make: Any, message: str):
    with pytest.raises(ValueError, match=message):
        make()


def test_lines_between_members_go_either_way():
    assert Transitions([((0, 0), (1, 2)), ((1, 2), (0, 0))]).num_targets([3, 3]) == 2
