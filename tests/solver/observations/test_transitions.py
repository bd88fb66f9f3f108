"""Differences between levels as targets."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import Affine, Family, FitResult, Levels, SpectralSolver, Status, Transitions
from tests.problems.given_matrices import random_hermitian

from ..helpers import as_numpy, assert_same, finite_differences, take, tape_hessian, tape_jacobian

A = random_hermitian(3, 4, seed=41)
B = random_hermitian(3, 2, seed=42, complex_entries=True)
PAIRS = [((0, 3), (0, 0)), ((1, 1), (0, 2)), ((0, 1), (1, 0)), ((1, 1), (1, 0)), ((0, 3), (0, 1))]
UPPER, LOWER = [3, 5, 1, 5, 3], [0, 2, 4, 4, 1]
X = np.array([0.3, -0.7, 0.5])


def family() -> Family:
    return Family([Affine(A[0], A[1:], ["a", "b"]), Affine(B[0], B[1:], ["a", "c"])])


def levels_of(x: np.ndarray) -> np.ndarray:
    one = np.linalg.eigvalsh(A[0] + x[0] * A[1] + x[1] * A[2])
    return np.append(one, np.linalg.eigvalsh(B[0] + x[0] * B[1] + x[2] * B[2]))


def lines_of(x: np.ndarray) -> np.ndarray:
    levels = levels_of(x)
    return levels[UPPER] - levels[LOWER]


@functools.cache
def solver() -> SpectralSolver:
    return SpectralSolver(family(), observation=Transitions(PAIRS), starts=16)


def cold(rows: Any) -> Any:
    """Starts that the solver is to choose."""
    return tf.fill([rows, 3], tf.constant(np.nan, tf.float64))


def test_lines_and_their_transpose(rng):
    """Lines up and down, within one member and between two, that share levels."""
    comparison = Transitions(PAIRS).of([4, 2])
    levels = rng.normal(size=(3, 6))
    found = comparison.observe(tf.constant(levels)).numpy()
    np.testing.assert_allclose(found, levels[:, UPPER] - levels[:, LOWER])
    slopes = rng.normal(size=(3, 6, 2))
    np.testing.assert_allclose(
        comparison.observe(tf.constant(slopes)), slopes[:, UPPER] - slopes[:, LOWER]
    )
    weights = rng.normal(size=(3, 5))
    back = comparison.pull_back(tf.constant(levels), tf.constant(weights)).numpy()
    np.testing.assert_allclose((back * levels).sum(1), (weights * found).sum(1))


def test_pairs_may_be_an_array_and_levels_of_one_matrix_numbers(rng):
    levels = tf.constant(rng.normal(size=(2, 4)))
    for pairs in (
        [(1, 0), (3, 1)],
        anything(np.array([[1, 0], [3, 1]])),
        [((0, 1), (0, 0)), ((0, 3), 1)],
    ):
        found = Transitions(pairs).of([4]).observe(levels)
        np.testing.assert_allclose(found, levels.numpy()[:, [1, 3]] - levels.numpy()[:, [0, 1]])
    assert Transitions(PAIRS).num_targets([4, 2]) == 5


@pytest.mark.usefixtures("eagerly")
def test_lines_from_the_lowest_level_are_levels_relative_to_it(rng):
    model = Affine(A[0], A[1:])
    lines = SpectralSolver(model, observation=Transitions([(1, 0), (2, 0), (3, 0)]), starts=1)
    relative = SpectralSolver(model, observation=Levels("lowest"), starts=1)
    x = X[:2] + 0.1 * rng.normal(size=(6, 2))
    levels = np.stack([np.linalg.eigvalsh(A[0] + np.tensordot(row, A[1:], 1)) for row in x])
    targets = levels - levels[:, :1] + 0.02 * rng.normal(size=levels.shape)
    targets[:, 0], targets[2, 2] = 0.0, np.nan
    weights = rng.uniform(0.5, 2.0, size=targets.shape)
    one = as_numpy(lines.fit(targets[:, 1:], x, weights[:, 1:], tolerance=1e-14))
    other = as_numpy(relative.fit(targets, x, weights, tolerance=1e-14))
    np.testing.assert_array_equal(one.status, other.status)
    np.testing.assert_allclose(one.parameters, other.parameters, atol=1e-9)
    np.testing.assert_allclose(one.residuals, other.residuals[:, 1:], atol=1e-9)
    # The loss of a row that is matched is a square of rounding errors.
    np.testing.assert_allclose(one.loss, other.loss, rtol=1e-9, atol=1e-28)
    np.testing.assert_allclose(one.standard_errors, other.standard_errors, rtol=1e-7)


def test_a_cold_search_and_the_independence_of_its_rows():
    x = X + 0.3 * np.random.default_rng(43).normal(size=(30, 3))
    targets = np.stack([lines_of(row) for row in x])
    targets[::4, 1] = np.nan
    fit = as_numpy(solver().fit(targets, cold(30)))
    good = fit.status == Status.CONVERGED
    assert good.mean() > 0.9
    for row in np.flatnonzero(good):
        seen = ~np.isnan(targets[row])
        np.testing.assert_allclose(
            lines_of(fit.parameters[row])[seen], targets[row][seen], atol=1e-7
        )
    for row in (0, 1, 17, 29):
        assert_same(as_numpy(solver().fit(targets[[row]], cold(1))), take(fit, [row]))
    some = np.array([3, 20, 8])
    assert_same(as_numpy(solver().fit(targets[some], cold(3))), take(fit, some))


def test_a_bad_row_harms_no_other_in_a_graph_of_unknown_batch():
    targets = np.tile(lines_of(X), (4, 1))
    targets[1] = np.nan
    targets[2, 0] = np.inf

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float64)], autograph=False)
    def answer(lines: tf.Tensor) -> Any:
        return tuple(solver().fit(lines, cold(tf.shape(lines)[0])))

    fit = FitResult(*answer(targets))
    assert fit.status.numpy()[1:3].tolist() == [Status.INVALID_INPUT] * 2
    alone = answer(targets[[3]])
    for field, single in zip(fit, alone, strict=True):
        np.testing.assert_array_equal(field[3], single[0])
        np.testing.assert_array_equal(field[0], single[0])
    assert answer(targets[:0])[0].shape == (0, 3)


@pytest.mark.usefixtures("eagerly")
def test_the_loss_differentiates_twice():
    targets = lines_of(X + 0.1)
    targets[3] = np.nan
    weights = np.array([1.0, 2.0, 0.5, 1.0, 0.0])

    def loss(x: np.ndarray) -> np.ndarray:
        return np.nansum((weights * (targets - lines_of(x))) ** 2)

    def compiled(y: tf.Tensor) -> tf.Tensor:
        rows = y.shape[0]
        return solver().loss(y, np.tile(targets, (rows, 1)), np.tile(weights, (rows, 1)))

    np.testing.assert_allclose(compiled(tf.constant(X[None]))[0], loss(X), rtol=1e-12)
    np.testing.assert_allclose(
        tape_jacobian(lambda y: compiled(y)[:, None], X)[0], finite_differences(loss, X), atol=1e-8
    )
    expected = finite_differences(lambda x: finite_differences(loss, x, 1e-2), X, 1e-2)
    np.testing.assert_allclose(tape_hessian(compiled, X), expected, atol=1e-4)


def test_assignment_is_the_upper_level_and_the_summary_names_both():
    targets = lines_of(X)[None]
    targets[0, 2] = np.nan
    found = solver().assignment(X[None], targets)
    assert found.dtype == tf.int32
    np.testing.assert_array_equal(found, [[3, 5, -1, 5, 3]])
    text, _, predicted = solver().fit(targets, cold(1)).summary(0).partition("not observed:")
    for label in ("0:3 - 0:0", "1:1 - 0:2", "1:1 - 1:0", "0:3 - 0:1"):
        assert label in text
    assert "0:1 - 1:0" not in text
    assert "0:1 - 1:0" in predicted


def anything(value: Any) -> Any:
    return value


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Transitions([]), r"pairs must be \(upper, lower\) for each line, such as"),
        (lambda: Transitions(anything(5)), "pairs must be"),
        (lambda: Transitions("ab"), "pairs must be"),
        (lambda: Transitions([(1, 0), (1, 0, 2)]), r"pairs\[1\] must be \(upper, lower\)"),
        (lambda: Transitions([(1, -1)]), r"pairs\[0\] must be .* from 0"),
        (lambda: Transitions([(1.5, 0)]), r"pairs\[0\] must be"),
        (lambda: Transitions([(True, 0)]), r"pairs\[0\] must be"),
        (lambda: Transitions([((0, 1, 2), 0)]), r"pairs\[0\] must be"),
        (lambda: Transitions([(2, 2)]), r"pairs\[0\] joins a level with itself: \(2, 2\)"),
        (lambda: Transitions([((0, 2), 2)]), "joins a level with itself"),
        (lambda: Transitions([(4, 0)]).of([4]), "no level 4 in member 0; the members have 4"),
        (lambda: Transitions([((2, 0), (0, 0))]).of([4, 2]), "no level 0 in member 2"),
        (lambda: Transitions([(1, 0)]).of([4, 2]), r"must be \(member, number\), got \(1, 0\)"),
        (
            lambda: SpectralSolver(family(), observation=Transitions([((1, 2), (1, 0))])),
            "no level 2 in member 1; the members have 4, 2 levels",
        ),
    ],
)
def test_wrong_arguments_are_one_clear_error(make: Any, message: str):
    with pytest.raises(ValueError, match=message):
        make()
