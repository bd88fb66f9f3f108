"""Bounds: no step leaves them, and the answer is that of `scipy.optimize.least_squares`."""

# Wrong types are part of the point here.
# pyright: reportArgumentType=false

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import curve_fit, least_squares

from eigenfit.solver import (
    Adam,
    Additive,
    Affine,
    FitResult,
    SpectralSolver,
    Status,
    Tridiagonal,
)
from tests.problems.given_matrices import random_hermitian

from ..helpers import as_numpy, assert_same, take

eagerly = pytest.mark.usefixtures("eagerly")

CONSTANT, *_REST = random_hermitian(4, 7, seed=71)
BASIS = np.stack(_REST)
SOLUTION = np.array([0.5, -0.4, 0.8])
TARGETS = np.linalg.eigvalsh(CONSTANT + np.tensordot(SOLUTION, BASIS, 1)) + 0.05 * (
    np.random.default_rng(72).normal(size=7)
)
INF, NAN = np.inf, np.nan
NONE = ([-INF] * 3, [INF] * 3)

# Lower bounds, upper bounds and starting point of each row; the free minimum is near SOLUTION.
ROWS = {
    "infinite": (*NONE, SOLUTION),
    "nan": ([NAN] * 3, [NAN] * 3, SOLUTION),
    "wide": ([-9] * 3, [9] * 3, SOLUTION + 0.1),
    "upper active": ([-1, -1, -1], [0.3, 1, 1], [0.2, -0.3, 0.7]),
    "lower active": ([-INF, -INF, 1.0], [INF, INF, INF], [0.4, -0.5, 1.2]),
    "two active": ([-INF, -0.2, -INF], [0.4, INF, INF], [0.1, 0.1, 0.8]),
    "one of each kind": ([-INF, -0.9, 0.0], [NAN, NAN, 0.6], [0.5, -0.4, 0.5]),
    "all active": ([0.6, -0.2, 0.95], [0.7, -0.1, 1.1], [0.65, -0.15, 1.0]),
    "start at the wrong bound": ([0.1, -1, -1], [0.9, 1, 2], [0.1, -0.4, 2.0]),
    "start outside": ([0.2, -0.6, -1.0], [0.9, 0.0, 0.7], [5.0, -4.0, 3.0]),
}


