"""The task that eigenfit grew from: a 3 x 3 matrix to the levels (1, 1, 1), until loss 1e-8."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from .. import report
from ..options import Options
from ..problems import dense
from ..rounds import Cell
from ..worker import Worker

TITLE = "The tutorial's task: 3 x 3 to loss 1e-8"

_START = np.array([[0.12108588, 0.8856114, 0.00449729, 0.22199583, 0.8411281, 0.54751956]])
_TARGET = np.ones((1, 3))
_LOSS = 1e-8
# The tutorial needs half a minute, the others milliseconds.
_CALLS = 100


def run(options: Options) -> dict[str, Any]:
    problem = dense(3)
    cells = []
    others = [name for name in options.peers if name not in ("eigenfit", "lift and projection")]
    with contextlib.ExitStack() as stack:
        for name in ("eigenfit", *others, "tutorial"):
            worker = stack.enter_context(Worker(name))
            worker.call("prepare", problem)
            answer = first = worker.call("solve", _TARGET, _START)
            if name != "tutorial":
                calls = 10 if options.quick else _CALLS
                answer = worker.call("solve", _TARGET, _START, repetitions=calls)
            loss = float(np.sum((problem.levels(answer.value) - _TARGET) ** 2))
            cell = Cell(name, 1, 1, first.seconds[0], answer.seconds, details=answer.details)
            # float32 rounds: what the tutorial takes for 1e-8 may be a little more.
            cell.solved = float(loss <= 1.01 * _LOSS)
            cell.details["loss"] = loss
            cells.append(cell)
            print(f"{name}: {report.time_cell(cell)}, loss {loss:.1e}")
    return {"cells": cells}


def text(result: dict[str, Any]) -> str:
    cells = [report.cell_from(cell) for cell in result["cells"]]
    own = cells[0]
    lines = [
        [
            cell.peer,
            report.time_cell(cell),
            f"{cell.median / own.median:.3g}",
            report.seconds(cell.first),
            str(cell.details.get("steps", cell.details.get("evaluations", ""))),
            f"{cell.details['loss']:.1e}",
        ]
        for cell in cells
    ]
    head = ["", "time", "ratio", "first call, compiled", "steps", "loss"]
    return "One row, from the tutorial's start.\n\n" + report.table(head, lines)
