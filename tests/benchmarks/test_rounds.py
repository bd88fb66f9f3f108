"""What is timed, with peers that only pretend."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from benchmarks import problems
from benchmarks.rounds import Rounds
from benchmarks.worker import Answer, PeerError

PROBLEM = dataclasses.replace(problems.toeplitz(3), near=0.0)


class Pretender:
    """Answers with the starts, which are solutions, or with something else."""

    def __init__(self, name: str, per_row: float = 1e-3, wrong_rows: int = 0, fails: bool = False):
        self.name = name
        self.asked: list[int] = []
        self._per_row, self._wrong_rows, self._fails = per_row, wrong_rows, fails

    def call(self, method: str, *arguments: Any, repetitions: int = 1) -> Answer:
        if method != "solve":
            return Answer([0.0], None, {})
        if self._fails:
            raise PeerError(f"{self.name} fails")
        targets, starts = arguments
        self.asked.append(len(targets))
        x = np.array(starts)
        x[: self._wrong_rows] += 1.0
        return Answer([self._per_row * len(targets)] * repetitions, x, {"calls": repetitions})


def measure(*workers: Pretender, rows: int = 1000, longest: float = 4.0) -> dict[str, Any]:
    by_name: Any = {worker.name: worker for worker in workers}
    cells = Rounds(by_name, PROBLEM, longest).measure(problems.draw(PROBLEM, rows), 3)
    return {cell.peer: cell for cell in cells}


def test_right_answers_count_and_wrong_ones_do_not():
    cells = measure(Pretender("eigenfit"), Pretender("SciPy", wrong_rows=20))
    assert cells["eigenfit"].counts
    assert cells["eigenfit"].seconds == [1.0, 1.0, 1.0]
    assert cells["SciPy"].solved == 0.98
    assert not cells["SciPy"].counts


def test_a_peer_that_fails_stops_no_other():
    cells = measure(Pretender("eigenfit"), Pretender("SciPy", fails=True))
    assert cells["eigenfit"].counts
    assert cells["SciPy"].error == "SciPy fails"


def test_a_slow_peer_gets_fewer_rows_and_eigenfit_all():
    slow, own = Pretender("SciPy", per_row=0.1), Pretender("eigenfit", per_row=0.1)
    cells = measure(own, slow, rows=100, longest=4.0)
    assert set(own.asked) == {100}
    assert cells["SciPy"].measured_rows == 32
    np.testing.assert_allclose(cells["SciPy"].median, 10.0)
