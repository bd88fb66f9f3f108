"""No wrong answer counts as solved."""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.optimize

from benchmarks import checking, problems


def test_a_slightly_wrong_answer_is_refused():
    problem = dataclasses.replace(problems.toeplitz(4), near=0.0)
    task = problems.draw(problem, 4)
    x = task.starts.copy()
    x[1, 0] += 1e-6  # shifts every level
    x[2] = np.nan
    x[3] = 0.0
    assert checking.solved(problem, task, x).tolist() == [True, False, False, False]


def test_errors_are_shares_of_the_spread():
    problem = problems.dense(3)
    x = np.array([[1.0, 3.0, 5.0, 0, 0, 0]])
    task = problems.Task(np.array([[1.0, 3.0, 4.0]]), x)
    np.testing.assert_allclose(checking.errors(problem, task, x), 1 / 3)


def test_equal_targets_have_their_size_for_a_unit():
    problem = problems.dense(3)
    x = np.array([[2.0, 2.0, 2.2, 0, 0, 0]])
    task = problems.Task(np.full((1, 3), 2.0), x)
    np.testing.assert_allclose(checking.errors(problem, task, x), 0.1)


def test_measured_levels_are_solved_at_the_least_squares_solution_only():
    problem = problems.crystal_field()
    task = problems.draw(problem, 1)
    found = scipy.optimize.least_squares(
        lambda x: problem.levels(x[None])[0] - task.targets[0],
        problem.centre,
        x_scale=problem.spread,
        ftol=1e-15,
        xtol=1e-15,
        gtol=1e-15,
    )
    x = found.x[None]
    # Finite differences leave an error of their own.
    assert checking.solved(problem, task, x, 1e-6).all()
    assert not checking.solved(problem, task, x * 1.001).any()
