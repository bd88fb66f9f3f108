"""One task for several peers: check the answers, then time them in turn."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import checking
from .problems import Problem, Task
from .worker import PeerError, Worker

# Calls shorter than this are repeated within a round.
_SHORTEST_MEASUREMENT = 0.05
_MOST_CALLS = 50
# Calls longer than this get three rounds.
_LONG_CALL = 2.0
# How many rows tell the speed of a peer.
_PILOT = 32
# Needs hundreds of steps for most problems, so few rows are affordable, and a few say little of
# many. It is left out where one row takes so many seconds, or all would take so many calls' worth.
_LEFT_OUT = "lift and projection"
_SLOW_ROW = 0.5
_TOO_LONG = 5.0


@dataclasses.dataclass
class Cell:
    """What one peer did with one task.

    Attributes:
        peer: its name.
        rows: how many were asked for.
        measured_rows: how many were measured; times are scaled up from them.
        first: seconds of the first call, with everything that is compiled for it.
        seconds: the time of each round, for all rows.
        solved: the share of rows with a right answer.
        details: what the peer says of the call.
        error: why there is no time.
    """

    peer: str
    rows: int
    measured_rows: int
    first: float = float("nan")
    seconds: list[float] = dataclasses.field(default_factory=list)
    solved: float = 0.0
    details: dict[str, Any] = dataclasses.field(default_factory=dict)
    error: str = ""

    @property
    def median(self) -> float:
        return float(np.median(self.seconds)) if self.seconds else float("nan")

    @property
    def counts(self) -> bool:
        """Whether the time may be compared."""
        return bool(self.seconds) and self.solved >= checking.ENOUGH

    @property
    def scaled(self) -> bool:
        return self.measured_rows < self.rows


class Rounds:
    """Peers that have taken one problem, and what is known of their speed."""

    def __init__(self, workers: Mapping[str, Worker], problem: Problem, longest: float):
        self._workers = dict(workers)
        self._problem = problem
        self._longest = longest
        self._per_row: dict[str, float] = {}
        self._measured: dict[str, int] = {}
        for name, worker in list(self._workers.items()):
            try:
                worker.call("prepare", problem)
            except PeerError as error:
                print(error)
                del self._workers[name]

    def measure(self, task: Task, repetitions: int, accuracy: float = checking.ACCURACY) -> list:
        """A `Cell` for every peer."""
        cells = []
        for name, worker in self._workers.items():
            if self._is_hopeless(name, len(task.targets)):
                cells.append(Cell(name, len(task.targets), 0, error="not measured"))
                continue
            try:
                cells.append(self._first(worker, task, accuracy))
            except PeerError as error:
                print(error)
                cells.append(Cell(name, len(task.targets), 0, error=str(error)))
        for turn in range(repetitions):
            for cell in cells:
                taken = cell.median * cell.measured_rows / cell.rows if cell.seconds else 0.0
                enough = turn >= 3 and taken > _LONG_CALL
                # eigenfit is in every round, for ratios are taken round by round.
                enough |= cell.peer != "eigenfit" and taken > 2 * self._longest
                if not cell.error and not enough:
                    self._one_round(cell, task)
        return cells

    def _first(self, worker: Worker, task: Task, accuracy: float) -> Cell:
        """Compile, check the answer, choose the quickest form."""
        rows = self._affordable(worker, task)
        part = task.rows(rows)
        answer = worker.call("solve", *part)
        cell = Cell(worker.name, len(task.targets), rows, first=answer.seconds[0])
        worker.call("tune", *part)
        answer = worker.call("solve", *part)
        self._per_row[worker.name] = answer.seconds[0] / rows
        self._measured[worker.name] = rows
        right = checking.solved(self._problem, part, answer.value, accuracy)
        cell.solved, cell.details = float(np.mean(right)), answer.details
        return cell

    def _is_hopeless(self, name: str, rows: int) -> bool:
        per_row = self._per_row.get(name, 0.0)
        if name != _LEFT_OUT or rows == 1:
            return False
        if self._measured.get(name, 0) < _PILOT:
            return per_row > _SLOW_ROW
        return per_row * rows > _TOO_LONG * self._longest

    def _affordable(self, worker: Worker, task: Task) -> int:
        """How many rows a call may have; eigenfit always gets all of them."""
        rows = len(task.targets)
        if worker.name == "eigenfit" or worker.name == _LEFT_OUT or rows == 1:
            return rows
        if self._measured.get(worker.name, 0) < _PILOT:  # one row says little of many
            pilot = task.rows(min(rows, _PILOT))
            worker.call("solve", *pilot)
            self._per_row[worker.name] = worker.call("solve", *pilot).seconds[0] / len(pilot[0])
        most = int(self._longest / self._per_row[worker.name])
        return rows if most >= rows else max(_PILOT, most // _PILOT * _PILOT)

    def _one_round(self, cell: Cell, task: Task) -> None:
        expected = self._per_row[cell.peer] * cell.measured_rows
        calls = int(np.clip(_SHORTEST_MEASUREMENT / expected, 1, _MOST_CALLS))
        part = task.rows(cell.measured_rows)
        try:
            answer = self._workers[cell.peer].call("solve", *part, repetitions=calls)
        except PeerError as error:
            print(error)
            cell.error = str(error)
            return
        cell.seconds.append(float(np.median(answer.seconds)) * cell.rows / cell.measured_rows)