def levels_of(x: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh(CONSTANT + np.tensordot(x, BASIS, 1))


def slopes_of(x: np.ndarray) -> np.ndarray:
    _, vectors = np.linalg.eigh(CONSTANT + np.tensordot(x, BASIS, 1))
    return np.einsum("ak,jab,bk->kj", vectors, BASIS, vectors)


def scipy_fit(lower: Any, upper: Any, start: Any, method: str) -> Any:
    lower = np.where(np.isnan(lower), -INF, lower)
    upper = np.where(np.isnan(upper), INF, upper)
    return least_squares(
        lambda x: levels_of(x) - TARGETS,
        np.clip(start, lower + 1e-9, upper - 1e-9),
        jac=slopes_of,
        bounds=(lower, upper),
        method=method,
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-12,
        max_nfev=2000,
    )


@functools.cache
def solver() -> SpectralSolver:
    """Without bounds of its own."""
    return SpectralSolver(Affine(CONSTANT, BASIS, parameter_names=["a", "b", "c"]), starts=1)


@functools.cache
def bounded() -> SpectralSolver:
    """With bounds of its own, one of which is active."""
    structure = Affine(CONSTANT, BASIS, parameter_names=["a", "b", "c"])
    return SpectralSolver(structure, starts=1, bounds={"a": (-1.0, 0.3), "c": (-INF, 2.0)})


def arrays(names: Any = ROWS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    lower, upper, start = (
        np.array(part, float) for part in zip(*(ROWS[n] for n in names), strict=True)
    )
    return lower, upper, start


def fit_rows(names: Any = ROWS) -> FitResult:
    lower, upper, start = arrays(names)
    return as_numpy(solver().fit([TARGETS] * len(start), initial=start, bounds=(lower, upper)))


@functools.cache
def all_rows() -> FitResult:
    return fit_rows()


def row_of(name: str) -> FitResult:
    return take(all_rows(), list(ROWS).index(name))


@pytest.mark.parametrize("method", ["trf", "dogbox"])
@pytest.mark.parametrize("name", ROWS)
def test_against_scipy(name: str, method: str):
    lower, upper, start = ROWS[name]
    found, expected = row_of(name), scipy_fit(lower, upper, start, method)
    assert found.status == Status.STATIONARY
    # trf stays off the bounds by a little; where one is active, it ends near it.
    np.testing.assert_allclose(found.parameters, expected.x, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.loss, 2 * expected.cost, rtol=1e-5)
    assert found.loss <= 2 * expected.cost * (1 + 1e-9)
    np.testing.assert_allclose(found.eigenvalues, levels_of(found.parameters), atol=1e-12)
    np.testing.assert_allclose(found.residuals, TARGETS - found.eigenvalues, atol=1e-12)


def test_active_bounds_are_met_exactly():
    """At a bound: the bound, to the last bit; and the loss would only fall outside."""
    active = {
        "upper active": {0: 0.3},
        "lower active": {2: 1.0},
        "two active": {0: 0.4, 1: -0.2},
        "one of each kind": {2: 0.6},
        "all active": {0: 0.6, 1: -0.2, 2: 0.95},
    }
    for name, places in active.items():
        found = row_of(name)
        at = np.isin(np.arange(3), list(places))
        for place, value in places.items():
            assert found.parameters[place] == value, name
        gradient = slopes_of(found.parameters).T @ (found.eigenvalues - TARGETS)
        assert (np.abs(gradient[~at]) < 1e-8).all(), name
        below = found.parameters <= np.array(ROWS[name][0])
        assert (gradient[at] * np.where(below[at], 1, -1) > 0).all(), name


def test_a_bound_without_effect_changes_nothing_but_rounding():
    for name in ("nan", "wide"):
        np.testing.assert_allclose(
            row_of(name).parameters, row_of("infinite").parameters, rtol=0, atol=1e-9
        )
        np.testing.assert_allclose(
            row_of(name).standard_errors, row_of("infinite").standard_errors, rtol=1e-6
        )


@pytest.mark.parametrize("name", ROWS)
def test_alone_and_in_a_batch_bit_by_bit(name: str):
    assert_same(take(fit_rows([name]), 0), row_of(name))


def test_at_other_places_in_other_company():
    names = list(ROWS)[::-1]
    assert_same(fit_rows(names), take(all_rows(), slice(None, None, -1)))


@eagerly
def test_no_iterate_leaves_the_bounds():
    lower, upper, start = arrays()
    rows = len(start)
    trace = solver().trace([TARGETS] * rows, initial=start, bounds=(lower, upper))
    way = trace.parameters.numpy()
    least = np.where(np.isnan(lower), -INF, lower)[:, None]
    most = np.where(np.isnan(upper), INF, upper)[:, None]
    assert (way >= least).all()
    assert (way <= most).all()
    # A start outside begins a little inside, by a hundredth of the distance at most.
    clipped = np.clip(start, least[:, 0], most[:, 0])
    assert (np.abs(way[:, 0] - clipped) <= 0.01001 * np.abs(start - clipped)).all()
    np.testing.assert_array_equal(way[:, -1], all_rows().parameters)
    assert (np.diff(trace.loss.numpy(), axis=1) <= 1e-12).all()


def test_no_iterate_of_adam_leaves_the_bounds():
    lower, upper, start = arrays(["upper active", "all active", "start outside"])
    adam = SpectralSolver(Affine(CONSTANT, BASIS), Adam(learning_rate=0.1), starts=1)
    trace = adam.trace([TARGETS] * 3, initial=start, bounds=(lower, upper), max_steps=80)
    way = trace.parameters.numpy()
    assert (way >= lower[:, None]).all()
    assert (way <= upper[:, None]).all()
    np.testing.assert_allclose(way[0, -1], row_of("upper active").parameters, atol=0.05)
    np.testing.assert_array_equal(way[1, -1], row_of("all active").parameters)


def test_infeasible_rows_are_invalid_and_harm_no_other():
    lower, upper, start = arrays()
    bad = [
        ([0.5, -1, -1], [0.4, 1, 1]),
        ([INF, -1, -1], [INF, 1, 1]),
        ([-1, -1, -1], [-INF, 1, 1]),
        ([-1, -1, 1e300], [1, 1, 1e301]),
    ]
    low = np.concatenate([[b[0] for b in bad], lower, [bad[0][0]]])
    high = np.concatenate([[b[1] for b in bad], upper, [bad[0][1]]])
    begin = np.concatenate([[SOLUTION] * 4, start, [SOLUTION]])
    fit = as_numpy(solver().fit([TARGETS] * len(begin), initial=begin, bounds=(low, high)))
    assert fit.status[[0, 1, 2, 3, -1]].tolist() == [Status.INVALID_INPUT] * 5
    assert np.isnan(fit.parameters[[0, 1, 2, 3, -1]]).all()
    assert np.isnan(fit.standard_errors[[0, 1, 2, 3, -1]]).all()
    assert_same(take(fit, slice(4, -1)), all_rows())


@eagerly
def test_equal_bounds_hold_a_parameter():
    """As `with_fixed` does: the same minimum, and the same errors of the others."""
    low, high = [[-INF, -0.1, -INF]], [[INF, -0.1, INF]]
    fit = as_numpy(solver().fit([TARGETS], initial=[SOLUTION], bounds=(low, high)))
    structure = Affine(CONSTANT, BASIS, parameter_names=["a", "b", "c"])
    fixed = SpectralSolver(structure.with_fixed({"b": -0.1}), starts=1)
    other = as_numpy(fixed.fit([TARGETS], initial=[SOLUTION[[0, 2]]]))
    assert fit.parameters[0, 1] == -0.1
    assert fit.status.tolist() == other.status.tolist() == [Status.STATIONARY]
    np.testing.assert_allclose(fit.parameters[0, [0, 2]], other.parameters[0], atol=1e-8)
    np.testing.assert_allclose(fit.loss, other.loss, rtol=1e-12)
    assert np.isnan(fit.standard_errors[0, 1])
    np.testing.assert_allclose(fit.standard_errors[0, [0, 2]], other.standard_errors[0], rtol=1e-6)


def test_everything_held():
    exact = levels_of(SOLUTION)
    held = [SOLUTION] * 2
    fit = solver().fit([TARGETS, exact], initial=held, bounds=(held, held))
    assert fit.status.numpy().tolist() == [Status.STATIONARY, Status.CONVERGED]
    np.testing.assert_array_equal(fit.parameters, [SOLUTION] * 2)
    assert np.isnan(fit.standard_errors).all()
    np.testing.assert_allclose(fit.loss[0], ((exact - TARGETS) ** 2).sum(), rtol=1e-12)


HELD = {"upper active": [0], "lower active": [2], "two active": [0, 1], "one of each kind": [2]}


@pytest.mark.parametrize("name", HELD)
def test_errors_at_a_bound_against_curve_fit(name: str):
    """NaN at the bound; the others are those of `curve_fit` with that parameter held."""
    found = row_of(name)
    held = np.isin(np.arange(3), HELD[name])
    np.testing.assert_array_equal(np.isnan(found.standard_errors), held)

    def model(_: np.ndarray, *free: float) -> np.ndarray:
        x = found.parameters.copy()
        x[~held] = free
        return levels_of(x)

    start = found.parameters[~held]
    best, covariance = curve_fit(model, np.arange(7), TARGETS, p0=start, xtol=1e-13, ftol=1e-13)
    np.testing.assert_allclose(found.parameters[~held], best, rtol=0, atol=1e-6)
    np.testing.assert_allclose(
        found.standard_errors[~held], np.sqrt(np.diag(covariance)), rtol=1e-4
    )


@eagerly
def test_nan_means_the_bounds_of_the_solver():
    own = as_numpy(bounded().fit([TARGETS] * 2, initial=[SOLUTION] * 2))
    assert own.parameters[:, 0].tolist() == [0.3, 0.3]
    nan = np.full((2, 3), NAN)
    assert_same(
        as_numpy(bounded().fit([TARGETS] * 2, initial=[SOLUTION] * 2, bounds=(nan, nan))), own
    )
    low, high = [[NAN] * 3, [NAN, -0.2, NAN]], [[0.35, NAN, NAN], [NAN] * 3]
    mixed = as_numpy(bounded().fit([TARGETS] * 2, initial=[SOLUTION] * 2, bounds=(low, high)))
    assert mixed.parameters[0, 0] == 0.35
    assert mixed.parameters[1, :2].tolist() == [0.3, -0.2]


@eagerly
def test_a_row_may_lift_the_bounds_of_the_solver():
    free = bounded().fit([TARGETS], initial=[SOLUTION], bounds=([[-INF] * 3], [[INF] * 3]))
    np.testing.assert_allclose(free.parameters[0], row_of("infinite").parameters, atol=1e-9)


def test_every_form_means_the_same():
    start = [SOLUTION] * 2
    rows = ([[-0.3] * 3] * 2, [[0.3, INF, INF]] * 2)
    expected = as_numpy(solver().fit([TARGETS] * 2, initial=start, bounds=rows))
    assert expected.parameters[0, 0] == 0.3
    forms = [
        (-0.3, [0.3, INF, INF]),
        ([-0.3] * 3, (0.3, INF, INF)),
        (np.full(3, -0.3), np.array([0.3, INF, INF])),
        {"a": (-0.3, 0.3), "b": (-0.3, INF), "c": (-0.3, INF)},
        tuple(tf.constant(part, tf.float64) for part in rows),
        [np.array(part, np.float32).astype(float).round(6) for part in rows],
    ]
    for form in forms:
        assert_same(as_numpy(solver().fit([TARGETS] * 2, initial=start, bounds=form)), expected)


def test_tensors_of_one_bound_for_each_parameter():
    """A tensor `[p]` holds for all rows, like an array `[p]`."""
    parts = (tf.constant([-0.3] * 3, tf.float64), tf.constant([0.3, INF, INF], tf.float64))
    fit = solver().fit([TARGETS] * 2, initial=[SOLUTION] * 2, bounds=parts)
    assert fit.parameters[:, 0].numpy().tolist() == [0.3, 0.3]


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"x": (0, 1)}, "bounds.*no parameter 'x'.*a, b, c"),
        ((1.0, 0.0), r"bounds of 'a' must be lower <= upper, got \(1.0, 0.0\)"),
        ({"b": (NAN, 1.0)}, "bounds of 'b'"),
        ({"b": (INF, INF)}, "bounds of 'b'"),
        ({"b": 1.0}, r"bounds must be \(lower, upper\)"),
        ((0.0, 1.0, 2.0), r"bounds must be \(lower, upper\)"),
        (([0.0, 1.0], 2.0), r"bounds must be \(lower, upper\)"),
        ("ab", r"bounds must be \(lower, upper\)"),
        (1.0, r"bounds must be \(lower, upper\)"),
    ],
)
def test_wrong_bounds_have_a_message(bounds: Any, message: str):
    structure = Affine(CONSTANT, BASIS, parameter_names=["a", "b", "c"])
    with pytest.raises(ValueError, match=f"SpectralSolver.*{message}"):
        SpectralSolver(structure, bounds=bounds)
    with pytest.raises(ValueError, match=f"fit.*{message}"):
        solver().fit([TARGETS], bounds=bounds)


