"""Each observation and family: its fit and the derivatives of the answer, against SciPy and NumPy.

The levels are written down a second time here, by hand, so that the expected numbers owe nothing to
the solver: the minimum and its standard errors come from SciPy, the derivatives of the answer from
finite differences of whole fits.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
import pytest
import scipy.linalg
import tensorflow as tf
from scipy.optimize import curve_fit, least_squares

from eigenfit.solver import (
    Affine,
    Family,
    FitResult,
    Generalized,
    Levels,
    Matched,
    Observation,
    Parameterization,
    SpectralSolver,
    Status,
    Transitions,
)
from tests.problems.given_matrices import random_hermitian

from ..helpers import as_numpy, assert_same, take
from .differences import differences_of_moved, moved_rows

eagerly = pytest.mark.usefixtures("eagerly")
FIELDS = ("parameters", "eigenvalues", "residuals", "loss")
STEP = 1e-4
NONE = -1


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """One row with residual left, and what it means, by hand."""

    solver: SpectralSolver
    levels: Callable[[np.ndarray], np.ndarray]  # parameters [p] to levels [n]
    upper: np.ndarray  # [m], the level of each target
    lower: np.ndarray  # [m], the level that it is measured from, or NONE
    centred: bool
    start: np.ndarray  # [p]
    targets: np.ndarray  # [m]
    weights: np.ndarray  # [m]

    @property
    def seen(self) -> np.ndarray:
        return ~np.isnan(self.targets)

    def observed(self, x: np.ndarray) -> np.ndarray:
        levels = np.append(self.levels(x), 0.0)
        return levels[self.upper] - levels[np.where(self.lower == NONE, -1, self.lower)]

    def residual(self, x: np.ndarray) -> np.ndarray:
        """Weighted, of the targets that were seen."""
        difference = (self.targets - self.observed(x))[self.seen]
        weights = self.weights[self.seen]
        if self.centred:
            difference = difference - np.average(difference, weights=weights**2)
        return weights * difference


def spectrum(*matrices: np.ndarray) -> np.ndarray:
    return np.concatenate([np.linalg.eigvalsh(matrix) for matrix in matrices])


def two_members(one: np.ndarray, other: np.ndarray) -> Family:
    """Parameters a in both, b in the first, c in the second."""
    return Family(
        [
            Affine(one[0], one[1:3], parameter_names=["a", "b"]),
            Affine(other[0], other[1:3], parameter_names=["a", "c"]),
        ]
    )


def levels_of_two(one: np.ndarray, other: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: spectrum(
        one[0] + x[0] * one[1] + x[1] * one[2], other[0] + x[0] * other[1] + x[2] * other[2]
    )


@functools.cache
def case(name: str) -> Case:
    matrices = random_hermitian
    x = np.array([0.4, -0.8, 1.1])
    observation: Observation = Levels()
    upper: list[int] | None = None
    lower: list[int] | None = None
    model: Parameterization
    missing: tuple[int, ...] = (2,)
    offset = 0.0
    levels: Callable[[np.ndarray], np.ndarray]
    if name == "transitions":
        a, b = matrices(3, 2, seed=4), matrices(3, 3, seed=5)
        model, levels = two_members(a, b), levels_of_two(a, b)
        pairs = [((0, 1), (0, 0)), ((1, 1), (0, 0)), ((1, 0), (0, 1)), ((1, 2), (0, 1))]
        pairs += [((1, 2), (1, 0)), ((1, 1), (1, 0))]
        observation = Transitions(pairs)
        upper, lower = [1, 3, 2, 4, 4, 3], [0, 0, 1, 1, 2, 2]
    elif name == "matched family":
        a, b = matrices(3, 4, seed=6), matrices(3, 3, seed=7)
        model, levels = two_members(a, b), levels_of_two(a, b)
        observation, missing = Matched([3, 2], relative_to="lowest"), (1,)
        upper, lower = [3, 1, 2, 6, 5], [0, 0, 0, 4, 4]
    elif name == "mean of real beside complex":
        a, b = matrices(3, 3, seed=10), matrices(3, 3, seed=11, complex_entries=True)
        model, levels = two_members(a, b), levels_of_two(a, b)
        observation, offset = Levels("mean"), -40.0
    elif name == "tied family":
        a, b = matrices(5, 3, seed=12), matrices(5, 4, seed=13, complex_entries=True)
        whole = Family.affine([a[0], b[0]], [a[1:], b[1:]], parameter_names=["p", "q", "r", "s"])
        model = whole.with_fixed({"q": 0.3}).with_tied({"s": ("p", -2.0)})
        x = x[:2]
        observation = Levels("lowest")
        upper, lower = [0, 1, 2, 3, 4, 5, 6], [0, 0, 0, 3, 3, 3, 3]
        missing = (0, 3, 5)

        def tied(x: np.ndarray) -> np.ndarray:
            full = np.array([x[0], 0.3, x[1], -2.0 * x[0]])
            return spectrum(*(m[0] + np.tensordot(full, m[1:], 1) for m in (a, b)))

        levels = tied

    elif name == "generalized":
        k = matrices(3, 5, seed=14, complex_entries=True)
        m = matrices(1, 5, seed=15)[0]
        stiffness = Affine(k[0], k[1:], parameter_names=["k1", "k2"])
        model = Generalized(stiffness, Affine(4.0 * np.eye(5), [m], parameter_names=["m"]))
        missing = (3,)

        def of_both(x: np.ndarray) -> np.ndarray:
            left, right = k[0] + x[0] * k[1] + x[1] * k[2], 4.0 * np.eye(5) + x[2] * m
            return scipy.linalg.eigh(left, right.astype(complex), eigvals_only=True)

        levels = of_both

    else:
        raise ValueError(name)
    solver = SpectralSolver(model, observation=observation, starts=1)
    count = solver.num_targets
    upper = list(range(count)) if upper is None else upper
    lower = [NONE] * count if lower is None else lower
    made = Case(
        solver,
        levels,
        np.array(upper),
        np.array(lower),
        observation.of(model.level_counts).centred,
        x,
        np.zeros(count),
        np.linspace(0.5, 1.5, count),
    )
    noise = 0.02 * np.random.default_rng(11).normal(size=count)
    targets = made.observed(x) + offset + noise
    targets[list(missing)] = np.nan
    return dataclasses.replace(made, targets=targets)


CASES = [
    "transitions",
    "matched family",
    "mean of real beside complex",
    "tied family",
    "generalized",
]
# What the other cases run, row by row and in a graph, is tested with their structures.
IN_GRAPHS = CASES[:3]
each_case = pytest.mark.parametrize("name", CASES)


@pytest.fixture(autouse=True)
def as_graphs_or_not(request: pytest.FixtureRequest, name: str) -> None:
    if name not in IN_GRAPHS:
        request.getfixturevalue("eagerly")


def fit_rows(name: str, targets: np.ndarray, weights: np.ndarray, start: np.ndarray | None = None):
    """Fits rows `[B, m]` from the case's starting point."""
    chosen = case(name)
    start = chosen.start if start is None else start
    initial = np.tile(start, (len(targets), 1))
    return chosen.solver.fit(targets, initial, weights, tolerance=1e-14)


