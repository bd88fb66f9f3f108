"""Assignment of observed values to levels, against SciPy and brute force."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import linear_sum_assignment

from eigenfit.solver import Affine, Family, FitResult, Matched, SpectralSolver, Status
from eigenfit.solver.observations.assignment import assign_in_order
from tests.problems.given_matrices import random_hermitian

from ..helpers import as_numpy, assert_same, finite_differences, take, tape_hessian, tape_jacobian

N = 6
A = random_hermitian(3, N, seed=51)
X = np.array([0.5, -0.8])
TWO = Family([Affine(A[0], A[1:], ["a", "b"]), Affine(A[1], A[:1], ["a"])])


def levels_of(x: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh(A[0] + np.tensordot(x, A[1:], 1))


@functools.cache
def solver() -> SpectralSolver:
    """Four observed values of six levels."""
    return SpectralSolver(Affine(A[0], A[1:]), observation=Matched(4), starts=4)


def cold(rows: Any) -> Any:
    """Starts that the solver is to choose."""
    return tf.fill([rows, 2], tf.constant(np.nan, tf.float64))


def cost(levels: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> float:
    return float(np.sum((weights * (targets - levels)) ** 2))


def in_order(levels: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """By brute force: -1 where the weight is 0."""
    seen = np.flatnonzero(weights > 0)
    seen = seen[np.argsort(targets[seen], kind="stable")]
    best = min(
        itertools.combinations(range(len(levels)), len(seen)),
        key=lambda chosen: cost(levels[list(chosen)], targets[seen], weights[seen]),
    )
    found = np.full(len(targets), -1)
    found[seen] = best
    return found


@pytest.mark.parametrize(("size", "count"), [(1, 1), (4, 4), (7, 3), (9, 5), (6, 1)])
def test_equal_weights_give_the_best_of_all_assignments(size: int, count: int, rng):
    """Unsorted targets, some equal, levels that are degenerate, and rows with fewer values."""
    levels = np.sort(rng.normal(size=(60, size)), axis=1)
    levels[::5] = np.round(levels[::5])
    targets = rng.normal(size=(60, count))
    targets[::7] = targets[::7, :1]
    weights = np.ones((60, count))
    weights[rng.random(size=weights.shape) < 0.2] = 0.0
    found = assign_in_order(*(tf.constant(a) for a in (levels, targets, weights))).numpy()
    for row in range(60):
        seen = weights[row] > 0
        chosen = found[row][seen]
        assert len(set(chosen)) == seen.sum()  # a level for each
        assert ((chosen >= 0) & (chosen < size)).all()
        square = (targets[row][seen][:, None] - levels[row][None]) ** 2
        rows, columns = linear_sum_assignment(square)
        np.testing.assert_allclose(
            cost(levels[row][chosen], targets[row][seen], np.ones(seen.sum())),
            square[rows, columns].sum(),
            rtol=1e-12,
        )


@pytest.mark.parametrize("dtype", [tf.float64, tf.float32])
def test_unequal_weights_give_the_best_that_keeps_the_order(dtype: tf.DType, rng):
    levels = np.sort(rng.normal(size=(80, 7)), axis=1)
    targets, weights = rng.normal(size=(80, 4)), np.exp(2 * rng.normal(size=(80, 4)))
    weights[::3, 1] = 0.0
    found = assign_in_order(*(tf.constant(a, dtype) for a in (levels, targets, weights))).numpy()
    for row in range(80):
        seen = weights[row] > 0
        expected = in_order(levels[row], targets[row], weights[row])
        np.testing.assert_array_equal(found[row][seen], expected[seen])


def test_no_rows_and_rows_without_a_value():
    nothing = assign_in_order(tf.zeros([0, 3]), tf.zeros([0, 2]), tf.zeros([0, 2]))
    assert nothing.shape == (0, 2)
    empty = assign_in_order(tf.zeros([2, 3]), tf.zeros([2, 2]), tf.zeros([2, 2]))
    np.testing.assert_array_equal(empty, np.zeros((2, 2)))


@pytest.mark.parametrize("relative_to", [None, "lowest"])
def test_each_member_of_a_family_has_its_own_candidates(relative_to: Any, rng):
    """The second member has no values; values measured from the lowest never belong to it."""
    comparison = Matched([2, 0, 3], relative_to=relative_to).of([4, 2, 5])
    first = int(relative_to == "lowest")
    levels = np.concatenate([np.sort(rng.normal(size=(9, n)), axis=1) for n in (4, 2, 5)], axis=1)
    targets = rng.normal(size=(9, 5))
    targets += 1.0 if relative_to else 0.0
    weights = np.exp(rng.normal(size=(9, 5)))
    weights[::2, 3] = 0.0
    tensors = [tf.constant(a) for a in (levels, targets, weights)]
    found = comparison.assign(*tensors)
    expected = np.zeros((9, 5), int)
    zero = np.zeros((9, 5))
    for row in range(9):
        for places, start, stop in ((slice(0, 2), 0, 4), (slice(2, 5), 6, 11)):
            lowest = levels[row, start] if relative_to else 0.0
            own = in_order(
                levels[row, start + first : stop] - lowest,
                targets[row, places],
                weights[row, places],
            )
            expected[row, places] = own + start + first
            zero[row, places] = lowest
    seen = weights > 0
    np.testing.assert_array_equal(found.numpy()[seen], expected[seen])
    observed = comparison.observe(tensors[0], found).numpy()
    picked = np.take_along_axis(levels, expected, axis=1) - zero
    np.testing.assert_allclose(observed[seen], picked[seen], atol=1e-14)
    g = rng.normal(size=(9, 5)) * seen
    back = comparison.pull_back(tensors[0], tf.constant(g), found).numpy()
    np.testing.assert_allclose((back * levels).sum(1), (g * observed).sum(1), atol=1e-12)
    slopes = rng.normal(size=(9, 11, 2))
    for column in range(2):
        np.testing.assert_array_equal(
            comparison.observe(tf.constant(slopes), found)[..., column],
            comparison.observe(tf.constant(slopes[..., column]), found),
        )


def rows() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Targets in no order, some missing, with residual left; weights; starts."""
    generator = np.random.default_rng(52)
    x = X + 0.2 * generator.normal(size=(20, 2))
    levels = np.stack([levels_of(row) for row in x])
    chosen = np.stack([generator.permutation(N)[:4] for _ in range(20)])
    targets = np.take_along_axis(levels, chosen, axis=1) + 0.01 * generator.normal(size=(20, 4))
    targets[::4, 2] = np.nan
    return targets, generator.uniform(0.5, 2.0, size=(20, 4)), x


