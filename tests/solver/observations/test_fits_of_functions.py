"""Fits of functions of levels, against SciPy: heat capacity, frequencies, blends, joint data."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf
from scipy.optimize import least_squares

from eigenfit.export import export_saved_model
from eigenfit.solver import (
    Affine,
    Blend,
    Family,
    FitResult,
    Frequencies,
    Generalized,
    GraphLaplacian,
    Joint,
    Levels,
    Newton,
    Observable,
    SpectralSolver,
    Status,
    Transitions,
)
from tests.problems.given_matrices import random_hermitian
from tests.solver.helpers import as_numpy, assert_same, take

N, P = 6, 3
BASIS = np.real(random_hermitian(P, N, seed=7))
CONSTANT = np.diag(np.arange(N) * 1.0)
KELVIN = np.linspace(0.3, 3.0, 12)
SIGMA = np.concatenate([np.full(3, 1e-3), np.full(len(KELVIN), 5e-3)])
TRUTH = np.array([0.3, -0.2, 0.25])


def heat_capacity(levels: tf.Tensor) -> tf.Tensor:
    """`(<E^2> - <E>^2) / T^2` in units of the Boltzmann constant."""
    t = tf.constant(KELVIN, levels.dtype)
    energy = (levels - levels[:, :1])[:, :, None]
    shares = tf.nn.softmax(-energy / t, axis=1)
    mean = tf.reduce_sum(shares * energy, axis=1)
    return (tf.reduce_sum(shares * energy**2, axis=1) - mean**2) / t**2


def both(x: np.ndarray) -> np.ndarray:
    """The three lowest excitation energies and the heat capacity, by NumPy."""
    levels = np.linalg.eigvalsh(CONSTANT + np.tensordot(x, BASIS, 1))
    energy = levels - levels[0]
    factors = np.exp(-energy / KELVIN[:, None])
    shares = factors / factors.sum(1, keepdims=True)
    variance = shares @ energy**2 - (shares @ energy) ** 2
    return np.concatenate([energy[1:4], variance / KELVIN**2])


def noisy(rows: int) -> np.ndarray:
    generator = np.random.default_rng(3)
    data = both(TRUTH) + SIGMA * generator.normal(size=(rows, len(SIGMA)))
    return np.insert(data, 0, 0.0, axis=1)  # the target of the ground level


OBSERVATION = Joint([Levels("lowest", lowest=4), Observable(heat_capacity, len(KELVIN))])
SIGMAS = np.insert(SIGMA, 0, 1.0)


@functools.cache
def solver() -> SpectralSolver:
    structure = Affine(CONSTANT, BASIS)
    return SpectralSolver(structure, observation=OBSERVATION, sigma=SIGMAS, absolute_sigma=True)


@functools.cache
def fitted() -> FitResult:
    """20 rows; row 3 has no excitation energies, row 4 no heat capacity, row 5 is invalid."""
    data = noisy(20)
    data[3, :4] = np.nan
    data[4, 4:] = np.nan
    data[5, 6] = np.inf
    return solver().fit(data, initial=np.tile(1.2 * TRUTH, (20, 1)))


def reference(row: np.ndarray):
    """The same fit by SciPy, of what is not NaN."""
    seen = ~np.isnan(row[1:])

    def residual(x: np.ndarray) -> np.ndarray:
        return ((both(x) - row[1:]) / SIGMA)[seen]

    return least_squares(residual, 1.2 * TRUTH, jac="3-point", xtol=1e-15, ftol=1e-15, gtol=1e-15)


def test_levels_and_heat_capacity_in_one_fit():
    fit = as_numpy(fitted())
    data = noisy(20)
    data[3, :4], data[4, 4:] = np.nan, np.nan
    assert fit.status[5] == Status.INVALID_INPUT
    assert (np.delete(fit.status, [4, 5]) == Status.STATIONARY).all()
    for row in (0, 1, 3, 4):
        found = reference(data[row])
        # Less than 1e-3 standard errors from the minimum.
        errors = np.sqrt(np.diag(np.linalg.inv(found.jac.T @ found.jac)))
        np.testing.assert_array_less(np.abs(fit.parameters[row] - found.x), 1e-3 * errors)
        np.testing.assert_allclose(fit.standard_errors[row], errors, rtol=1e-3)
        np.testing.assert_allclose(fit.loss[row], 2 * found.cost, rtol=1e-6, atol=1e-12)
        expected = data[row, 1:] - both(fit.parameters[row])
        seen = ~np.isnan(expected)
        np.testing.assert_allclose(fit.residuals[row, 1:][seen], expected[seen], atol=1e-12)
        assert np.isnan(fit.residuals[row, 1:][~seen]).all()


def test_a_row_does_not_depend_on_the_others():
    data = noisy(20)
    for row in (0, 17):
        alone = solver().fit(data[row : row + 1], initial=1.2 * TRUTH[None])
        assert_same(as_numpy(alone), take(fitted(), [row]))
    assert solver().fit(data[:0]).parameters.shape == (0, P)


def test_newton_finds_the_same_minimum():
    newton = SpectralSolver(
        Affine(CONSTANT, BASIS),
        Newton(),
        observation=OBSERVATION,
        sigma=SIGMAS,
        absolute_sigma=True,
    )
    found = newton.fit(noisy(20)[:3], initial=np.tile(1.2 * TRUTH, (3, 1)))
    np.testing.assert_allclose(found.parameters, fitted().parameters[:3], rtol=1e-6)
    np.testing.assert_allclose(found.standard_errors, fitted().standard_errors[:3], rtol=1e-5)
    assert (found.steps.numpy() < 15).all()


def test_derivative_of_the_answer_by_the_data():
    data, start = noisy(2), np.tile(TRUTH, (2, 1))
    targets = tf.constant(data)
    with tf.GradientTape() as tape:
        tape.watch(targets)
        fit = solver().fit(targets, initial=start)
        total = tf.reduce_sum(fit.parameters[:, 0]) + tf.reduce_sum(fit.loss)
    slope = tape.gradient(total, targets).numpy()
    for column in (1, 4, 9):
        h = 1e-2 * SIGMAS[column]
        change = np.zeros(data.shape[1])
        change[column] = h
        ends = [solver().fit(data + sign * change, initial=start) for sign in (1, -1)]
        up, down = (end.parameters[:, 0].numpy() + end.loss.numpy() for end in ends)
        np.testing.assert_allclose(slope[:, column], (up - down) / (2 * h), rtol=2e-4, atol=1e-6)


def test_covariance_and_summary():
    fit = fitted()
    found = fit.covariance()
    np.testing.assert_allclose(found.standard_errors[:3], fit.standard_errors[:3], rtol=1e-9)
    lines = fit.summary(0).splitlines()
    assert lines[-1].split()[0] == "#15"
    assert any(line.split()[:1] == ["2"] and "-" in line for line in lines)


def test_cold_starts():
    """Levels give the scale; with the heat capacity alone, random starts of five scales."""
    fit = solver().fit(noisy(4))
    assert (fit.loss.numpy()[:3] <= fitted().loss.numpy()[:3] * (1 + 1e-6)).all()
    alone = noisy(3)
    alone[:, :4] = np.nan
    found = solver().fit(alone)
    best = [2 * reference(row).cost for row in alone]
    assert (found.loss.numpy() <= np.array(best) * (1 + 1e-6)).all()


def test_exported_and_reloaded(tmp_path):
    directory = export_saved_model(solver(), tmp_path / "joint", measure_latency=False)
    reloaded = tf.saved_model.load(directory)
    data = noisy(20)
    data[3, :4], data[4, 4:], data[5, 6] = np.nan, np.nan, np.inf
    nan = np.full((20, data.shape[1]), np.nan)
    answer = reloaded.signatures["fit"](
        targets=tf.constant(data),
        initial=tf.constant(np.tile(1.2 * TRUTH, (20, 1))),
        weights=tf.constant(nan),
        tolerance=tf.fill([20], tf.constant(np.nan, tf.float64)),
        max_steps=tf.zeros([20], tf.int32),
    )
    live = fitted()
    np.testing.assert_array_equal(answer["status"], live.status)
    np.testing.assert_allclose(answer["parameters"], live.parameters, rtol=1e-9)
    np.testing.assert_allclose(answer["standard_errors"], live.standard_errors, rtol=1e-9)


# The four-storey frame of the structural model updating benchmark: masses 12.060 / 386.088,
# stiffnesses in kip / in.
STOREYS = GraphLaplacian([(0, 0), (0, 1), (1, 2), (2, 3)], parameter_names=["k1", "k2", "k3", "k4"])
FRAME = Generalized(STOREYS, np.eye(4) * 12.060 / 386.088)
MEASURED = [0.8828984322951569, 2.7477377900887126, 4.299764477476899, 5.52947433791878]


def frame_frequencies(k: np.ndarray) -> np.ndarray:
    stiffness = np.diag(k + np.append(k[1:], 0.0)) - np.diag(k[1:], 1) - np.diag(k[1:], -1)
    return np.sqrt(np.linalg.eigvalsh(stiffness) / (12.060 / 386.088)) / (2 * np.pi)


def test_frame_frequencies_in_hertz():
    """Four frequencies have six exact solutions, k1 from 6.2 to 32.6; a prior selects one."""
    sigma = 0.002
    known = SpectralSolver(FRAME, observation=Frequencies(), sigma=sigma, absolute_sigma=True)
    shuffled = [MEASURED[place] for place in (2, 0, 3, 1)]  # the order is free
    start = [[7.5, 7.3, 8.8, 15.8]]
    fit = known.fit([MEASURED, shuffled], initial=np.repeat(start, 2, 0))
    assert fit.status.numpy().tolist() == [Status.CONVERGED] * 2
    k = fit.parameters.numpy()[0]
    np.testing.assert_allclose(frame_frequencies(k), MEASURED, rtol=1e-9)
    assert 6.2 < k[0] < 32.6
    np.testing.assert_array_equal(fit.parameters[0], fit.parameters[1])
    found = least_squares(
        lambda x: (frame_frequencies(x) - MEASURED) / sigma, k, jac="3-point", xtol=1e-15
    )
    errors = np.sqrt(np.diag(np.linalg.inv(found.jac.T @ found.jac)))
    np.testing.assert_allclose(fit.standard_errors[0], errors, rtol=1e-4)
    cold = known.fit([MEASURED])
    np.testing.assert_allclose(frame_frequencies(cold.parameters.numpy()[0]), MEASURED, rtol=1e-9)
    assert "4.2997" in fit.summary(0)
    assert known.target_names == ("0", "1", "2", "3")
    # Each line of the table shows the mode that the value was compared with.
    table = [line.split()[:2] for line in fit.summary(1).splitlines()[-4:]]
    assert [(mode, float(f"{float(value):.3f}")) for mode, value in table] == [
        (str(place), round(MEASURED[place], 3)) for place in (2, 0, 3, 1)
    ]


def test_relative_residuals_of_two_squared_frequencies():
    """One factor for all stiffnesses: `lambda = a lambda_0`, a linear least-squares problem."""
    stiffness = np.array([7.52323, 7.3109, 8.81224, 15.77463])  # the published solution
    scaled = FRAME.with_parameters(
        ["a"], lambda a: {f"k{j + 1}": a * k for j, k in enumerate(stiffness)}
    )
    measured = (2 * np.pi * np.array(MEASURED[:2])) ** 2
    known = (2 * np.pi * frame_frequencies(stiffness)[:2]) ** 2 / measured
    factor = known.sum() / (known @ known)
    loss = np.sum((1 - factor * known) ** 2)
    error = np.sqrt(loss / (known @ known))  # one degree of freedom
    for observation, targets, weights in (
        (Levels(lowest=2), measured, 1 / measured),
        (Observable(lambda levels: levels[:, :2] / measured, 2), np.ones(2), None),
    ):
        fit = SpectralSolver(scaled, observation=observation).fit(
            [targets], initial=[[0.9]], weights=weights
        )
        np.testing.assert_allclose(fit.parameters, [[factor]], rtol=1e-8)
        np.testing.assert_allclose(fit.loss, [loss], rtol=1e-8)
        np.testing.assert_allclose(fit.standard_errors, [[error]], rtol=1e-6)


def test_free_masses_have_a_rigid_mode_of_frequency_zero():
    free = Generalized(GraphLaplacian([(0, 1), (1, 2)]), np.eye(3))
    chain = SpectralSolver(free, observation=Frequencies())
    exact = np.sqrt(np.maximum(chain.spectrum([[40.0, 90.0]]).numpy(), 0.0)) / (2 * np.pi)
    exact[0, 0] = 0.0
    fit = chain.fit(exact, initial=[[50.0, 70.0]])
    assert fit.status.numpy().tolist() == [Status.CONVERGED]
    np.testing.assert_allclose(fit.parameters, [[40.0, 90.0]], rtol=1e-7)


def test_a_blend_of_two_lines():
    """As two lines of O2 that are not resolved: their mean, weighted by the intensities."""
    members = [
        Affine(np.diag([0.0, 2.0 * j]), [np.diag([1.0, -1.0]), np.array([[0.0, j], [j, 0.0]])])
        for j in (1.0, 2.0)
    ]
    lines = Transitions(
        [
            ((0, 1), (0, 0)),
            Blend([(((1, 1), (0, 0)), 3.0), (((1, 1), (0, 1)), 1.0)]),
            ((1, 1), (1, 0)),
        ]
    )
    structure = Family(members)

    def values(x: np.ndarray) -> np.ndarray:
        one, other = (
            np.linalg.eigvalsh(
                np.diag([x[0], 2 * j - x[0]]) + np.array([[0.0, j * x[1]], [j * x[1], 0.0]])
            )
            for j in (1.0, 2.0)
        )
        blend = 0.75 * (other[1] - one[0]) + 0.25 * (other[1] - one[1])
        return np.array([one[1] - one[0], blend, other[1] - other[0]])

    truth = np.array([0.2, 0.6])
    rows = values(truth) + 1e-3 * np.random.default_rng(2).normal(size=(9, 3))
    rows[1, 1] = np.nan
    solver = SpectralSolver(structure, observation=lines, sigma=1e-3, absolute_sigma=True)
    assert solver.comparison.in_level_units
    assert solver.target_names == ("0:1 - 0:0", "1:1 - 0:0 & 1:1 - 0:1", "1:1 - 1:0")
    fit = solver.fit(rows, initial=np.tile([0.3, 0.5], (9, 1)))
    for row in (0, 1, 2):
        seen = ~np.isnan(rows[row])
        found = least_squares(
            lambda x, row=row, seen=seen: ((values(x) - rows[row]) / 1e-3)[seen],
            [0.3, 0.5],
            jac="3-point",
            xtol=1e-15,
        )
        errors = np.sqrt(np.diag(np.linalg.inv(found.jac.T @ found.jac)))
        np.testing.assert_array_less(np.abs(fit.parameters[row] - found.x), 1e-3 * errors)
        np.testing.assert_allclose(fit.standard_errors[row], errors, rtol=1e-3)
    alone = solver.fit(rows[2:3], initial=[[0.3, 0.5]])
    assert_same(as_numpy(alone), take(fit, [2]))
    cold = solver.fit(rows)
    assert (cold.loss.numpy() <= fit.loss.numpy() * (1 + 1e-6) + 1e-12).all()


def test_single_precision():
    single = SpectralSolver(
        Affine(CONSTANT, BASIS),
        observation=OBSERVATION,
        sigma=SIGMAS,
        absolute_sigma=True,
        dtype=tf.float32,
    )
    data = noisy(20).astype(np.float32)
    fit = single.fit(data, initial=np.tile(1.2 * TRUTH, (20, 1)).astype(np.float32))
    assert (fit.status.numpy() > 0).all()
    off = np.abs(fit.parameters.numpy()[:3] - fitted().parameters.numpy()[:3])
    assert (off < 0.05 * fit.standard_errors.numpy()[:3]).all()
    alone = single.fit(data[7:8], initial=(1.2 * TRUTH[None]).astype(np.float32))
    assert_same(as_numpy(alone), take(fit, [7]))
