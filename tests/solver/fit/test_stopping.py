"""When a row stops: tolerance, step limits, and what they are measured by."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import SpectralSolver, Status, Symmetric, Toeplitz, Tridiagonal

from ..helpers import as_numpy


@functools.cache
def toeplitz() -> SpectralSolver:
    return SpectralSolver(Toeplitz(4), starts=1)


@functools.cache
def searching() -> SpectralSolver:
    return SpectralSolver(Toeplitz(4))


FIRST_ROW = np.array([3.0, -1.0, 0.5, -0.25])
LEVELS = np.linalg.eigvalsh(FIRST_ROW[np.abs(np.subtract.outer(range(4), range(4)))])
NEAR = FIRST_ROW + 0.05


def test_start_at_the_solution_needs_no_step():
    fit = toeplitz().fit([LEVELS], initial=[FIRST_ROW])
    assert fit.status.numpy().tolist() == [Status.CONVERGED]
    assert fit.steps.numpy().tolist() == [0]
    np.testing.assert_array_equal(fit.parameters, [FIRST_ROW])


def test_tolerance_is_relative_to_the_largest_level_that_was_seen():
    """A target row whose own levels are small beside those at the start."""
    start = np.array([[1000.0, 1.0, 0.0, 0.0]])
    rough = toeplitz().fit([LEVELS], initial=start, tolerance=1e-3)
    rms = np.sqrt(np.mean(rough.residuals.numpy() ** 2))
    assert rough.status.numpy().tolist() == [Status.CONVERGED]
    assert rms <= 1e-3 * 1002


def test_missing_levels_do_not_count_in_the_rms():
    """One observed level: the rms is its residual, not a quarter of its square."""
    level = np.array([[2.0, np.nan, np.nan, np.nan]])
    start = np.array([[2.0 + 1e-3, 0.0, 0.0, 0.0]])
    for tolerance, converged in ((4.9e-4, False), (5.1e-4, True)):
        fit = toeplitz().fit(level, initial=start, tolerance=tolerance)
        assert (fit.steps.numpy()[0] == 0) == converged


@pytest.mark.parametrize(("dtype", "share"), [(tf.float64, 0.99), (tf.float32, 0.98)])
def test_ends_of_given_starts_are_certified(dtype: tf.DType, share: float):
    """Local minima of a square problem, some with tiny residuals, are STATIONARY, not STALLED."""
    generator = np.random.default_rng(1)
    targets = np.sort(generator.normal(size=(400, 8)), axis=1)
    solver = SpectralSolver(Toeplitz(8), starts=1, dtype=dtype)
    fit = as_numpy(solver.fit(targets, initial=generator.normal(size=(400, 8)), max_steps=1000))
    counts = {status.name: int(np.sum(fit.status == status)) for status in Status}
    assert counts["CONVERGED"] + counts["STATIONARY"] >= share * 400, counts


def test_one_step_with_many_starts():
    """`max_steps` counts over all starts: one step, from the first."""
    targets = np.sort(np.random.default_rng(2).normal(size=(5, 4)), axis=1)
    fit = searching().fit(targets, max_steps=1)
    assert fit.steps.numpy().tolist() == [1] * 5
    assert fit.status.numpy().tolist() == [Status.MAX_STEPS] * 5


def test_steps_never_pass_the_limit_of_the_row():
    targets = np.sort(np.random.default_rng(2).normal(size=(60, 4)), axis=1)
    limits = np.arange(60) % 12 + 1
    fit = as_numpy(searching().fit(targets, max_steps=limits))
    assert (fit.steps <= limits).all()
    assert set(fit.status.tolist()) == {Status.CONVERGED, Status.MAX_STEPS}
    assert (
        fit.steps[fit.status == Status.MAX_STEPS] == limits[fit.status == Status.MAX_STEPS]
    ).all()


def test_a_small_limit_still_gives_the_first_start_a_chance():
    spectra = np.sort(np.random.default_rng(0).normal(size=(100, 4)), axis=1)
    fit = as_numpy(searching().fit(spectra, max_steps=20))
    assert (fit.steps <= 20).all()
    assert np.mean(fit.status == Status.CONVERGED) > 0.5


def test_limits_and_tolerances_row_by_row():
    """Each row obeys its own numbers; NaN and 0 stand for those of the solver."""
    fit = toeplitz().fit(
        [LEVELS] * 5,
        initial=[NEAR] * 5,
        tolerance=[np.nan, 0.3, 1e-4, np.nan, 1e-4],
        max_steps=[0, 0, 0, 1, 1],
    )
    default = toeplitz().fit([LEVELS], initial=[NEAR])
    steps = fit.steps.numpy()
    assert fit.status.numpy().tolist() == [1, 1, 1, 4, 4]
    assert steps[0] == default.steps.numpy()[0]
    assert steps[1] == 0
    assert 0 < steps[2] < steps[0]
    assert steps[3:].tolist() == [1, 1]


@pytest.mark.usefixtures("eagerly")
def test_defaults_of_the_solver():
    loose = SpectralSolver(Toeplitz(4), tolerance=1e-2, max_steps=7, starts=1)
    assert (loose.tolerance, loose.max_steps) == (1e-2, 7)
    assert SpectralSolver(Toeplitz(4)).tolerance == 1e-10
    assert SpectralSolver(Toeplitz(4), dtype=tf.float32).tolerance == 1e-5
    fit = loose.fit([LEVELS], initial=[NEAR])
    same = toeplitz().fit([LEVELS], initial=[NEAR], tolerance=1e-2, max_steps=7)
    np.testing.assert_array_equal(fit.steps, same.steps)
    np.testing.assert_array_equal(fit.parameters, same.parameters)


def test_tolerance_zero_ends_without_claiming_convergence_it_cannot_know():
    fit = toeplitz().fit([LEVELS], initial=[NEAR], tolerance=0.0)
    assert fit.status.numpy()[0] in (Status.STATIONARY, Status.CONVERGED)
    if fit.status.numpy()[0] == Status.CONVERGED:
        np.testing.assert_array_equal(fit.residuals, np.zeros((1, 4)))
    np.testing.assert_allclose(fit.eigenvalues, [LEVELS], rtol=0, atol=1e-13)


@pytest.mark.usefixtures("eagerly")
def test_all_levels_zero():
    """The spectral scale is 0 there: the zero matrix is the answer all the same."""
    fit = SpectralSolver(Symmetric(3)).fit([[0.0, 0.0, 0.0]])
    assert fit.status.numpy().tolist() == [Status.CONVERGED]
    np.testing.assert_array_equal(fit.eigenvalues, np.zeros((1, 3)))


@pytest.mark.usefixtures("eagerly")
def test_a_start_in_another_unit_is_no_match():
    """Its levels, 10^power times as large as the targets, are no measure of the residual."""
    start = np.outer(10.0 ** np.array([3, 9, 11, 100]), [1.0, -0.3, 0.7, 0.2, 0.5])
    fit = as_numpy(SpectralSolver(Tridiagonal(3)).fit([[1.0, 2.0, 4.0]] * 4, initial=start))
    assert fit.status[:3].tolist() == [Status.CONVERGED] * 3
    matched = fit.eigenvalues[fit.status == Status.CONVERGED]
    np.testing.assert_allclose(matched, np.tile([1.0, 2.0, 4.0], (len(matched), 1)), atol=1e-8)


@pytest.mark.usefixtures("eagerly")
def test_a_start_in_another_unit_in_single_precision():
    solver = SpectralSolver(Toeplitz(3), dtype=tf.float32)
    fit = solver.fit([[1.0, 2.0, 4.0]], initial=1e3 * np.array([[2.0, -0.9, 0.7]]))
    assert fit.status.numpy().tolist() == [Status.CONVERGED]
    np.testing.assert_allclose(fit.eigenvalues[0], [1.0, 2.0, 4.0], atol=4e-4)