@pytest.mark.usefixtures("eagerly")
def test_the_answer_has_the_assignment_of_brute_force():
    targets, weights, start = rows()
    fit = as_numpy(solver().fit(targets, start, weights, tolerance=1e-14))
    assert set(fit.status) <= {Status.STATIONARY, Status.CONVERGED}
    numbers = solver().assignment(fit.parameters, targets, weights).numpy()
    assert numbers.dtype == np.int32
    for row in range(20):
        seen = ~np.isnan(targets[row])
        levels = levels_of(fit.parameters[row])
        expected = in_order(levels, np.nan_to_num(targets[row]), np.where(seen, weights[row], 0.0))
        np.testing.assert_array_equal(numbers[row], expected)
        residual = (targets[row] - levels[expected])[seen]
        np.testing.assert_allclose(fit.residuals[row][seen], residual, atol=1e-11)
        np.testing.assert_allclose(fit.loss[row], np.sum((weights[row][seen] * residual) ** 2))


@pytest.mark.usefixtures("eagerly")
def test_the_order_of_the_targets_does_not_matter():
    targets, weights, start = rows()
    order = [2, 0, 3, 1]
    one = as_numpy(solver().fit(targets, start, weights))
    other = as_numpy(solver().fit(targets[:, order], start, weights[:, order]))
    np.testing.assert_allclose(one.parameters, other.parameters, atol=1e-9)
    np.testing.assert_allclose(one.residuals[:, order], other.residuals, atol=1e-8)


def test_rows_of_a_cold_search_are_independent():
    """Bit by bit, with other rows that are bad."""
    targets = rows()[0]
    targets[5] = np.nan
    targets[6, 1] = np.inf
    fit = as_numpy(solver().fit(targets, cold(20)))
    assert fit.status[[5, 6]].tolist() == [Status.INVALID_INPUT] * 2
    assert (np.delete(fit.status, [5, 6]) > 0).all()
    for row in (0, 1, 4, 19):
        assert_same(as_numpy(solver().fit(targets[[row]], cold(1))), take(fit, [row]))
    some = np.array([19, 6, 2, 3, 4])
    assert_same(as_numpy(solver().fit(targets[some], cold(5))), take(fit, some))
    assert solver().fit(targets[:0], cold(0)).parameters.shape == (0, 2)


def test_fewer_values_than_parameters_in_a_graph_of_unknown_batch():
    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float64)], autograph=False)
    def answer(values: tf.Tensor) -> Any:
        return tuple(solver().fit(values, cold(tf.shape(values)[0])))

    one = levels_of(X)[3]
    fit = FitResult(*answer([[np.nan, one, np.nan, np.nan]]))
    assert fit.status.numpy().tolist() == [Status.CONVERGED]
    levels = levels_of(fit[0].numpy()[0])
    np.testing.assert_allclose(np.abs(levels - one).min(), 0.0, atol=1e-8)


