"""Derivatives of answers with bounds, priors and robust losses, against whole fits."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import Affine, FitResult, SpectralSolver, Status
from tests.problems.given_matrices import random_hermitian

from ..helpers import as_numpy, finite_differences

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


def fit_of(loss: str, data: dict[str, Any], upper: Any = None) -> FitResult:
    """One row; `upper` bounds `[p]`."""
    upper = [INF] * 3 if upper is None else upper
    return solver(loss).fit(
        data["targets"][None],
        initial=np.minimum(SOLUTION, upper)[None],
        weights=data["weights"][None],
        tolerance=1e-14,
        bounds=([[-INF] * 3], [upper]),
        priors=(data["mean"][None], data["sigma"][None]),
    )


def neutral(rows: int, count: int) -> dict[str, Any]:
    """Bounds and priors that say nothing: so asked, a solver has one graph for all tests."""
    infinite, nothing = np.full((rows, count), INF), np.full((rows, count), 0.0)
    return {"bounds": (-infinite, infinite), "priors": (nothing, infinite)}


def scalars(fit: FitResult) -> tf.Tensor:
    """One number for each field that depends on every entry of it, `[4]`."""
    found = []
    for field in FIELDS:
        value = getattr(fit, field)
        value = tf.where(tf.math.is_nan(value), tf.zeros_like(value), value)
        factors = tf.cast(tf.range(1, tf.size(value) + 1), value.dtype)
        found.append(tf.reduce_sum(tf.reshape(value, [-1]) * factors))
    return tf.stack(found)


def derivatives(loss: str, upper: Any = None, **changed: np.ndarray) -> dict[str, np.ndarray]:
    """By name of the data, `[4, k]`: the derivatives of the four scalars."""
    data = {name: tf.constant(array) for name, array in {**DATA, **changed}.items()}
    rows = []
    for place in range(len(FIELDS)):
        with tf.GradientTape() as tape:
            tape.watch(data)
            value = scalars(fit_of(loss, data, upper))[place]
        rows.append(tape.gradient(value, data))
    return {name: np.stack([row[name] for row in rows]) for name in data}


def differences(loss: str, by: str, upper: Any = None) -> np.ndarray:
    """The same by finite differences."""

    def value(changed: np.ndarray) -> np.ndarray:
        data = {name: tf.constant(array) for name, array in {**DATA, by: changed}.items()}
        return scalars(fit_of(loss, data, upper)).numpy()

    return finite_differences(value, DATA[by], step=1e-3)


def assert_close(found: np.ndarray, expected: np.ndarray) -> None:
    """To 1e-6 of the largest derivative of the same scalar."""
    assert found.shape == expected.shape
    for field, a, b in zip(FIELDS, found, expected, strict=True):
        tolerance = 1e-6 * max(1.0, np.abs(b).max())
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=tolerance, err_msg=field)


@functools.cache
def free_derivatives(loss: str) -> dict[str, np.ndarray]:
    return derivatives(loss)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_case_is_worth_testing(loss: str):
    """A residual left, an outlier, nothing at a kink, a prior that pulls."""
    fit = as_numpy(fit_of(loss, DATA))
    assert fit.status.tolist() == [Status.STATIONARY]
    weighted = np.abs(WEIGHTS * fit.residuals[0])
    assert weighted.max() > 0.25 * 1.05
    assert (np.abs(weighted - 0.25) > 0.01).all()
    assert (np.abs(fit.parameters[0] - DATA["mean"]) > 0.004).all()


@pytest.mark.parametrize("by", DATA)
@pytest.mark.parametrize("loss", LOSSES)
def test_finite_differences_agree(loss: str, by: str):
    assert_close(free_derivatives(loss)[by], differences(loss, by))


UPPER = np.array([INF, INF, 0.7])


@functools.cache
def derivatives_at_the_bound(loss: str) -> dict[str, np.ndarray]:
    return derivatives(loss, UPPER)


@pytest.mark.parametrize("by", DATA)
@pytest.mark.parametrize("loss", ["linear", "cauchy"])
def test_finite_differences_agree_with_a_parameter_at_its_bound(loss: str, by: str):
    fit = as_numpy(fit_of(loss, DATA, UPPER))
    assert fit.parameters[0, 2] == 0.7
    assert fit.status.tolist() == [Status.STATIONARY]
    assert_close(derivatives_at_the_bound(loss)[by], differences(loss, by, UPPER))


def test_a_parameter_at_its_bound_has_no_derivative():
    """The others have those of the fit in which it is fixed."""
    data = {name: tf.constant(array) for name, array in DATA.items()}
    found = []
    for factors in ([0.0, 0.0, 1.0], [1.0, 2.0, 0.0]):
        with tf.GradientTape() as tape:
            tape.watch(data)
            fit = fit_of("linear", data, UPPER)
            total = tf.reduce_sum(fit.parameters * tf.constant(factors, tf.float64))
        found.append(tape.gradient(total, data))
    for name, gradient in found[0].items():
        np.testing.assert_array_equal(gradient, np.zeros(len(DATA[name])), err_msg=name)
    structure = Affine(CONSTANT, BASIS, parameter_names=["a", "b", "c"])
    fixed = SpectralSolver(structure.with_fixed({"c": 0.7}), starts=1)
    with tf.GradientTape() as tape:
        tape.watch(data)
        other = fixed.fit(
            data["targets"][None],
            initial=[SOLUTION[:2]],
            weights=data["weights"][None],
            tolerance=1e-14,
            priors=(data["mean"][None, :2], data["sigma"][None, :2]),
        )
        total = other.parameters[0, 0] + 2 * other.parameters[0, 1]
    np.testing.assert_allclose(fit.parameters[0, :2], other.parameters[0], rtol=0, atol=1e-9)
    for name, expected in tape.gradient(total, data).items():
        np.testing.assert_allclose(found[1][name], expected, rtol=1e-6, atol=1e-8, err_msg=name)


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
    """A network before the fit must not learn NaN from one bad row of its batch."""
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
        fit = solver("linear").fit(
            data["targets"],
            initial=[SOLUTION] * count,
            weights=data["weights"],
            tolerance=1e-14,
            bounds=neutral(count, 3)["bounds"],
            priors=(data["mean"], data["sigma"]),
        )
        good = tf.gather(fit.parameters, [0, count - 1])
        total = tf.reduce_sum(good * tf.constant([1.0, 2.0, 3.0], tf.float64))
        total += tf.reduce_sum(tf.gather(fit.loss, [0, count - 1]))
    assert fit.status.numpy()[1:-1].tolist() == [Status.INVALID_INPUT] * (count - 2)
    expected = free_derivatives("linear")
    for name, gradient in tape.gradient(total, data).items():
        np.testing.assert_array_equal(gradient[1:-1], np.zeros_like(gradient[1:-1]), err_msg=name)
        alone = expected[name][0] + expected[name][2]  # of the parameters, and of the loss
        np.testing.assert_allclose(gradient[0], alone, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(gradient[-1], alone, rtol=1e-9, atol=1e-12)


def gradient_of(function: Any, targets: np.ndarray) -> np.ndarray:
    """The derivative of `function(targets)` by the targets of one row."""
    watched = tf.constant(targets[None])
    with tf.GradientTape() as tape:
        tape.watch(watched)
        value = function(watched)
    return tape.gradient(value, watched)[0].numpy()


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

    def fit(targets: Any) -> FitResult:
        return wide.fit(targets, initial=start, weights=[weights], tolerance=1e-13)

    found = fit(targets[None])
    assert found.status.numpy().tolist() == [Status.CONVERGED]
    x = found.parameters[0].numpy()
    _, vectors = np.linalg.eigh(constant + np.tensordot(x, np.stack(basis), 1))
    jacobian = np.einsum("ak,jab,bk->kj", vectors, np.stack(basis), vectors)
    units = np.linalg.norm(weights[:, None] * jacobian, axis=0)
    inverse = np.linalg.pinv(jacobian / units) / units[:, None]
    by_parameters = gradient_of(lambda t: tf.reduce_sum(fit(t).parameters * factors), targets)
    np.testing.assert_allclose(by_parameters, factors @ inverse, rtol=1e-6)
    # The level follows its target and no other.
    by_level = gradient_of(lambda t: fit(t).eigenvalues[0, 1], targets)
    np.testing.assert_allclose(by_level, [0, 1, 0], atol=1e-7)


def test_underdetermined_rows_with_a_robust_loss():
    """Two parameters share a matrix and a wrong level is left: finite, and each takes half."""
    single = solver("cauchy")
    basis = np.stack([BASIS[0], BASIS[1], BASIS[1], BASIS[2]])
    twins = SpectralSolver(Affine(CONSTANT, basis), starts=1, loss="cauchy", f_scale=0.25)

    def parameter(of: SpectralSolver, start: list[float], place: int) -> Any:
        known = neutral(1, 3) if of is single else {}

        def value(targets: Any) -> tf.Tensor:
            fit = of.fit(targets, initial=[start], weights=[WEIGHTS], tolerance=1e-14, **known)
            return fit.parameters[0, place]

        return value

    found = [
        gradient_of(parameter(twins, [0.5, -0.2, -0.2, 0.8], place), TARGETS) for place in range(4)
    ]
    known = [gradient_of(parameter(single, [0.5, -0.4, 0.8], place), TARGETS) for place in range(3)]
    expected = [known[0], known[1] / 2, known[1] / 2, known[2]]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_all_parameters_at_their_bounds():
    """Nothing moves; residual and loss follow their data directly."""
    data = {name: tf.constant(array) for name, array in DATA.items()}
    point = np.array([0.3, -0.3, 0.7])
    gradients = []
    for field in ("parameters", "loss"):
        with tf.GradientTape() as tape:
            tape.watch(data)
            fit = solver("linear").fit(
                data["targets"][None],
                weights=data["weights"][None],
                initial=[point],
                bounds=([point], [point]),
                priors=(data["mean"][None], data["sigma"][None]),
            )
            total = tf.reduce_sum(getattr(fit, field))
        gradients.append(tape.gradient(total, data))
    by_parameters, by_loss = gradients
    residuals = fit.residuals[0].numpy()
    for gradient in by_parameters.values():
        np.testing.assert_array_equal(gradient, np.zeros_like(gradient))
    pull = (DATA["mean"] - point) / DATA["sigma"]
    np.testing.assert_allclose(by_loss["targets"], 2 * WEIGHTS**2 * residuals, rtol=1e-12)
    np.testing.assert_allclose(by_loss["weights"], 2 * WEIGHTS * residuals**2, rtol=1e-12)
    np.testing.assert_allclose(by_loss["mean"], 2 * pull / DATA["sigma"], rtol=1e-12)
    np.testing.assert_allclose(by_loss["sigma"], -2 * pull**2 / DATA["sigma"], rtol=1e-12)


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
    known = gradient_of(lambda t: alone.fit(t, initial=[[0.5]]).parameters[0, 0], targets)
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
