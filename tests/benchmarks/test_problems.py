"""The problems are what they say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import scipy.linalg

from benchmarks import checking, problems
from benchmarks.peers.eigenfit_peer import structure
from benchmarks.suites.success import cold_starts, solvable

EVERY = [
    *problems.speed_problems(),
    problems.jacobi(10),
    problems.additive(8),
    problems.large(64),
]


def by_name(problem: problems.Problem) -> str:
    return problem.name


@pytest.mark.parametrize("problem", EVERY, ids=by_name)
def test_targets_are_levels_of_a_member(problem):
    at_solutions = dataclasses.replace(problem, near=0.0)
    task = problems.draw(at_solutions, 5)
    assert task.targets.shape == (5, problem.num_targets)
    assert task.starts.shape == (5, problem.num_parameters)
    assert np.all(np.diff(task.targets, axis=1) >= 0)
    if problem.measured is None:
        assert checking.solved(problem, task, task.starts, 1e-13).all()
    assert not checking.solved(problem, task, problems.draw(problem, 5).starts).any()


@pytest.mark.parametrize("problem", EVERY, ids=by_name)
def test_first_rows_do_not_depend_on_how_many_there_are(problem):
    few, many = problems.draw(problem, 3), problems.draw(problem, 7).rows(3)
    np.testing.assert_allclose(few.targets, many.targets, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(few.starts, many.starts)


@pytest.mark.parametrize("problem", EVERY, ids=by_name)
def test_eigenfit_gets_the_same_matrices(problem, rng):
    x = rng.normal(size=(2, problem.num_parameters))
    matrix = problem.matrix(x)
    np.testing.assert_allclose(matrix, matrix.swapaxes(1, 2).conj(), atol=1e-15)
    np.testing.assert_allclose(structure(problem).matrix(x), matrix, atol=1e-12)


def test_toeplitz_is_that_of_scipy(rng):
    row = rng.normal(size=5)
    np.testing.assert_array_equal(problems.toeplitz(5).matrix(row), scipy.linalg.toeplitz(row))


def test_crystal_field_has_degenerate_levels_that_no_member_has():
    problem = problems.crystal_field()
    targets = problems.draw(problem, 2).targets
    assert targets.shape == (2, 17)
    assert len(np.unique(targets[0])) == 13
    assert problem.measured is not None
    spread = np.ptp(problem.measured)
    assert 1e-3 < np.abs(problem.levels(problem.centre[None]) - targets).max() / spread < 0.1


@pytest.mark.parametrize(
    "problem", [problems.toeplitz(8), problems.additive(8), problems.jacobi(10)], ids=by_name
)
def test_cold_starts_have_the_mean_and_spread_of_the_targets(problem):
    targets = solvable(problem, 6)
    levels = problem.levels(cold_starts(problem, targets, seed=1))
    np.testing.assert_allclose(levels.mean(axis=1), targets.mean(axis=1), atol=1e-12)
    if not problem.constant.any():
        np.testing.assert_allclose(levels.std(axis=1), targets.std(axis=1))