@pytest.mark.parametrize(
    "bounds",
    [
        ([[0.0] * 3] * 3, [[1.0] * 3] * 3),  # three rows for two
        ([[0.0] * 2] * 2, [[1.0] * 2] * 2),  # two parameters for three
        ([[0.0] * 3] * 2,),
        ([[0.0] * 3] * 2, [[1.0] * 3] * 2, [[1.0] * 3] * 2),
    ],
)
def test_wrong_bounds_of_rows_raise(bounds: Any):
    with pytest.raises(ValueError, match=r"bounds|lower|upper"):
        solver().fit([TARGETS] * 2, bounds=bounds)


def test_zero_rows_and_unknown_rows():
    empty = np.zeros((0, 3))
    fit = solver().fit(np.zeros((0, 7)), initial=empty, bounds=(empty, empty))
    assert fit.parameters.shape == (0, 3)
    assert fit.standard_errors.shape == (0, 3)

    unknown = tf.TensorSpec([None, 3], tf.float64)

    @tf.function(
        input_signature=[tf.TensorSpec([None, 7], tf.float64), *[unknown] * 3], autograph=False
    )
    def inside(targets: Any, initial: Any, lower: Any, upper: Any) -> FitResult:
        return solver().fit(targets, initial, bounds=(lower, upper))

    lower, upper, start = (tf.constant(part) for part in arrays())
    targets = tf.constant([TARGETS] * len(ROWS))
    assert_same(as_numpy(inside(targets, start, lower, upper)), all_rows())
    assert inside(targets[:0], start[:0], lower[:0], upper[:0]).status.shape == (0,)
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        inside(targets, start, lower[:2], upper)


