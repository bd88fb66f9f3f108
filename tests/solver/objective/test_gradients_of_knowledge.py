"""Derivatives of answers with bounds, priors and robust losses, against whole fits."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import Affine, FitResult, SpectralSolver, Status
from tests.problems.given_matrices import random_hermitian

from ..helpers import take
from .differences import differences_of_moved, moved_rows

eagerly = pytest.mark.usefixtures("eagerly")

CONSTANT, *_REST = random_hermitian(4, 6, seed=71)
BASIS = np.stack(_REST)
SOLUTION = np.array([0.5, -0.4, 0.8])
TARGETS = (
    np.linalg.eigvalsh(CONSTANT + np.tensordot(SOLUTION, BASIS, 1))
    + 0.05 * np.random.default_rng(72).normal(size=6)
    + np.array([0, 0, 0, 0, 0, 0.4])
)
WEIGHTS = np.array([1.5, 1.0, 2.0, 1.0, 0.5, 1.0])
INF, NAN = np.inf, np.nan
# The derivatives of soft_l1 are those of cauchy with other formulas, which other tests check.
LOSSES = ("linear", "huber", "cauchy")
FIELDS = ("parameters", "residuals", "loss", "eigenvalues")

DATA = {
    "targets": TARGETS,
    "weights": WEIGHTS,
    "mean": np.array([0.6, -0.3, 0.9]),
    "sigma": np.array([0.4, 0.5, 0.3]),
}


@functools.cache
def solver(loss: str) -> SpectralSolver:
    """With this scale no level is near the kink of the Huber loss."""
    structure = Affine(CONSTANT, BASIS, parameter_names=["a", "b", "c"])
    return SpectralSolver(structure, starts=1, loss=loss, f_scale=0.25, bounds=(-5.0, 5.0))


STEP = 1e-3
FREE, HELD = np.full(3, INF), np.array([INF, INF, 0.7])  # upper bounds


def fit_of(loss: str, data: dict[str, Any], upper: np.ndarray = FREE) -> FitResult:
    """Rows of data `[B, ...]`; `upper` bounds `[p]`."""
    count = len(data["targets"])
    return solver(loss).fit(
        data["targets"],
        initial=[np.minimum(SOLUTION, upper)] * count,
        weights=data["weights"],
        tolerance=1e-14,
        bounds=([[-INF] * 3] * count, [upper] * count),
        priors=(data["mean"], data["sigma"]),
    )


def repeated(count: int, **changed: np.ndarray) -> dict[str, tf.Tensor]:
    """The data as so many equal rows."""
    return {name: tf.constant([row] * count) for name, row in {**DATA, **changed}.items()}


def neutral(rows: int, count: int) -> dict[str, Any]:
    """Bounds and priors that say nothing: so asked, a solver has one graph for all tests."""
    infinite, nothing = np.full((rows, count), INF), np.full((rows, count), 0.0)
    return {"bounds": (-infinite, infinite), "priors": (nothing, infinite)}


def scalars(fit: FitResult) -> tf.Tensor:
    """Of each row, one number for each field that depends on every entry of it, `[B, 4]`."""
    found = []
    for field in FIELDS:
        value = getattr(fit, field)
        value = tf.where(tf.math.is_nan(value), tf.zeros_like(value), value)
        value = tf.reshape(value, [len(value), -1])
        factors = tf.range(1, value.shape[1] + 1, dtype=value.dtype)
        found.append(tf.linalg.matvec(value, factors))
    return tf.stack(found, axis=1)


def derivatives(
    loss: str, upper: np.ndarray = FREE, **changed: np.ndarray
) -> dict[str, np.ndarray]:
    """By name of the data, `[4, k]`: the derivatives of the four scalars, each of a row."""
    data = repeated(len(FIELDS), **changed)
    with tf.GradientTape() as tape:
        tape.watch(data)
        total = tf.linalg.trace(scalars(fit_of(loss, data, upper)))
    return {name: slopes.numpy() for name, slopes in tape.gradient(total, data).items()}


def by_name(together: np.ndarray) -> dict[str, np.ndarray]:
    """Arrays `[..., k]` of all data one after another, by the name of the data."""
    ends = np.cumsum([len(row) for row in DATA.values()])
    return dict(zip(DATA, np.split(together, ends[:-1], axis=-1), strict=True))


@functools.cache
def compared(loss: str, held: bool) -> tuple[FitResult, dict[str, Any], dict[str, Any]]:
    """One row; the derivatives of its four scalars, each of a row; and by finite differences.

    The fits of the row and of all changed data are rows of one batch.
    """
    point, count = np.concatenate(list(DATA.values())), len(FIELDS)
    rows = np.concatenate([[point] * count, moved_rows(point, STEP)])
    data = {name: tf.constant(part) for name, part in by_name(rows).items()}
    with tf.GradientTape() as tape:
        tape.watch(data)
        fit = fit_of(loss, data, HELD if held else FREE)
        values = scalars(fit)
        total = tf.linalg.trace(values[:count])
    found = {name: slopes.numpy()[:count] for name, slopes in tape.gradient(total, data).items()}
    expected = by_name(differences_of_moved(values[count:], STEP))
    return take(fit, [0]), found, expected


def assert_close(found: np.ndarray, expected: np.ndarray) -> None:
    """To 1e-6 of the largest derivative of the same scalar."""
    assert found.shape == expected.shape
    for field, a, b in zip(FIELDS, found, expected, strict=True):
        tolerance = 1e-6 * max(1.0, np.abs(b).max())
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=tolerance, err_msg=field)


@eagerly
@pytest.mark.parametrize("loss", LOSSES)
def test_the_case_is_worth_testing(loss: str):
    """A residual left, an outlier, nothing at a kink, a prior that pulls."""
    fit, *_ = compared(loss, False)
    assert fit.status.tolist() == [Status.STATIONARY]
    weighted = np.abs(WEIGHTS * fit.residuals[0])
    assert weighted.max() > 0.25 * 1.05
    assert (np.abs(weighted - 0.25) > 0.01).all()
    assert (np.abs(fit.parameters[0] - DATA["mean"]) > 0.004).all()


@eagerly
@pytest.mark.parametrize("loss", LOSSES)
def test_finite_differences_agree(loss: str):
    _, found, expected = compared(loss, False)
    for name in DATA:
        assert_close(found[name], expected[name])


@eagerly
@pytest.mark.parametrize("loss", ["linear", "cauchy"])
def test_finite_differences_agree_with_a_parameter_at_its_bound(loss: str):
    fit, found, expected = compared(loss, True)
    assert fit.parameters[0, 2] == 0.7
    assert fit.status.tolist() == [Status.STATIONARY]
    for name in DATA:
        assert_close(found[name], expected[name])


@eagerly
def test_a_parameter_at_its_bound_has_no_derivative():
    """The others have those of the fit in which it is fixed."""
    data = repeated(2)
    factors = tf.constant([[0.0, 0.0, 1.0], [1.0, 2.0, 0.0]], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(data)
        fit = fit_of("linear", data, HELD)
        total = tf.reduce_sum(fit.parameters * factors)
    found = tape.gradient(total, data)
    for name, gradient in found.items():
        np.testing.assert_array_equal(gradient[0], np.zeros(len(DATA[name])), err_msg=name)
    structure = Affine(CONSTANT, BASIS, parameter_names=["a", "b", "c"])
    fixed = SpectralSolver(structure.with_fixed({"c": 0.7}), starts=1)
    data = repeated(1)
    with tf.GradientTape() as tape:
        tape.watch(data)
        other = fixed.fit(
            data["targets"],
            initial=[SOLUTION[:2]],
            weights=data["weights"],
            tolerance=1e-14,
            priors=(data["mean"][:, :2], data["sigma"][:, :2]),
        )
        total = other.parameters[0, 0] + 2 * other.parameters[0, 1]
    np.testing.assert_allclose(fit.parameters[1, :2], other.parameters[0], rtol=0, atol=1e-9)
    for name, expected in tape.gradient(total, data).items():
        np.testing.assert_allclose(found[name][1], expected[0], rtol=1e-6, atol=1e-8, err_msg=name)


@eagerly
def test_levels_and_priors_that_are_not_there_get_nothing():
    """NaN targets, weights of 0, and sigma infinite or NaN: derivative 0, and no NaN anywhere."""
    targets, weights = TARGETS.copy(), WEIGHTS.copy()
    targets[1], weights[4] = NAN, 0.0
    mean, sigma = np.array([0.6, NAN, 0.9]), np.array([0.4, NAN, INF])
    found = derivatives("huber", targets=targets, weights=weights, mean=mean, sigma=sigma)
    for name, gradient in found.items():
        assert np.isfinite(gradient).all(), name
    assert (found["targets"][:, [1, 4]] == 0).all()
    assert (found["weights"][:, [1, 4]] == 0).all()
    assert (found["mean"][:, 1:] == 0).all()
    assert (found["sigma"][:, 1:] == 0).all()
    assert (np.abs(found["mean"][0, 0]) > 1e-3).all()


def rows_of_priors() -> tuple[np.ndarray, np.ndarray]:
    """Good rows first and last; in between every way for a prior to be bad."""
    good = (DATA["mean"], DATA["sigma"])
    bad = [
        ([0.6, -0.3, 0.9], [0.4, 0.0, 0.3]),
        ([0.6, -0.3, 0.9], [0.4, -1.0, 0.3]),
        ([INF, -0.3, 0.9], [0.4, 0.5, 0.3]),
        ([0.6, 1e300, 0.9], [0.4, 0.5, 0.3]),
        ([0.6, -0.3, 0.9], [0.4, 0.5, 1e-300]),
    ]
    mean, sigma = (np.array(part) for part in zip(good, *bad, good, strict=True))
    return mean, sigma


def test_bad_rows_pass_no_gradient_on():
    """A network before the fit must not learn NaN from one bad row of its batch.

    In the graph, with bounds and priors; the derivatives of a good row are checked above.
    """
    mean, sigma = (tf.constant(part) for part in rows_of_priors())
    count = len(mean)
    data = {
        "targets": tf.constant([TARGETS] * count),
        "weights": tf.constant([WEIGHTS] * count),
        "mean": mean,
        "sigma": sigma,
    }
    with tf.GradientTape() as tape:
        tape.watch(data)
        fit = fit_of("linear", data)
        good = tf.gather(fit.parameters, [0, count - 1])
        total = tf.reduce_sum(good * tf.constant([1.0, 2.0, 3.0], tf.float64))
        total += tf.reduce_sum(tf.gather(fit.loss, [0, count - 1]))
    assert fit.status.numpy()[1:-1].tolist() == [Status.INVALID_INPUT] * (count - 2)
    expected = derivatives("linear")
    for name, gradient in tape.gradient(total, data).items():
        np.testing.assert_array_equal(gradient[1:-1], np.zeros_like(gradient[1:-1]), err_msg=name)
        alone = expected[name][0] + expected[name][2]  # of the parameters, and of the loss
        np.testing.assert_allclose(gradient[0], alone, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(gradient[-1], alone, rtol=1e-9, atol=1e-12)


def gradient_of(function: Any, targets: np.ndarray) -> np.ndarray:
    """`[R, m]`: row r has the derivative of `function(targets)[r]` by its targets."""
    watched = tf.constant(targets)
    with tf.GradientTape() as tape:
        tape.watch(watched)
        value = tf.reduce_sum(function(watched))
    return tape.gradient(value, watched).numpy()


@eagerly
def test_underdetermined_rows_have_finite_derivatives_of_least_norm():
    """Four parameters, three levels: at an exact solution `dx/dt` is the pseudo-inverse.

    In units in which the columns of the Jacobian have length 1.
    """
    constant, *basis = random_hermitian(5, 3, seed=8)
    wide = SpectralSolver(Affine(constant, np.stack(basis)), starts=1, bounds=(-9.0, 9.0))
    start = np.array([[0.3, -0.2, 0.5, 0.1]])
    exact = np.linalg.eigvalsh(constant + np.tensordot(start[0], np.stack(basis), 1))
    targets = exact + np.array([0.05, -0.02, 0.03])
    weights = np.array([1.0, 2.0, 0.5])
    factors = np.array([1.0, -2.0, 3.0, 0.5])

    rows = tf.constant([targets] * 2)
    with tf.GradientTape() as tape:
        tape.watch(rows)
        found = wide.fit(rows, initial=[start[0]] * 2, weights=[weights] * 2, tolerance=1e-13)
        total = tf.reduce_sum(found.parameters[0] * factors) + found.eigenvalues[1, 1]
    by_parameters, by_level = tape.gradient(total, rows).numpy()
    assert found.status.numpy().tolist() == [Status.CONVERGED] * 2
    x = found.parameters[0].numpy()
    _, vectors = np.linalg.eigh(constant + np.tensordot(x, np.stack(basis), 1))
    jacobian = np.einsum("ak,jab,bk->kj", vectors, np.stack(basis), vectors)
    units = np.linalg.norm(weights[:, None] * jacobian, axis=0)
    inverse = np.linalg.pinv(jacobian / units) / units[:, None]
    np.testing.assert_allclose(by_parameters, factors @ inverse, rtol=1e-6)
    # The level follows its target and no other.
    np.testing.assert_allclose(by_level, [0, 1, 0], atol=1e-7)


@eagerly
def test_underdetermined_rows_with_a_robust_loss():
    """Two parameters share a matrix and a wrong level is left: finite, and each takes half."""
    single = solver("cauchy")
    basis = np.stack([BASIS[0], BASIS[1], BASIS[1], BASIS[2]])
    twins = SpectralSolver(Affine(CONSTANT, basis), starts=1, loss="cauchy", f_scale=0.25)

    def slopes(of: SpectralSolver, start: list[float], **known: Any) -> np.ndarray:
        """The derivatives of every parameter, each of a row."""
        count = len(start)

        def diagonal(targets: tf.Tensor) -> tf.Tensor:
            weights = [WEIGHTS] * count
            fit = of.fit(targets, [start] * count, weights, tolerance=1e-14, **known)
            return tf.linalg.diag_part(fit.parameters)

        return gradient_of(diagonal, np.tile(TARGETS, (count, 1)))

    found = slopes(twins, [0.5, -0.2, -0.2, 0.8])
    known = slopes(single, [0.5, -0.4, 0.8], **neutral(3, 3))
    expected = [known[0], known[1] / 2, known[1] / 2, known[2]]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@eagerly
def test_all_parameters_at_their_bounds():
    """Nothing moves; residual and loss follow their data directly."""
    data = repeated(2)
    point = np.array([0.3, -0.3, 0.7])
    with tf.GradientTape() as tape:
        tape.watch(data)
        fit = solver("linear").fit(
            data["targets"],
            weights=data["weights"],
            initial=[point] * 2,
            bounds=([point] * 2, [point] * 2),
            priors=(data["mean"], data["sigma"]),
        )
        total = tf.reduce_sum(fit.parameters[0]) + fit.loss[1]
    gradients = tape.gradient(total, data)
    by_loss = {name: gradient[1] for name, gradient in gradients.items()}
    residuals = fit.residuals[0].numpy()
    for gradient in gradients.values():
        np.testing.assert_array_equal(gradient[0], np.zeros_like(gradient[0]))
    pull = (DATA["mean"] - point) / DATA["sigma"]
    np.testing.assert_allclose(by_loss["targets"], 2 * WEIGHTS**2 * residuals, rtol=1e-12)
    np.testing.assert_allclose(by_loss["weights"], 2 * WEIGHTS * residuals**2, rtol=1e-12)
    np.testing.assert_allclose(by_loss["mean"], 2 * pull / DATA["sigma"], rtol=1e-12)
    np.testing.assert_allclose(by_loss["sigma"], -2 * pull**2 / DATA["sigma"], rtol=1e-12)


@eagerly
def test_a_tight_prior_leaves_the_other_derivatives():
    """With the shift known for sure, the derivative of v is that of the fit without a shift."""
    ladder = Affine(np.diag([0.0, 3.0, 6.0]), [np.ones((3, 3)), np.eye(3)])
    fixed = Affine(np.diag([1.0, 4.0, 7.0]), [np.ones((3, 3))])
    targets = np.array([1.33, 4.44, 7.48])
    sigmas = [1e-2, 1e-6, 1e-10]
    rows = tf.constant([targets] * 3)
    with tf.GradientTape() as tape:
        tape.watch(rows)
        fit = SpectralSolver(ladder, starts=1).fit(
            rows, [[0.5, 1.0]] * 3, priors=([[0.0, 1.0]] * 3, [[INF, sigma] for sigma in sigmas])
        )
        total = tf.reduce_sum(fit.parameters[:, 0])
    alone = SpectralSolver(fixed, starts=1)
    known = gradient_of(lambda t: alone.fit(t, initial=[[0.5]]).parameters, targets[None])[0]
    for sigma, found in zip(sigmas, tape.gradient(total, rows).numpy(), strict=True):
        np.testing.assert_allclose(found, known, rtol=0, atol=1e-7 + 100 * sigma**2)


@pytest.mark.parametrize("weight", [INF, 1e200])
def test_a_row_with_an_impossible_weight_passes_no_gradient_on(weight: float):
    targets = tf.constant(np.tile(TARGETS, (2, 1)))
    weights = np.ones((2, len(TARGETS)))
    weights[0, 0] = weight
    with tf.GradientTape() as tape:
        tape.watch(targets)
        fit = solver("linear").fit(
            targets, initial=[SOLUTION] * 2, weights=weights, **neutral(2, 3)
        )
        total = tf.reduce_sum(fit.parameters[1])
    gradient = tape.gradient(total, targets).numpy()
    assert (gradient[0] == 0).all()
    assert np.abs(gradient[1]).max() > 0.01