@functools.cache
def batch(name: str):
    """The row; it with each target moved by STEP times 1, 2, 3, -1, -2, -3; each weight likewise.

    Returns:
        Targets, weights, and the answers, `[1 + 12 m, ...]`.
    """
    chosen = case(name)
    count = len(chosen.targets)
    point = np.concatenate([chosen.targets, chosen.weights])
    targets, weights = np.split(np.concatenate([[point], moved_rows(point, STEP)]), 2, axis=1)
    assert len(targets) == 1 + 12 * count
    return targets, weights, as_numpy(fit_rows(name, targets, weights))


def row_of(name: str) -> FitResult:
    """The row itself."""
    return take(batch(name)[2], [0])


def contracted(value: np.ndarray) -> np.ndarray:
    """`[B]`, a number that depends on every entry of a field `[B, ...]`."""
    flat = np.nan_to_num(value.reshape(len(value), -1))
    return flat @ np.arange(1.0, flat.shape[1] + 1)


@functools.cache
def gradients(name: str) -> dict[tuple[str, str], np.ndarray]:
    """By field and by what: the derivative of the contracted field, that of a row for each.

    And of the parameters of three bad rows after them, as fields 0, 1 and 2.
    """
    chosen = case(name)
    count = len(FIELDS)
    rows = np.tile(chosen.targets, (count + 3, 1))
    rows[count] = np.nan
    rows[count + 1, np.flatnonzero(chosen.seen)[0]] = np.inf
    initial = np.tile(chosen.start, (count + 3, 1))
    initial[count + 2] = 1.3e148  # the squares of the levels overflow
    targets, weights = tf.constant(rows), tf.constant([chosen.weights] * (count + 3))
    with tf.GradientTape() as tape:
        tape.watch([targets, weights])
        fit = chosen.solver.fit(targets, initial, weights, tolerance=1e-14)
        total = tf.reduce_sum(fit.parameters[count:])
        for row, field in enumerate(FIELDS):
            value = tf.reshape(getattr(fit, field)[row], [-1])
            value = tf.where(tf.math.is_nan(value), tf.zeros_like(value), value)
            total += tf.reduce_sum(value * tf.range(1, len(value) + 1, dtype=value.dtype))
    by_targets, by_weights = tape.gradient(total, [targets, weights])
    found = {}
    for row, field in enumerate((*FIELDS, "0", "1", "2")):
        found[field, "targets"] = by_targets[row].numpy()
        found[field, "weights"] = by_weights[row].numpy()
    return found


