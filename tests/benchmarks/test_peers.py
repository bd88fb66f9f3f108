"""The peers solve a tiny problem."""

from __future__ import annotations

import dataclasses
import importlib.util

import numpy as np
import pytest

from benchmarks import checking, peers, problems

NEEDS_BENCH = pytest.mark.skipif(
    importlib.util.find_spec("optimistix") is None,
    reason="optimistix comes with the extra bench, which `make bench` installs",
)
SMALL = dataclasses.replace(problems.toeplitz(3), near=0.01)


@pytest.mark.parametrize(
    "name",
    [
        "eigenfit",
        "SciPy",
        pytest.param("optimistix", marks=NEEDS_BENCH),
        "plain loop",
    ],
)
def test_a_peer_solves_every_row(name):
    task = problems.draw(SMALL, 9)
    peer = peers.load(name)()
    peer.prepare(SMALL)
    peer.tune(*task)
    assert checking.solved(SMALL, task, peer.solve(*task)).all()
    assert isinstance(peer.details(), dict)


@pytest.mark.parametrize("name", ["SciPy", "plain loop"])
@pytest.mark.parametrize(
    "problem",
    [problems.dense(3), problems.crystal_field(), problems.hermitian(5, 3), problems.large(32)],
    ids=lambda problem: problem.name,
)
def test_what_is_written_here_solves_other_structures(name, problem):
    task = problems.draw(dataclasses.replace(problem, near=0.01), 3)
    peer = peers.load(name)()
    peer.prepare(problem)
    assert checking.solved(problem, task, peer.solve(*task)).all()


def test_the_tutorial_reaches_its_loss():
    problem = problems.dense(3)
    start = np.array([[1.002, 0.999, 1.001, 0.001, 0.002, 0.001]])
    targets = np.ones((1, 3))
    tutorial = peers.load("tutorial")()
    tutorial.prepare(problem)
    levels = problem.levels(tutorial.solve(targets, start))
    assert np.sum((levels - targets) ** 2) < 1.1e-8
    with pytest.raises(ValueError, match="3 x 3"):
        tutorial.prepare(problems.toeplitz(3))


def test_the_limit_decomposes_the_starts():
    task = problems.draw(SMALL, 4)
    limit = peers.load("batched eigh")()
    limit.prepare(SMALL)
    limit.tune(*task)
    np.testing.assert_allclose(limit.solve(*task), SMALL.levels(task.starts), atol=1e-13)
