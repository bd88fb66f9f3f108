"""Standard errors of functions of the parameters, and of what the fitted model predicts."""

from __future__ import annotations

import functools
import pickle
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import least_squares

from eigenfit.solver import (
    Affine,
    Family,
    FitResult,
    Levels,
    Matched,
    SpectralSolver,
    Transitions,
)

from ..helpers import as_numpy, assert_same, finite_differences, take
from .differences import differences_of_rows

eagerly = pytest.mark.usefixtures("eagerly")
NAN = np.nan
CONSTANT = np.diag([0.0, 3.0, 6.0, 11.0, 13.0])
COUPLING = np.ones([5, 5]) - np.eye(5)
STRETCH = np.diag([0.0, 1.0, 4.0, 9.0, 16.0])
NAMES = ["v", "c", "d"]
START = np.array([0.4, 0.1, 0.02])
SIGMA = np.array([0.01, 0.02, 0.01, 0.03, 0.02])
NOISE = SIGMA * np.random.default_rng(5).normal(size=(2, 5))


def levels_of(x: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh(CONSTANT + x[0] * COUPLING + x[1] * np.eye(5) + x[2] * STRETCH)


def structure() -> Affine:
    return Affine(CONSTANT, [COUPLING, np.eye(5), STRETCH], NAMES)


def combined(v: Any, d: Any) -> dict[str, Any]:
    return {"product": v * d, "root": tf.sqrt(v), "three": 3.0}


def combined_by_numpy(x: np.ndarray) -> np.ndarray:
    return np.array([x[0] * x[2], np.sqrt(x[0]), 3.0])


@functools.cache
def solver(absolute: bool) -> SpectralSolver:
    return SpectralSolver(structure(), starts=1, sigma=SIGMA, absolute_sigma=absolute)


@functools.cache
def targets() -> np.ndarray:
    """Complete; one level missing; infinite; two levels; nothing; three levels, no spare one."""
    rows = np.tile(levels_of(START), (6, 1))
    rows[:2] += NOISE
    rows[1, 3], rows[2, 0], rows[3, 2:], rows[4], rows[5, 1:3] = NAN, np.inf, NAN, NAN, NAN
    return rows


@functools.cache
def fit_of(absolute: bool) -> FitResult:
    return solver(absolute).fit(targets(), initial=np.tile(START, (6, 1)))


def scipy_fit(row: int, absolute: bool) -> tuple[np.ndarray, np.ndarray]:
    """The parameters and their covariance."""
    seen = ~np.isnan(targets()[row])

    def residuals(x: np.ndarray) -> np.ndarray:
        return ((levels_of(x) - targets()[row]) / SIGMA)[seen]

    best = least_squares(residuals, START, xtol=1e-15, ftol=1e-15, gtol=1e-15).x
    jacobian = finite_differences(residuals, best)
    variance = 1.0 if absolute else np.sum(residuals(best) ** 2) / (seen.sum() - 3)
    return best, variance * np.linalg.inv(jacobian.T @ jacobian)


@eagerly
@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("row", [0, 1])
def test_functions_of_parameters_are_those_of_scipy(absolute: bool, row: int):
    best, covariance = scipy_fit(row, absolute)
    found = fit_of(absolute).derived(combined)
    assert found.names == ("product", "root", "three")
    slopes = finite_differences(combined_by_numpy, best)
    expected = slopes @ covariance @ slopes.T
    np.testing.assert_allclose(found.values[row], combined_by_numpy(best), rtol=1e-7)
    np.testing.assert_allclose(found.covariance[row], expected, rtol=1e-4, atol=1e-16)
    errors = np.sqrt(np.diag(expected).clip(0))
    np.testing.assert_allclose(found.standard_errors[row], errors, rtol=1e-4, atol=1e-12)
    assert found.standard_errors[row, 2] == 0


@eagerly
@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("row", [0, 1])
def test_predictions_are_those_of_scipy(absolute: bool, row: int):
    best, covariance = scipy_fit(row, absolute)
    slopes = finite_differences(levels_of, best)
    expected = np.sqrt(np.diag(slopes @ covariance @ slopes.T))
    found = fit_of(absolute).predict()
    np.testing.assert_allclose(found.values[row], levels_of(best), rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(found.standard_errors[row], expected, rtol=1e-4)
    lines = Transitions([(4, 0), (3, 1)])
    other = fit_of(absolute).predict(lines)
    slopes = slopes[[4, 3]] - slopes[[0, 1]]
    expected = np.sqrt(np.diag(slopes @ covariance @ slopes.T))
    np.testing.assert_allclose(other.values[row], levels_of(best)[[4, 3]] - levels_of(best)[[0, 1]])
    np.testing.assert_allclose(other.standard_errors[row], expected, rtol=1e-4)
    fit = fit_of(absolute)
    by_hand = solver(absolute).predict(fit.parameters, targets())
    np.testing.assert_allclose(by_hand.values[row], found.values[row], rtol=1e-12)
    np.testing.assert_allclose(by_hand.standard_errors[row], found.standard_errors[row], rtol=1e-6)


@eagerly
def test_rows_without_an_answer_or_without_freedom():
    for absolute in (False, True):
        fit = fit_of(absolute)
        found, predicted = fit.derived(combined), fit.predict()
        for row in (2, 4):
            assert np.isnan(found.values[row]).all()
            assert np.isnan(found.standard_errors[row]).all()
            assert np.isnan(found.covariance[row]).all()
            assert np.isnan(predicted.values[row]).all()
            assert np.isnan(predicted.standard_errors[row]).all()
        # Two levels: the others are not determined, but these two are what they are.
        errors = predicted.standard_errors.numpy()[3]
        assert np.isinf(errors[2:]).all()
        assert found.standard_errors.numpy()[3].tolist() == [np.inf, np.inf, 0.0]
        if absolute:
            np.testing.assert_allclose(errors[:2], SIGMA[:2], rtol=1e-6)
        else:
            assert np.isinf(errors).all()
        assert np.isfinite(predicted.standard_errors[5]).all() == absolute


def test_rows_are_independent_and_may_be_none():
    fit = fit_of(True)
    together = [
        as_numpy(fit.derived(combined)),
        as_numpy(fit.predict()),
        as_numpy(fit.predict(Levels())),
    ]
    for rows in ([0], [5], [1, 3]):
        alone = solver(True).fit(targets()[rows], initial=np.tile(START, (len(rows), 1)))
        found = [alone.derived(combined), alone.predict(), alone.predict(Levels())]
        for one, other in zip(found, together, strict=True):
            assert_same(as_numpy(one), take(other, rows))
    none = solver(True).fit(np.zeros([0, 5]), initial=np.zeros([0, 3]))
    assert none.derived(combined).covariance.shape == (0, 3, 3)
    assert none.predict().values.shape == none.predict(Levels(lowest=5)).values.shape == (0, 5)


@eagerly
def test_how_functions_are_called():
    fit = fit_of(True)
    expected = fit.derived(lambda v: {"v": v})
    np.testing.assert_allclose(
        expected.standard_errors[0, 0], fit.standard_errors[0, 0], rtol=1e-10
    )
    for function in (lambda x: x[:, 0], lambda x: x[:, :1], lambda **y: {"v": y["v"]}):
        assert_same(as_numpy(fit.derived(function)), as_numpy(expected))
    assert fit.derived(lambda x: x[:, :2]).names == ("f0", "f1")
    named = fit.derived(lambda x: 2.0 * x[:, :2], ["twice v", "twice c"])
    value, error = named.by_name()["twice v"]
    np.testing.assert_allclose(value[0], 2 * expected.values[0, 0])
    np.testing.assert_allclose(error[0], 2 * expected.standard_errors[0, 0])
    whole = fit.derived(lambda x: x)
    np.testing.assert_allclose(whole.covariance[0], fit.covariance().covariance[0], rtol=1e-9)


@eagerly
@pytest.mark.parametrize(
    ("function", "names", "message"),
    [
        (3.0, None, "function must be a function of TensorFlow operations"),
        (lambda v, w: v + w, None, r"must be parameters, v, c, d, .* got the arguments \(v, w\)"),
        (lambda v: {}, None, "empty dict"),
        (lambda v: np.sqrt(v.numpy()), None, "use TensorFlow operations, such as tf.sqrt"),
        (lambda v: tf.round(v), None, "no derivative by the parameters"),
        (lambda v: v[:1], None, "one entry for each row"),
        (lambda x: x[:, :, None], None, r"\[rows, k\], got shape \[6, 3, 1\]"),
        (lambda v: tf.cast(v, tf.float32), None, "must return float64"),
        (lambda v: v, ["a", "b"], "names must be 1 different names"),
    ],
)
def test_wrong_functions(function: Any, names: Any, message: str):
    with pytest.raises(ValueError, match=message):
        fit_of(True).derived(function, names)


@eagerly
@pytest.mark.parametrize(
    ("observation", "message"),
    [
        ("levels", "observation must be an Observation"),
        (Matched(2), "the values of Matched depend on targets"),
        (Levels(relative_to="mean"), r'the values of Levels\(relative_to="mean"\) depend on'),
        (Transitions([(7, 0)]), "there is no level 7"),
    ],
)
def test_wrong_observations(observation: Any, message: str):
    with pytest.raises(ValueError, match=message):
        fit_of(True).predict(observation)


@eagerly
def test_a_pickled_result_knows_its_data():
    """In this process: elsewhere graphs are built anew."""
    copied = pickle.loads(pickle.dumps(fit_of(True)))
    assert_same(as_numpy(copied.derived(combined)), as_numpy(fit_of(True).derived(combined)))


@eagerly
def test_results_without_data_say_so():
    bare = FitResult(*fit_of(True))
    for method in (lambda: bare.derived(combined), bare.predict):
        with pytest.raises(ValueError, match="comes out of another graph or from a server"):
            method()


@eagerly
def test_scatter_of_a_level_that_was_not_observed():
    """2000 simulated measurements without level 3; errors so small that the model is linear."""
    truth, sigma = levels_of(START), 0.1 * SIGMA
    noise = sigma * np.random.default_rng(6).normal(size=(2000, 5))
    measured = truth + noise
    measured[:, 3] = NAN
    fit = solver(True).fit(measured, initial=np.tile(START, (2000, 1)), sigma=sigma)
    found = fit.predict()
    off = (found.values[:, 3] - truth[3]) / found.standard_errors[:, 3]
    assert 0.95 < np.std(off) < 1.05
    assert abs(np.mean(off)) < 0.1


def test_inside_a_graph():
    @tf.function(input_signature=[tf.TensorSpec([None, 5], tf.float64)])
    def both(rows: tf.Tensor) -> tuple[Any, ...]:
        fit = solver(True).fit(rows, initial=tf.zeros_like(rows[:, :3]) + START)
        return *fit.derived(combined), *fit.predict(), *fit.covariance()

    fit = fit_of(True)
    expected = [*fit.derived(combined), *fit.predict(), *fit.covariance()]
    np.testing.assert_allclose(fit.covariance().standard_errors, fit.standard_errors, rtol=1e-6)
    for one, other in zip(both(tf.constant(targets())), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-12)


@eagerly
def test_derivatives():
    """Of values by the data: those of the fit. Of errors: not provided."""
    rows = tf.constant(targets()[:1])

    def product(t: np.ndarray) -> np.ndarray:
        fit = solver(True).fit(t, initial=[START] * len(t), tolerance=0.0)
        return fit.derived(combined).values.numpy()[:, :1]

    with tf.GradientTape(persistent=True) as tape:
        tape.watch(rows)
        fit = solver(True).fit(rows, initial=[START])
        found, predicted = fit.derived(combined), fit.predict()
        value, error = found.values[:, 0], found.standard_errors[:, 0]
        level, error_of_level = predicted.values[:, 0], predicted.standard_errors[:, 0]
    expected = differences_of_rows(product, targets()[0])
    np.testing.assert_allclose(tape.gradient(value, rows), expected, rtol=1e-5, atol=1e-9)
    for lost in (error, level, error_of_level):
        assert np.isnan(tape.gradient(lost, rows)).all()


@eagerly
def test_single_precision():
    single = SpectralSolver(structure(), sigma=SIGMA, absolute_sigma=True, dtype=tf.float32)
    fit = single.fit(targets()[:2].astype(np.float32), initial=np.tile(START, (2, 1)))
    for one, other in ((fit.derived(combined), fit_of(True).derived(combined)),
                       (fit.predict(), fit_of(True).predict())):  # fmt: skip
        np.testing.assert_allclose(one.values, other.values[:2], rtol=2e-2)
        np.testing.assert_allclose(one.standard_errors, other.standard_errors[:2], rtol=1e-2)


@eagerly
def test_what_is_determined_although_single_parameters_are_not():
    """The data depend on a + 1e6 b only, whose error is that of c."""
    twin = Affine(CONSTANT, [COUPLING, np.eye(5), 1e6 * np.eye(5), STRETCH], ["v", "a", "b", "d"])
    start = [START[0], START[1], 0.0, START[2]]
    fit = SpectralSolver(twin, sigma=SIGMA, absolute_sigma=True).fit(targets()[:1], initial=[start])
    assert np.isinf(fit.standard_errors[0]).tolist() == [False, True, True, False]
    found = fit.derived(
        lambda v, a, b: {
            "sum": a + 1e6 * b, "difference": a - 1e6 * b, "a": a, "with v": v * (a + 1e6 * b)}
    )  # fmt: skip
    expected = fit_of(True).derived(lambda v, c: {"c": c, "with v": v * c}).standard_errors[0]
    errors = found.standard_errors.numpy()[0]
    np.testing.assert_allclose(errors[[0, 3]], expected, rtol=1e-6)
    assert np.isinf(errors[[1, 2]]).all()
    full = found.covariance.numpy()[0]
    np.testing.assert_allclose(np.diag(full), errors**2)
    assert np.isnan(full[0, 1:3]).all()
    assert np.isfinite(full[0, 3])
    expected = as_numpy(fit_of(True).predict())
    np.testing.assert_allclose(fit.predict().values, expected.values[:1], rtol=1e-7)
    np.testing.assert_allclose(
        fit.predict().standard_errors, expected.standard_errors[:1], rtol=1e-5
    )


@functools.cache
def bounded() -> SpectralSolver:
    """Two matrices; `far` acts on the second only, `v` has a bound."""
    second = Affine(
        CONSTANT, [COUPLING, STRETCH, np.diag([1.0, 0.0, 2.0, 0.0, 0.0])], ["v", "d", "far"]
    )
    return SpectralSolver(
        Family([structure(), second]), bounds={"v": (0.0, 0.41)}, absolute_sigma=True, sigma=0.02
    )


@eagerly
def test_a_parameter_at_a_bound_and_one_that_was_not_seen():
    rows = np.full((2, 10), NAN)
    rows[0, :5] = levels_of(START) + NOISE[0]
    rows[1, :5] = levels_of(START + np.array([0.2, 0.0, 0.0])) + NOISE[0]
    fit = bounded().fit(rows, initial=[[0.35, 0.1, 0.02, 1.0]] * 2)
    assert fit.parameters[1, 0] == 0.41
    found = fit.derived(
        lambda v, c, d, far: {"v": v, "v + c": v + c, "c": c, "far": far, "d far": d * far}
    )
    free, held = found.standard_errors.numpy()
    assert np.isfinite(free).tolist() == [True, True, True, False, False]
    assert np.isinf(free[3:]).all()
    assert np.isnan(held[0])
    np.testing.assert_allclose(held[1:3], [held[2], fit.standard_errors[1, 1]], rtol=1e-9)
    assert held[2] < free[2]
    predicted = fit.predict()
    assert np.isfinite(predicted.standard_errors[:, :5]).all()
    assert np.isinf(predicted.standard_errors[:, 5:]).all()
    # A level that moves with v alone of the seen parameters: known in the second row.
    values = bounded().spectrum(fit.parameters).numpy()
    np.testing.assert_allclose(predicted.values, values, rtol=1e-10)


@eagerly
def test_an_unknown_offset_is_one_more_parameter():
    """`relative_to="mean"` against the same model with the identity as a parameter."""
    without = Affine(CONSTANT, [COUPLING, STRETCH], ["v", "d"])
    rows = targets()[:2] + 500.0
    offset = SpectralSolver(without, observation=Levels(relative_to="mean"), sigma=SIGMA)
    found = offset.fit(rows, initial=[[0.4, 0.02]] * 2).predict()
    expected = fit_of(False).predict()
    np.testing.assert_allclose(found.values, expected.values[:2] + 500.0, rtol=1e-9)
    np.testing.assert_allclose(found.standard_errors, expected.standard_errors[:2], rtol=1e-5)


@eagerly
def test_columns_are_those_of_the_caller():
    """Energies above a ground level that is not 0, in any order."""
    without = Affine(CONSTANT, [COUPLING, STRETCH], ["v", "d"])
    lowest = SpectralSolver(
        without, observation=Levels(relative_to="lowest"), sigma=0.02, absolute_sigma=True
    )
    order = np.array([3, 0, 4, 1, 2])
    rows = targets()[:2].copy()
    rows[1] -= 7.0
    fit = lowest.fit(np.stack([rows[0][order], rows[1]]), initial=[[0.4, 0.02]] * 2)
    found = as_numpy(fit.predict())
    seen = ~np.isnan(rows[1])
    np.testing.assert_allclose(
        found.values[0], rows[0][order] - np.where(order == 0, 0, fit.residuals[0])
    )
    expected = (rows[1] - fit.residuals[1])[seen]
    np.testing.assert_allclose(found.values[1][seen][1:], expected[1:], rtol=1e-12)
    excitations = as_numpy(fit.predict(Levels(relative_to="lowest")))
    np.testing.assert_allclose(found.values[0], (excitations.values[0] + rows[0, 0])[order])
    np.testing.assert_allclose(found.standard_errors[0], excitations.standard_errors[0][order])
    assert found.standard_errors[0, 1] == excitations.standard_errors[0, 0] == 0
    # The level that was not seen, too.
    np.testing.assert_allclose(found.values[1, 3], excitations.values[1, 3] + rows[1, 0])
    assert 0 < found.standard_errors[1, 3] < 1


@eagerly
def test_matched_levels():
    matched = SpectralSolver(structure(), observation=Matched(5), sigma=0.02, absolute_sigma=True)
    rows = np.stack([targets()[0], targets()[1][[0, 1, 2, 4, 3]]])
    fit = matched.fit(rows, initial=[START] * 2)
    found = as_numpy(fit.predict())
    np.testing.assert_allclose(found.values[0], rows[0] - fit.residuals[0], rtol=1e-12)
    np.testing.assert_allclose(found.values[1, :4], (rows[1] - fit.residuals[1])[:4], rtol=1e-12)
    assert np.isnan(found.values[1, 4])
    assert np.isnan(found.standard_errors[1, 4])
    assert np.isfinite(found.standard_errors[:, :4]).all()


@eagerly
def test_several_solutions():
    several = SpectralSolver(
        structure(), solutions=3, starts=4, sigma=SIGMA, absolute_sigma=True, initial=START
    )
    fit = several.fit(targets()[:2])
    found, predicted = fit.derived(combined), fit.predict()
    assert found.values.shape == (2, 3, 3)
    assert found.covariance.shape == (2, 3, 3, 3)
    assert predicted.values.shape == fit.predict(Levels()).values.shape == (2, 3, 5)
    one = fit_of(True)
    for row in range(2):
        for place in range(3):
            x = fit.parameters.numpy()[row, place]
            if np.isnan(x).any():
                assert np.isnan(found.values[row, place]).all()
                continue
            np.testing.assert_allclose(predicted.values[row, place], levels_of(x), rtol=1e-9)
            slopes = finite_differences(levels_of, x)
            full = fit.covariance().covariance.numpy()[row, place]
            expected = np.sqrt(np.diag(slopes @ full @ slopes.T))
            np.testing.assert_allclose(predicted.standard_errors[row, place], expected, rtol=1e-5)
    assert np.isfinite(found.values[:, 0]).all()
    assert np.all(fit.loss[:, 0] <= one.loss[:2] * (1 + 1e-6))


@eagerly
def test_priors_count_as_data():
    known = SpectralSolver(
        structure(), priors={"d": (0.02, 0.001)}, sigma=SIGMA, absolute_sigma=True
    )
    fit = known.fit(targets()[:1], initial=[START])
    x = fit.parameters.numpy()[0]
    weighted = finite_differences(levels_of, x) / SIGMA[:, None]
    full = np.linalg.inv(weighted.T @ weighted + np.diag([0.0, 0.0, 1e6]))
    for slopes, found in (
        (finite_differences(levels_of, x), fit.predict()),
        (finite_differences(combined_by_numpy, x)[:2], fit.derived(combined)),
    ):
        expected = np.sqrt(np.diag(slopes @ full @ slopes.T))
        errors = found.standard_errors.numpy()[0, : len(expected)]
        np.testing.assert_allclose(errors, expected, rtol=1e-6)