@each_case
def test_the_minimum_is_that_of_scipy(name: str):
    chosen, fit = case(name), row_of(name)
    assert fit.status.tolist() == [Status.STATIONARY]
    best = least_squares(
        chosen.residual, chosen.start, jac="3-point", xtol=1e-15, ftol=1e-15, gtol=1e-15
    )
    np.testing.assert_allclose(fit.parameters[0], best.x, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(fit.loss[0], 2 * best.cost, rtol=1e-9)
    np.testing.assert_allclose(fit.eigenvalues[0], chosen.levels(fit.parameters[0]), atol=1e-11)
    unweighted = fit.residuals[0][chosen.seen] * chosen.weights[chosen.seen]
    np.testing.assert_allclose(unweighted, chosen.residual(fit.parameters[0]), atol=1e-10)
    np.testing.assert_array_equal(
        np.isnan(fit.residuals[0]), ~chosen.seen & ~(chosen.upper == chosen.lower)
    )


@pytest.mark.parametrize("name", IN_GRAPHS)
def test_a_row_alone_is_the_row_in_the_batch_to_the_last_bit(name: str):
    targets, weights, fit = batch(name)
    for row in (0, 5, len(targets) - 1):
        alone = as_numpy(fit_rows(name, targets[[row]], weights[[row]]))
        assert_same(alone, type(fit)(*(field[[row]] for field in fit)))
    rows = np.random.default_rng(3).permutation(len(targets))[:11]
    some = as_numpy(fit_rows(name, targets[rows], weights[rows]))
    assert_same(some, type(fit)(*(field[rows] for field in fit)))


@pytest.mark.parametrize("name", IN_GRAPHS)
def test_bad_rows_harm_no_other_and_no_rows_are_no_answer(name: str):
    chosen = case(name)
    targets, weights, fit = batch(name)
    bad = np.tile(chosen.targets, (4, 1))
    bad[0] = np.nan
    bad[1, np.flatnonzero(chosen.seen)[0]] = np.inf
    rows = np.concatenate([bad, targets[:3]])
    all_weights = np.concatenate([np.tile(chosen.weights, (4, 1)), weights[:3]])
    all_weights[2, np.flatnonzero(chosen.seen)[1]] = -1.0
    initial = np.tile(chosen.start, (7, 1))
    initial[3] = 1.3e148  # the squares of the levels overflow
    result = as_numpy(chosen.solver.fit(rows, initial, all_weights, tolerance=1e-14))
    assert result.status[:3].tolist() == [Status.INVALID_INPUT] * 3
    assert result.status[3] == Status.NON_FINITE
    for field in result[:6]:
        assert np.isnan(field[:4]).all()
    assert_same(
        type(fit)(*(field[4:] for field in result)), type(fit)(*(field[:3] for field in fit))
    )
    empty = chosen.solver.fit(targets[:0], initial[:0], weights[:0])
    assert [field.shape[0] for field in empty] == [0] * len(empty)


@eagerly
@each_case
def test_standard_errors_are_those_of_curve_fit(name: str):
    """Estimated from the residual, by the fit and by `covariance`; for absolute weights without."""
    chosen, fit = case(name), row_of(name)
    scaled = chosen.solver.covariance(fit.parameters, chosen.weights, chosen.targets[None])
    np.testing.assert_allclose(scaled.standard_errors, fit.standard_errors, rtol=1e-6)
    seen = chosen.seen
    start = np.append(fit.parameters[0], 0.0) if chosen.centred else fit.parameters[0]
    count = len(chosen.start)

    def model(_: np.ndarray, *x: float) -> np.ndarray:
        offset = x[count] if chosen.centred else 0.0
        return chosen.observed(np.array(x[:count]))[seen] + offset

    for absolute_sigma, errors in (
        (False, fit.standard_errors),
        (True, fit.standard_errors / np.sqrt(fit.loss / (seen.sum() - len(start)))[:, None]),
    ):
        _, covariance = curve_fit(
            model,
            np.flatnonzero(seen),
            chosen.targets[seen],
            p0=start,
            sigma=1 / chosen.weights[seen],
            absolute_sigma=absolute_sigma,
            xtol=1e-13,
            ftol=1e-13,
        )
        expected = np.sqrt(np.diag(covariance))[:count]
        np.testing.assert_allclose(np.asarray(errors)[0], expected, rtol=1e-4)


@eagerly
@each_case
@pytest.mark.parametrize("by", ["targets", "weights"])
@pytest.mark.parametrize("field", FIELDS)
def test_derivatives_of_the_answer(name: str, by: str, field: str):
    chosen = case(name)
    _, _, fit = batch(name)
    count = 6 * len(chosen.targets)
    first = 1 if by == "targets" else 1 + count
    values = contracted(getattr(fit, field))[first : first + count]
    expected = differences_of_moved(values, STEP)
    expected[~chosen.seen] = 0.0
    found = gradients(name)[field, by]
    scale = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * scale)
    np.testing.assert_array_equal(found[~chosen.seen], 0.0)


@eagerly
@each_case
def test_bad_rows_pass_no_gradient_on(name: str):
    """Nor do they change those of the rows beside them, which the other tests check."""
    for row in ("0", "1", "2"):
        np.testing.assert_array_equal(gradients(name)[row, "targets"], 0.0)
        np.testing.assert_array_equal(gradients(name)[row, "weights"], 0.0)
