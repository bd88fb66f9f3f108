"""Spectra alone, with nothing known of the parameters: how many solvable ones are matched."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import (
    Additive,
    Affine,
    Family,
    Parameterization,
    SpectralSolver,
    Status,
    Toeplitz,
    Tridiagonal,
)
from eigenfit.solver.objective.model import Data
from eigenfit.solver.pool.rows import point_specs
from eigenfit.solver.search.basin_hopping import hop, is_hop
from tests.problems.given_matrices import random_hermitian


def _given_matrix() -> np.ndarray:
    matrix = np.random.default_rng(1).normal(size=(8, 8))
    matrix += matrix.T
    np.fill_diagonal(matrix, 0.0)
    return matrix


def _random_affine(complex_entries: bool) -> Affine:
    """Fewer parameters than levels."""
    constant, *basis = random_hermitian(5, 8, seed=2, complex_entries=complex_entries)
    return Affine(constant, np.stack(basis))


STRUCTURES = {
    "Toeplitz n=16": (lambda: Toeplitz(16), 300, 0.99),
    "additive n=8": (lambda: Additive(_given_matrix()), 2000, 0.999),
    "Jacobi n=10": (lambda: Tridiagonal(10), 1000, 0.99),
    "complex n=8, p=4": (lambda: _random_affine(True), 500, 0.99),
}


@functools.cache
def solver_of(name: str) -> SpectralSolver:
    return SpectralSolver(STRUCTURES[name][0]())


def levels_of(structure: Parameterization, parameters: np.ndarray) -> np.ndarray:
    return np.linalg.eigvalsh(structure.matrix(tf.constant(parameters)).numpy())


@pytest.mark.parametrize("name", STRUCTURES)
def test_solvable_spectra_are_matched(name):
    _, rows, share = STRUCTURES[name]
    solver = solver_of(name)
    generator = np.random.default_rng(11)
    known = generator.normal(size=(rows, solver.parameterization.num_parameters))
    targets = levels_of(solver.parameterization, known)
    fit = solver.fit(targets)
    found = levels_of(solver.parameterization, fit.parameters.numpy())
    matched = np.abs(found - targets).max(axis=1) <= 1e-8 * np.abs(targets).max(axis=1)
    assert matched.mean() >= share
    np.testing.assert_array_equal(matched, fit.status.numpy() == Status.CONVERGED)


@pytest.mark.parametrize("complex_entries", [False, True])
def test_starts_have_the_spread_of_the_targets(complex_entries: bool):
    structure = _random_affine(complex_entries)
    known = np.random.default_rng(3).normal(size=(50, 4))
    targets = levels_of(structure, known)
    starts = structure.starting_points(tf.constant(targets), tf.range(50), 50)
    levels = levels_of(structure, starts.numpy())
    np.testing.assert_allclose(levels.std(axis=1), targets.std(axis=1))
    assert len(np.unique(starts.numpy().round(6), axis=0)) == 50


def test_starts_of_several_matrices_have_the_spread_of_all_their_levels():
    one, two = _random_affine(False), Affine(None, np.eye(4)[:, :, None] * np.eye(4)[:, None])
    structure = Family([one, two])
    variance_in = lambda levels: 8 * levels[:, :8].var(1) + 4 * levels[:, 8:].var(1)  # noqa: E731
    known = np.random.default_rng(4).normal(size=(20, 4))
    targets = structure.spectrum(tf.constant(known))
    starts = structure.starting_points(targets, tf.range(20), 20)
    found, given = (variance_in(x.numpy()) for x in (structure.spectrum(starts), targets))
    np.testing.assert_allclose(found, given)


@pytest.mark.parametrize("unit", [1e12, 1e-12])
def test_starts_in_units_whose_fourth_power_is_out_of_range(unit: float):
    structure = Affine(None, random_hermitian(3, 6, seed=8, complex_entries=False))
    known = np.random.default_rng(9).normal(size=(20, 3))
    targets = unit * levels_of(structure, known)
    starts = structure.starting_points(tf.constant(targets, tf.float32), tf.range(20), 20)
    levels = levels_of(structure, starts.numpy().astype(float))
    np.testing.assert_allclose(levels.std(axis=1), targets.std(axis=1), rtol=1e-3)


def test_starts_where_the_mean_is_a_million_times_the_spread():
    matrices = random_hermitian(2, 6, seed=8, complex_entries=False)
    structure = Affine(None, np.stack([np.eye(6), *matrices]))
    known = np.random.default_rng(9).normal(size=(20, 3)) + np.array([1e6, 0.0, 0.0])
    targets = levels_of(structure, known)
    starts = structure.starting_points(tf.constant(targets), tf.range(20), 20)
    levels = levels_of(structure, starts.numpy())
    np.testing.assert_allclose(levels.mean(axis=1), targets.mean(axis=1), rtol=1e-9)
    np.testing.assert_allclose(levels.std(axis=1), targets.std(axis=1), rtol=1e-6)


def test_targets_that_are_all_equal_have_a_start():
    structure = Affine(None, random_hermitian(2, 5, seed=7, complex_entries=False))
    starts = structure.starting_points(tf.constant([[2.0] * 5, [0.0] * 5]), tf.range(2), 4)
    assert np.isfinite(starts.numpy()).all()


def test_a_row_that_hops_is_fitted_as_if_alone():
    solver = solver_of("Toeplitz n=16")
    targets = np.sort(np.random.default_rng(5).normal(size=(60, 16)), axis=1)
    together = solver.fit(targets)
    # So many steps are more than the starts before the first hop may take.
    hopped = np.flatnonzero(
        together.steps.numpy() > 8 * solver.max_steps // solver._settings.starts
    )
    assert len(hopped) >= 3
    for row in hopped[:3]:
        alone = solver.fit(targets[row : row + 1])
        np.testing.assert_array_equal(alone.parameters[0], together.parameters[row])
        assert alone.steps[0] == together.steps[row]


def test_a_hop_moves_the_levels_by_a_share_of_their_deviation():
    """Of a diagonal matrix the parameters are the levels."""
    solver = SpectralSolver(Additive(np.zeros((50, 50))))
    settings = solver._settings
    targets = 7.0 + 3.0 * np.random.default_rng(2).normal(size=(1, 50))
    data = Data(
        targets=tf.constant(targets), weights=tf.fill([1, 50], tf.constant(4.0, tf.float64))
    )
    point = tf.nest.map_structure(
        lambda spec: tf.zeros([1, *spec.shape[1:]], spec.dtype), point_specs(settings, data)
    )
    point = point._replace(column_norms=tf.fill([1, 50], tf.constant(4.0, tf.float64)))
    moves = np.array([hop(settings, data, point, tf.constant([k]))[0] for k in range(7, 63, 2)])
    assert 0.35 * targets.std() < moves.std() < 0.45 * targets.std()
    assert abs(moves.mean()) < 0.05 * targets.std()


def test_hops_come_after_starts_anywhere():
    hops = is_hop(solver_of("Toeplitz n=16")._settings, tf.range(64)).numpy()
    assert not hops[:6].any()
    assert hops[7:].sum() == pytest.approx(len(hops[7:]) / 2, abs=1)
