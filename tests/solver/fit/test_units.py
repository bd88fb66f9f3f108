"""Results do not depend on units: problem and targets times a power of two, bit by bit."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import (
    Affine,
    FitResult,
    Hermitian,
    Levels,
    Parameterization,
    SpectralSolver,
    Status,
    Toeplitz,
)
from tests.problems.given_matrices import random_hermitian

from ..helpers import as_numpy

CONSTANT, *REST = random_hermitian(4, 5, seed=121, complex_entries=True)
BASIS = np.stack(REST)
PLAIN = "affine, unit in the matrices"
LARGE, SMALL = 2.0**60, 2.0**-60

# For each kind, from the unit u: A(x) whose levels are u times as large, and how x scales.
KINDS: dict[str, tuple[Callable[[float], Parameterization], bool]] = {
    "toeplitz": (lambda _: Toeplitz(5), True),
    "hermitian": (lambda _: Hermitian(3), True),
    "affine, unit in the parameters": (lambda unit: Affine(unit * CONSTANT, BASIS), True),
    "affine, unit in the matrices": (lambda unit: Affine(unit * CONSTANT, unit * BASIS), False),
}


@functools.cache
def solver_in_unit(kind: str, unit: float, relative: bool, dtype: tf.DType) -> SpectralSolver:
    observation = Levels(relative_to="lowest") if relative else None
    return SpectralSolver(KINDS[kind][0](unit), observation=observation, starts=3, dtype=dtype)


@functools.cache
def fit_in_unit(kind: str, unit: float, relative: bool, dtype: tf.DType) -> FitResult:
    # Where the structure is the same, so is the solver, traced once.
    own_unit = unit if kind.startswith("affine") else 1.0
    same_kind = PLAIN if kind.startswith("affine") and unit == 1.0 else kind
    solver = solver_in_unit(same_kind, own_unit, relative, dtype)
    parameterization = solver.parameterization
    generator = np.random.default_rng(122)
    targets = np.sort(generator.normal(size=(12, parameterization.size)), axis=1)
    initial = generator.normal(size=(12, parameterization.num_parameters))
    initial[6:] = np.nan  # half of the rows leave the start to the solver
    if relative:
        targets -= targets[:, :1]
    initial *= unit if KINDS[kind][1] else 1.0
    return as_numpy(solver.fit(unit * targets, initial=initial))


@pytest.mark.parametrize(
    ("kind", "unit", "relative"),
    [
        ("toeplitz", LARGE, False),
        ("toeplitz", SMALL, False),
        ("affine, unit in the matrices", LARGE, True),
        ("affine, unit in the parameters", SMALL, True),
    ],
)
def test_scaled_problem_has_the_scaled_answer(kind: str, unit: float, relative: bool):
    assert_scaled(kind, unit, relative)


@pytest.mark.usefixtures("eagerly")
def test_scaled_complex_problem_has_the_scaled_answer():
    assert_scaled("hermitian", LARGE, False)


def assert_scaled(kind: str, unit: float, relative: bool) -> None:
    one = fit_in_unit(kind, 1.0, relative, tf.float64)
    scaled = fit_in_unit(kind, unit, relative, tf.float64)
    x_unit = unit if KINDS[kind][1] else 1.0
    np.testing.assert_array_equal(scaled.status, one.status)
    np.testing.assert_array_equal(scaled.steps, one.steps)
    np.testing.assert_allclose(scaled.parameters, x_unit * one.parameters, rtol=1e-12)
    np.testing.assert_allclose(scaled.eigenvalues, unit * one.eigenvalues, rtol=1e-12)
    np.testing.assert_allclose(scaled.loss, unit**2 * one.loss, rtol=1e-12)
    np.testing.assert_allclose(scaled.standard_errors, x_unit * one.standard_errors, rtol=1e-9)


def test_in_single_precision():
    unit = 2.0**-30
    one = fit_in_unit("toeplitz", 1.0, False, tf.float32)
    scaled = fit_in_unit("toeplitz", unit, False, tf.float32)
    np.testing.assert_array_equal(scaled.status, one.status)
    np.testing.assert_allclose(scaled.parameters, unit * one.parameters, rtol=1e-5)


@pytest.mark.parametrize(
    ("dtype", "unit"),
    [
        (tf.float32, 1.98644586e-23),  # cm^-1 in joules
        (tf.float32, 1.60217663e-19),  # eV in joules
        (tf.float64, 1.98644586e-23),
        (tf.float64, 1e-200),
    ],
)
def test_squares_that_underflow_are_not_a_match(dtype: tf.DType, unit: float):
    """A residual whose square is 0 in the dtype is not a residual of 0.

    Either the row is fitted as in any other unit, or it is refused as one that is too large is.
    """
    solver = solver_in_unit("toeplitz", 1.0, False, dtype)
    targets = unit * np.array([[1.0, 2.0, 4.0, 5.0, 7.0], [-3.0, 0.0, 1.0, 2.0, 2.5]])
    fit = as_numpy(solver.fit(targets))
    matched = fit.status == Status.CONVERGED
    assert (matched | (fit.status == Status.INVALID_INPUT)).all()
    errors = np.abs(fit.residuals.astype(float)[matched])
    assert (errors <= 1e-4 * unit * 7).all()


def test_weights_of_any_unit():
    """A common factor of the weights changes the loss, and nothing of the way."""
    generator = np.random.default_rng(123)
    targets = np.sort(generator.normal(size=(10, 5)), axis=1)
    weights = generator.uniform(0.5, 2.0, size=(10, 5))
    solver = solver_in_unit(PLAIN, 1.0, True, tf.float64)
    one = as_numpy(solver.fit(targets, weights=weights))
    scaled = as_numpy(solver.fit(targets, weights=weights * 2.0**10))
    np.testing.assert_array_equal(scaled.status, one.status)
    np.testing.assert_array_equal(scaled.steps, one.steps)
    np.testing.assert_array_equal(scaled.parameters, one.parameters)
    np.testing.assert_allclose(scaled.loss, 2.0**20 * one.loss, rtol=1e-14)


def test_parameters_of_very_different_size_need_no_scaling():
    """A basis in units that differ by 2^30: the same fit in other parameters."""
    units = 2.0 ** np.array([-15.0, 0.0, 15.0])
    generator = np.random.default_rng(124)
    targets = np.sort(generator.normal(size=(10, 5)), axis=1)
    even = as_numpy(solver_in_unit(PLAIN, 1.0, True, tf.float64).fit(targets))
    uneven_basis = Affine(CONSTANT, BASIS * units[:, None, None])
    solver = SpectralSolver(uneven_basis, observation=Levels(relative_to="lowest"), starts=3)
    uneven = as_numpy(solver.fit(targets))
    np.testing.assert_array_equal(uneven.status, even.status)
    np.testing.assert_array_equal(uneven.steps, even.steps)
    np.testing.assert_allclose(uneven.parameters * units, even.parameters, rtol=1e-9)


@pytest.mark.usefixtures("eagerly")
def test_states_that_are_not_compared_set_no_scale():
    """The lowest levels of a rotor: those of J = 100 move up to 3e13 times as much."""
    power, constant = 5, 1e-11
    j = np.arange(101.0) * np.arange(1.0, 102.0)
    rotor = Affine(None, [np.diag(j), np.diag(j**power)], parameter_names=["B", "D"])
    solver = SpectralSolver(rotor, observation=Levels(lowest=5), initial=[1.9, 0.0])
    levels = 2.0 * j[:5] + constant * j[:5] ** power
    fit = solver.fit(levels[None])
    assert fit.status.numpy().tolist() == [Status.CONVERGED]
    np.testing.assert_allclose(fit.parameters[0], [2.0, constant], rtol=1e-4)
    assert np.isfinite(fit.standard_errors).all()


@pytest.mark.usefixtures("eagerly")
def test_states_that_are_not_compared_in_single_precision():
    j = np.arange(101.0) * np.arange(1.0, 102.0)
    rotor = Affine(None, [np.diag(j), np.diag(j**2)], parameter_names=["B", "D"])
    solver = SpectralSolver(rotor, observation=Levels(lowest=5), dtype=tf.float32)
    fit = solver.fit((2.0 * j[:5] + 1e-4 * j[:5] ** 2)[None])
    assert fit.status.numpy().tolist() == [Status.CONVERGED]
    np.testing.assert_allclose(fit.parameters[0], [2.0, 1e-4], rtol=0.1)
    assert np.isfinite(fit.standard_errors).all()
