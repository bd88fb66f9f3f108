"""Derivatives of the answer by the data, against finite differences of whole fits."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import (
    Affine,
    FitResult,
    GaussNewton,
    Multiplicative,
    Nonlinear,
    SpectralSolver,
    Toeplitz,
)
from tests.problems.given_matrices import random_hermitian

from .differences import differences_of_moved, moved_rows

eagerly = pytest.mark.usefixtures("eagerly")
FIELDS = ("parameters", "eigenvalues", "residuals", "loss")
STEP = 1e-4


@functools.cache
def solver_of(name: str) -> SpectralSolver:
    if name == "solvable":
        return SpectralSolver(Toeplitz(4), starts=1)
    if name == "nonlinear":
        spring = np.array([[2.0, -1, 0, 0], [-1, 2, -1, 0], [0, -1, 2, -1], [0, 0, -1, 2]])
        chain = Multiplicative(spring).with_tied({"m3": ("m0", 1.0), "m2": ("m1", 1.0)})
        return SpectralSolver(chain, starts=1)
    constant, *basis = random_hermitian(4, 6, seed=2, complex_entries=True)
    return SpectralSolver(Affine(constant, np.stack(basis)), starts=1)


STARTS = {"solvable": [1.0, 0.6, -0.3, 0.2], "nonlinear": [1.0, 2.0]}


@functools.cache
def case(name: str) -> tuple[SpectralSolver, np.ndarray, np.ndarray]:
    """Solver, starting point and targets of one row; observations have a file of their own."""
    solver = solver_of("residual" if name == "gap" else name)
    x = np.array(STARTS.get(name, [0.4, -0.8, 1.1]))
    targets = solver.parameterization.spectrum(tf.constant(x[None])).numpy()[0]
    if name == "gap":
        targets[2] = np.nan
    if name != "solvable":
        targets += 0.05 * np.random.default_rng(11).normal(size=targets.shape)
    return solver, x, targets


CASES = ["solvable", "residual", "gap", "nonlinear"]


def scalars(fit: FitResult, field: str) -> tf.Tensor:
    """For each row a number that depends on every entry of a field."""
    value = getattr(fit, field)
    value = tf.where(tf.math.is_nan(value), tf.zeros_like(value), value)
    value = tf.reshape(value, [tf.shape(value)[0], -1])
    factors = tf.cast(tf.range(1, tf.shape(value)[1] + 1), value.dtype)
    return tf.reduce_sum(value * factors, axis=1)


def fit_rows(name: str, targets: tf.Tensor, weights: tf.Tensor) -> FitResult:
    """Fits of changed targets or weights `[B, m]` of a case."""
    solver, start, _ = case(name)
    initial = tf.tile(start[None], [tf.shape(targets)[0], 1])
    return solver.fit(targets, initial, weights, tolerance=1e-14)


def data_of(name: str) -> dict[str, np.ndarray]:
    _, _, targets = case(name)
    return {"targets": targets, "weights": np.linspace(0.5, 1.5, len(targets))}


@functools.cache
def compared(name: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """By name of the data, `[4, m]`: the derivatives of the fields, and finite differences.

    The fits of the row and of all changed data are rows of one batch; each field is that of a row.
    """
    row = data_of(name)
    point, count = np.concatenate(list(row.values())), len(FIELDS)
    both = np.concatenate([[point] * count, moved_rows(point, STEP)])
    data = dict(zip(row, map(tf.constant, np.split(both, 2, axis=1)), strict=True))
    with tf.GradientTape() as tape:
        tape.watch(data)
        fit = fit_rows(name, **data)
        values = tf.stack([scalars(fit, field) for field in FIELDS], axis=1)
        total = tf.linalg.trace(values[:count])
    found = {by: slopes.numpy()[:count] for by, slopes in tape.gradient(total, data).items()}
    expected = np.split(differences_of_moved(values[count:], STEP), 2, axis=1)
    return found, dict(zip(row, expected, strict=True))


@eagerly
@pytest.mark.parametrize("name", CASES)
def test_finite_differences_agree(name: str):
    seen = ~np.isnan(case(name)[2])
    found, expected = compared(name)
    for by in found:
        for field, one, other in zip(FIELDS, found[by], expected[by], strict=True):
            scale = max(1.0, np.abs(other[seen]).max())
            np.testing.assert_allclose(
                one[seen], other[seen], rtol=1e-6, atol=1e-6 * scale, err_msg=f"{field} by {by}"
            )
            np.testing.assert_array_equal(one[~seen], 0.0)


def test_a_fit_in_another_graph_has_the_same_derivatives():
    rows = {key: tf.constant(array[None]) for key, array in data_of("gap").items()}

    @tf.function(autograph=False)
    def gradients(rows: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(rows)
            value = scalars(fit_rows("gap", **rows), "parameters")
        return tape.gradient(value, rows)

    @tf.function(autograph=False)
    def value(rows: dict[str, tf.Tensor]) -> tf.Tensor:
        return scalars(fit_rows("gap", **rows), "parameters")

    with tf.GradientTape() as tape:
        tape.watch(rows)
        outside = value(rows)
    for found in (gradients(rows), tape.gradient(outside, rows)):
        for by, expected in compared("gap")[0].items():
            np.testing.assert_allclose(found[by][0], expected[0], rtol=1e-12, atol=1e-13)


@eagerly
def test_a_persistent_tape_has_the_same_derivatives():
    """Operation by operation; `test_a_fit_in_another_graph...` has one in a graph."""
    solver, start, targets = case("residual")
    watched = tf.constant(targets[None])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(watched)
        fit = solver.fit(watched, start[None], tolerance=1e-14)
        parts = tf.unstack(fit.parameters[0])
    every = tf.constant(np.tile(targets, (len(parts), 1)))
    with tf.GradientTape() as one:
        one.watch(every)
        again = solver.fit(every, [start] * len(parts), tolerance=1e-14).parameters
        total = tf.linalg.trace(again)
    expected = one.gradient(total, every)
    for number, part in enumerate(parts):
        np.testing.assert_array_equal(tape.gradient(part, watched)[0], expected[number])


@eagerly
def test_bad_rows_pass_no_gradient_on_and_harm_no_other():
    solver, start, levels = case("nonlinear")
    rows = np.stack([levels, levels, np.full(4, np.nan), 1.1 * levels])
    rows[1, 0] = np.inf

    def gradient(rows: np.ndarray) -> np.ndarray:
        targets = tf.constant(rows)
        with tf.GradientTape() as tape:
            tape.watch(targets)
            fit = solver.fit(targets, [start] * len(rows))
            total = tf.reduce_sum(fit.loss**2) + tf.reduce_sum(fit.parameters)
        return tape.gradient(total, targets).numpy()

    found = gradient(rows)
    np.testing.assert_array_equal(found[1:3], 0.0)
    assert np.abs(found[[0, 3]]).min() > 1e-3
    np.testing.assert_allclose(found[[0, 3]], gradient(rows[[0, 3]]), rtol=1e-12)


@eagerly
def test_underdetermined_rows_have_the_derivative_of_least_norm():
    """Two parameters share one matrix: each takes half of the change."""
    matrix = np.diag([1.0, 2.0, 4.0])
    solver = SpectralSolver(Affine(None, [matrix, matrix]))
    targets = tf.constant([[1.0, 2.0, 4.0]], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(targets)
        x = solver.fit(targets, [[0.2, 0.3]]).parameters
        first = x[0, 0]
    slope = np.array([1.0, 2.0, 4.0]) / 21  # of the sum of both
    np.testing.assert_allclose(tape.gradient(first, targets)[0], slope / 2, rtol=1e-9)


def test_a_coupling_that_ends_at_zero_leaves_the_other_derivatives():
    """Zero but for rounding, which no derivative may depend on."""
    coupling = np.array([[0, 1.0, 0], [1, 0, 0], [0, 0, 0]])
    solver = SpectralSolver(Affine(None, [np.diag([0.0, 1.0, 3.0]), coupling]))
    noise = 0.4 * np.random.default_rng(0).normal(size=(200, 3))
    targets = tf.constant(np.sort(np.array([0.0, 2.0, 6.0]) + noise, axis=1))
    with tf.GradientTape() as tape:
        tape.watch(targets)
        parameters = solver.fit(targets, [[2.0, 0.3]] * len(targets)).parameters
        scale = parameters[:, 0]
    found = tape.gradient(scale, targets).numpy()
    at_zero = np.abs(parameters[:, 1]) < 1e-6
    assert at_zero.sum() > 50
    assert len(np.unique(np.abs(parameters[:, 1])[at_zero])) > 10
    # Then the first parameter is the projection of the targets on (0, 1, 3).
    np.testing.assert_allclose(
        found[at_zero], np.tile([0, 0.1, 0.3], (at_zero.sum(), 1)), atol=1e-9
    )


def test_a_variable_inside_the_matrix_gets_no_gradient_and_stops_nothing():
    factor = tf.Variable(2.0, dtype=tf.float64)
    structure = Nonlinear(lambda x: tf.linalg.diag(x * factor), n=2, p=2)
    solver = SpectralSolver(structure, GaussNewton())
    targets = tf.constant([[1.0, 3.0]], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(targets)
        total = tf.reduce_sum(solver.fit(targets, [[0.4, 1.6]]).parameters)
    by_targets, by_factor = tape.gradient(total, [targets, factor])
    np.testing.assert_allclose(by_targets, [[0.5, 0.5]], rtol=1e-9)
    assert by_factor is None
