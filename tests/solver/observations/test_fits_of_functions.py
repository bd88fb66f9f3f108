"""Fits of functions of levels, against SciPy: heat capacity, frequencies, blends, joint data."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
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
    Parameterization,
    SpectralSolver,
    Status,
    Transitions,
)
from tests.problems.given_matrices import random_hermitian
from tests.solver.helpers import as_numpy, assert_same, take

N, P = 6, 2
BASIS = np.real(random_hermitian(P, N, seed=7))
CONSTANT = np.diag(np.arange(N) * 1.0)
KELVIN = np.linspace(0.3, 3.0, 12)
SIGMA = np.concatenate([np.full(3, 1e-3), np.full(len(KELVIN), 5e-3)])
TRUTH = np.array([0.3, -0.2])
START = 1.2 * TRUTH


def heat_capacity(levels: tf.Tensor) -> tf.Tensor:
    """`(<E^2> - <E>^2) / T^2` in units of the Boltzmann constant."""
    t = tf.constant(KELVIN, levels.dtype)
    energy = (levels - levels[:, :1])[:, :, None]
    shares = tf.nn.softmax(-energy / t, axis=1)
    mean = tf.reduce_sum(shares * energy, axis=1)
    return (tf.reduce_sum(shares * energy**2, axis=1) - mean**2) / t**2


def both(x: np.ndarray) -> np.ndarray:
    """The three lowest excitation energies and the heat capacity, by NumPy."""
    levels = np.linalg.eigvalsh(CONSTANT + np.tensordot(x, BASIS[: len(x)], 1))
    energy = levels - levels[0]
    factors = np.exp(-energy / KELVIN[:, None])
    shares = factors / factors.sum(1, keepdims=True)
    variance = shares @ energy**2 - (shares @ energy) ** 2
    return np.concatenate([energy[1:4], variance / KELVIN**2])


def noisy(rows: int, truth: np.ndarray = TRUTH) -> np.ndarray:
    generator = np.random.default_rng(3)
    data = both(truth) + SIGMA * generator.normal(size=(rows, len(SIGMA)))
    return np.insert(data, 0, 0.0, axis=1)  # the target of the ground level


OBSERVATION = Joint([Levels("lowest", lowest=4), Observable(heat_capacity, len(KELVIN))])
SIGMAS = np.insert(SIGMA, 0, 1.0)


@functools.cache
def solver() -> SpectralSolver:
    structure = Affine(CONSTANT, BASIS)
    return SpectralSolver(
        structure, observation=OBSERVATION, sigma=SIGMAS, absolute_sigma=True, starts=32
    )


def fit_from(start: np.ndarray, targets: Any) -> FitResult:
    """With an empty row, that has no start, so that all tests share the graph that searches."""
    starts = np.append(np.tile(start, (len(targets), 1)), [[np.nan] * P], axis=0)
    empty = np.full((1, len(SIGMAS)), np.nan)
    return solver().fit(tf.concat([targets, empty], axis=0), initial=starts)


def data_with_gaps() -> np.ndarray:
    """20 rows; row 3 has no excitation energies, row 4 no more than two, row 5 is invalid."""
    data = noisy(20)
    data[3, :4] = np.nan
    data[4, 3:] = np.nan
    data[5, 6] = np.inf
    return data


def without_levels(data: np.ndarray) -> np.ndarray:
    return np.where(np.arange(data.shape[1]) < 4, np.nan, data)


@functools.cache
def fitted() -> FitResult:
    """The 20 rows from a start; 4 full rows and 3 with the heat capacity alone from none."""
    data = noisy(20)
    cold = np.concatenate([data[[0, 1, 2, 6]], without_levels(data[:3])])
    starts = np.append(np.tile(START, (20, 1)), np.full((7, P), np.nan), axis=0)
    return solver().fit(np.append(data_with_gaps(), cold, axis=0), initial=starts)


def reference(row: np.ndarray, start: np.ndarray = START):
    """The same fit by SciPy, of what is not NaN."""
    seen = ~np.isnan(row[1:])

    def residual(x: np.ndarray) -> np.ndarray:
        return ((both(x) - row[1:]) / SIGMA)[seen]

    return least_squares(residual, start, jac="3-point", xtol=1e-15, ftol=1e-15, gtol=1e-15)


def test_levels_and_heat_capacity_in_one_fit():
    fit, data = as_numpy(fitted()), data_with_gaps()
    assert fit.status[5] == Status.INVALID_INPUT
    assert (np.delete(fit.status[:20], [4, 5]) == Status.STATIONARY).all()
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
        assert_same(take(fit_from(START, data[row : row + 1]), [0]), take(fitted(), [row]))
    assert solver().fit(data[:0]).parameters.shape == (0, P)


@pytest.mark.usefixtures("eagerly")
def test_newton_finds_the_same_minimum():
    newton = SpectralSolver(
        Affine(CONSTANT, BASIS),
        Newton(),
        observation=OBSERVATION,
        sigma=SIGMAS,
        absolute_sigma=True,
    )
    data = noisy(20)[:3]
    found = newton.fit(data, initial=np.tile(START, (3, 1)))
    assert (found.steps.numpy() < 15).all()
    for row in range(3):
        best = reference(data[row])
        errors = np.sqrt(np.diag(np.linalg.inv(best.jac.T @ best.jac)))
        np.testing.assert_array_less(np.abs(found.parameters[row] - best.x), 1e-3 * errors)
        np.testing.assert_allclose(found.standard_errors[row], errors, rtol=1e-5)


def test_derivative_of_the_answer_by_the_data():
    data = noisy(2)
    targets = tf.constant(data)
    with tf.GradientTape() as tape:
        tape.watch(targets)
        fit = fit_from(TRUTH, targets)
        total = tf.reduce_sum(fit.parameters[:2, 0]) + tf.reduce_sum(fit.loss[:2])
    slope = tape.gradient(total, targets).numpy()
    for column in (1, 4, 9):
        h = 1e-2 * SIGMAS[column]
        change = np.zeros(data.shape[1])
        change[column] = h
        ends = [fit_from(TRUTH, data + sign * change) for sign in (1, -1)]
        up, down = (end.parameters.numpy()[:2, 0] + end.loss.numpy()[:2] for end in ends)
        np.testing.assert_allclose(slope[:, column], (up - down) / (2 * h), rtol=2e-4, atol=1e-6)


def test_covariance_and_summary(request: pytest.FixtureRequest):
    fit = fitted()
    request.getfixturevalue("eagerly")  # their graphs are those of an export
    found = fit.covariance()
    np.testing.assert_allclose(found.standard_errors[:3], fit.standard_errors[:3], rtol=1e-9)
    lines = fit.summary(0).splitlines()
    assert lines[-1].split()[0] == "#15"
    assert any(line.split()[:1] == ["2"] and "-" in line for line in lines)


def test_cold_starts():
    """Levels give the scale; with the heat capacity alone, random starts of five scales."""
    loss = fitted().loss.numpy()
    assert (loss[20:24] <= loss[[0, 1, 2, 6]] * (1 + 1e-6)).all()
    best = [2 * reference(row).cost for row in without_levels(noisy(3))]
    assert (loss[24:] <= np.array(best) * (1 + 1e-6)).all()


def test_exported_and_reloaded(tmp_path):
    directory = export_saved_model(solver(), tmp_path / "joint", measure_latency=False)
    reloaded = tf.saved_model.load(directory)
    data = data_with_gaps()
    answer = reloaded.signatures["fit"](
        targets=tf.constant(data),
        initial=tf.constant(np.tile(START, (20, 1))),
        weights=tf.constant(np.full(data.shape, np.nan)),
        tolerance=tf.fill([20], tf.constant(np.nan, tf.float64)),
        max_steps=tf.zeros([20], tf.int32),
    )
    live = take(fitted(), slice(20))
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


@pytest.mark.usefixtures("eagerly")
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


@pytest.mark.usefixtures("eagerly")
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


def free_masses_are_fitted(structure: Parameterization) -> None:
    chain = SpectralSolver(structure, observation=Frequencies())
    stiffness = np.array([[40.0, -40.0, 0.0], [-40.0, 130.0, -90.0], [0.0, -90.0, 90.0]])
    exact = np.sqrt(np.maximum(np.linalg.eigvalsh(stiffness), 0.0)) / (2 * np.pi)
    exact[0] = 0.0
    fit = chain.fit([exact], initial=[[50.0, 70.0]])
    assert fit.status.numpy().tolist() == [Status.CONVERGED]
    np.testing.assert_allclose(fit.parameters, [[40.0, 90.0]], rtol=1e-7)


FREE = GraphLaplacian([(0, 1), (1, 2)])


def test_free_masses_have_a_rigid_mode_of_frequency_zero():
    free_masses_are_fitted(FREE)


@pytest.mark.usefixtures("eagerly")
def test_free_masses_with_a_mass_matrix_have_a_rigid_mode_too():
    free_masses_are_fitted(Generalized(FREE, np.eye(3)))


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
    solver = SpectralSolver(
        structure, observation=lines, sigma=1e-3, absolute_sigma=True, starts=32
    )
    assert solver.comparison.in_level_units
    assert solver.target_names == ("0:1 - 0:0", "1:1 - 0:0 & 1:1 - 0:1", "1:1 - 1:0")
    # From a start, then from none.
    starts = np.repeat([[0.3, 0.5], [np.nan] * 2], 9, axis=0)
    fit = solver.fit(np.tile(rows, (2, 1)), initial=starts)
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
    alone = solver.fit(rows[[2, 0]], initial=[[0.3, 0.5], [np.nan] * 2])
    assert_same(as_numpy(alone), take(fit, [2, 9]))
    loss = fit.loss.numpy()
    assert (loss[9:] <= loss[:9] * (1 + 1e-6) + 1e-12).all()


def test_single_precision():
    single = SpectralSolver(
        Affine(CONSTANT, BASIS[:1]),
        observation=OBSERVATION,
        sigma=SIGMAS,
        absolute_sigma=True,
        dtype=tf.float32,
    )
    data = noisy(20, TRUTH[:1]).astype(np.float32)
    fit = single.fit(data, initial=np.tile(START[:1], (20, 1)).astype(np.float32))
    assert (fit.status.numpy() > 0).all()
    for row in range(3):
        best = reference(data[row].astype(float), START[:1])
        error = 1 / np.linalg.norm(best.jac)
        assert np.abs(fit.parameters.numpy()[row] - best.x) < 0.05 * error
        np.testing.assert_allclose(fit.standard_errors[row], [error], rtol=0.05)
    alone = single.fit(data[7:8], initial=START[None, :1].astype(np.float32))
    assert_same(as_numpy(alone), take(fit, [7]))