@eagerly
def test_single_precision():
    single = SpectralSolver(Affine(CONSTANT, BASIS), starts=1, dtype=tf.float32)
    lower, upper, start = arrays()
    fit = as_numpy(single.fit([TARGETS] * len(start), initial=start, bounds=(lower, upper)))
    assert fit.parameters.dtype == np.float32
    np.testing.assert_allclose(fit.parameters, all_rows().parameters, rtol=0, atol=2e-3)
    low, high = (part.astype(np.float32) for part in (lower, upper))
    assert not (fit.parameters < low).any()
    assert not (fit.parameters > high).any()
    assert (fit.status == Status.STATIONARY).all()
    np.testing.assert_array_equal(
        np.isnan(fit.standard_errors), np.isnan(all_rows().standard_errors)
    )


COUPLED = np.array([[0.0, 0.4, 0.1], [0.4, 0.0, 0.3], [0.1, 0.3, 0.0]])
ORDERS = np.array([[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
LEVELS = np.array([-2.0, 0.5, 4.0])


def additive_solution(order: np.ndarray) -> np.ndarray:
    """The diagonal with this order; SciPy, from the levels themselves."""
    found = least_squares(
        lambda d: np.linalg.eigvalsh(COUPLED + np.diag(d)) - LEVELS,
        LEVELS[order],
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
    )
    assert found.cost < 1e-20
    return found.x


def test_a_search_ends_within_the_bounds_of_its_row():
    """The additive problem has a solution for each order of the diagonal; bounds choose one."""
    search = SpectralSolver(Additive(COUPLED), starts=16)
    wanted = np.stack([additive_solution(order) for order in ORDERS])
    fit = as_numpy(search.fit([LEVELS] * 6, bounds=(wanted - 1.0, wanted + 1.0)))
    assert fit.status.tolist() == [Status.CONVERGED] * 6
    np.testing.assert_allclose(fit.parameters, wanted, rtol=0, atol=1e-7)
    # And where none is inside, the best of the corner is found: SciPy from many starts.
    low, high = np.full(3, 1.0), np.array([2.0, 1.5, 3.0])
    found = as_numpy(search.fit([LEVELS] * 2, bounds=([low] * 2, [high] * 2)))
    begins = np.random.default_rng(3).uniform(low, high, size=(20, 3))
    best = min(
        least_squares(
            lambda d: np.linalg.eigvalsh(COUPLED + np.diag(d)) - LEVELS,
            begin,
            bounds=(low, high),
            method="dogbox",
        ).cost
        for begin in begins
    )
    assert found.status.tolist() == [Status.STATIONARY] * 2
    np.testing.assert_allclose(found.loss, 2 * best, rtol=1e-7)
    assert (found.parameters >= low).all()
    assert (found.parameters <= high).all()
    # Half-open bounds too.
    half = as_numpy(search.fit([LEVELS], bounds=([[3.0, -INF, -INF]], [[INF, INF, -1.0]])))
    assert half.status.tolist() == [Status.CONVERGED]
    np.testing.assert_allclose(half.parameters[0], additive_solution(ORDERS[5]), atol=1e-7)


@eagerly
def test_a_bound_on_a_plane_of_symmetry_is_no_trap():
    """`c >= 0` for a coupling: at 0 no gradient leads away, so steps must not stop there."""
    coupling = np.array([[0.0, 1.0], [1.0, 0.0]])
    pair = Affine(np.diag([0.0, 1.0]), [coupling], parameter_names=["c"])
    fit = SpectralSolver(pair, starts=1, bounds={"c": (0.0, np.inf)}).fit(
        [[-1.0, 2.0]], initial=[[-0.5]]
    )
    np.testing.assert_allclose(fit.parameters, [[np.sqrt(2.0)]], rtol=1e-9)


def test_a_search_with_signs_known_beforehand_finds_what_a_free_one_finds():
    chain = Tridiagonal(6)
    targets = SpectralSolver(chain).spectrum(np.random.default_rng(0).normal(size=(50, 11)))
    signs = dict.fromkeys(chain.parameter_names[6:], (0.0, np.inf))
    fit = SpectralSolver(chain, bounds=signs).fit(targets)
    assert fit.status.numpy().tolist() == [Status.CONVERGED] * 50
    assert (fit.parameters.numpy()[:, 6:] >= 0).all()


def test_mixed_forms_of_bounds_for_all_rows():
    targets, start = [TARGETS] * 2, [SOLUTION] * 2
    one = solver().fit(targets, start, bounds=(-0.3, np.full((2, 3), 5.0)))
    other = solver().fit(targets, start, bounds=(-0.3, 5.0))
    assert one.parameters[0, 1] == -0.3
    np.testing.assert_array_equal(one.parameters, other.parameters)
    with pytest.raises(ValueError, match=r"bounds: lower must be a number, \[3\]"):
        solver().fit(targets, start, bounds=(tf.zeros([2]), tf.ones([2])))