@pytest.mark.usefixtures("eagerly")
def test_the_loss_differentiates_twice():
    targets, weights, start = (array[0] for array in rows())
    x = start + 0.03

    def loss(y: np.ndarray) -> float:
        levels = levels_of(y)
        seen = ~np.isnan(targets)
        chosen = in_order(levels, np.nan_to_num(targets), np.where(seen, weights, 0.0))[seen]
        return cost(levels[chosen], targets[seen], weights[seen])

    def compiled(y: tf.Tensor) -> tf.Tensor:
        count = y.shape[0]
        return solver().loss(y, np.tile(targets, (count, 1)), np.tile(weights, (count, 1)))

    def slope(y: np.ndarray) -> np.ndarray:
        return finite_differences(lambda z: np.array(loss(z)), y, 3e-3)

    np.testing.assert_allclose(compiled(tf.constant(x[None]))[0], loss(x), rtol=1e-12)
    found = tape_jacobian(lambda y: compiled(y)[:, None], x)[0]
    np.testing.assert_allclose(found, slope(x), rtol=1e-6, atol=1e-8)
    expected = finite_differences(slope, x, 3e-3)
    np.testing.assert_allclose(tape_hessian(compiled, x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.usefixtures("eagerly")
def test_float32_and_a_family():
    """Of the second member, whose only parameter is in the first as well, one value."""
    single = SpectralSolver(TWO, observation=Matched([3, 1]), starts=1, dtype=tf.float32)
    second = np.linalg.eigvalsh(A[1] + X[0] * A[0])
    targets = np.append(levels_of(X)[[4, 0, 2]], second[3])[None]
    fit = single.fit(targets.astype(np.float32), X[None] + 0.01)
    assert fit.parameters.dtype == tf.float32
    assert fit.status.numpy().tolist() == [Status.CONVERGED]
    np.testing.assert_allclose(fit.parameters, X[None], atol=1e-3)
    np.testing.assert_array_equal(single.assignment(fit.parameters, targets), [[4, 0, 2, N + 3]])


@pytest.mark.usefixtures("eagerly")
def test_assignment_leaves_out_what_was_not_observed():
    levels = levels_of(X)
    targets = np.array([[levels[4] + 0.01, np.nan, levels[1] - 0.01, levels[3]]])
    np.testing.assert_array_equal(solver().assignment(X[None], targets), [[4, -1, 1, 3]])
    weights = np.array([[1.0, 1.0, 0.0, np.nan]])
    np.testing.assert_array_equal(solver().assignment(X[None], targets, weights), [[4, -1, -1, 3]])
    bad = solver().assignment(np.array([[np.nan, 0.0], X]), targets.repeat(2, 0))
    np.testing.assert_array_equal(bad, [[-1] * 4, [4, -1, 1, 3]])
    assert solver().assignment(np.zeros((0, 2)), np.zeros((0, 4))).shape == (0, 4)


@pytest.mark.usefixtures("eagerly")
def test_the_summary_names_the_levels_of_the_fit_with_its_weights():
    """A value of weight 0 takes no level; without the weights it would push its neighbour away."""
    levels = levels_of(X)
    targets = np.array([[levels[1], levels[1] + 1e-3, levels[4], np.nan]])
    weights = np.array([[1.0, 0.0, 1.0, 1.0]])
    fit = solver().fit(targets, X[None], weights)
    expected = solver().assignment(fit.parameters, targets, weights).numpy()[0]
    assert expected.tolist() == [1, -1, 4, -1]
    lines = fit.summary(0).splitlines()
    heading = next(place for place, line in enumerate(lines) if "observed" in line)
    labels = [line.split()[0] for line in lines[heading + 1 :]]
    assert labels == ["1", "4"]


def test_covariance_needs_the_targets():
    with pytest.raises(ValueError, match="pass targets; with Matched"):
        solver().covariance(X[None])


def anything(value: Any) -> Any:
    return value


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Matched(0), "Matched: count must be an integer of at least 1, got 0"),
        (lambda: Matched(anything(True)), "count must be an integer of at least 1"),
        (lambda: Matched(anything([True, 1])), "count must be an integer of at least 1"),
        (lambda: Matched(anything(1.5)), "count must be an integer of at least 1"),
        (lambda: Matched(anything("2")), "count must be"),
        (lambda: Matched([]), "count must be an integer of at least 1, or one for each member"),
        (lambda: Matched([0, 0]), "count must be an integer of at least 1, or one for each"),
        (lambda: Matched([1, -1]), "count must be"),
        (lambda: Matched(2, relative_to=anything("mean")), 'relative_to must be None or "lowest"'),
        (lambda: Matched(2).of([3, 3]), "count holds 1 numbers, but the family has 2 members"),
        (lambda: Matched(4).of([3]), "Matched: count"),
        (lambda: Matched(3, relative_to="lowest").of([3]), "Matched: count"),
        (lambda: SpectralSolver(TWO, observation=Matched(2)), "give one number for each"),
    ],
)
def test_wrong_arguments_are_one_clear_error(make: Any, message: str):
    with pytest.raises(ValueError, match=message):
        make()
