"""How much memory a large batch takes above the idle process."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import checking, memory, report
from ..options import Options
from ..problems import Problem, Task, affine, draw
from ..worker import PeerError, Worker

TITLE = "Memory: affine n=32, p=8"

_WARM_ROWS = 256
#: The others would take minutes for what says nothing new.
_LARGEST_FOR_PEERS = 8192


def run(options: Options) -> dict[str, Any]:
    problem = affine(32, 8)
    counts = (1024,) if options.quick else (8192, 65536)
    task = draw(problem, max(counts))
    found = []
    for name in options.peers:
        if name == "lift and projection":
            continue
        for rows in counts:
            if name != "eigenfit" and rows > _LARGEST_FOR_PEERS:
                continue
            try:
                found.append(_measure(name, problem, task.rows(rows)))
            except PeerError as error:
                print(error)
                continue
            above = found[-1]["peak"] - found[-1]["idle"]
            print(f"{name}, {rows} rows: {above:.0f} MiB above idle")
    return {"measurements": found}


def text(result: dict[str, Any]) -> str:
    lines = [
        [
            entry["peer"],
            str(entry["rows"]),
            f"{entry['idle']:.0f} MiB",
            f"{entry['peak'] - entry['idle']:.0f} MiB",
            f"{entry['data']:.1f} MiB",
            report.seconds(entry["seconds"]),
        ]
        for entry in result["measurements"]
    ]
    head = ["", "rows", "idle", "peak above idle", "input and output", "time"]
    return (
        f"Resident memory of a new process. Idle: after fits of 1 and {_WARM_ROWS} rows, compiled. "
        "The peak includes input and output, which the process gets through a pipe and so holds "
        "twice for a moment.\n\n" + report.table(head, lines)
    )


def _measure(name: str, problem: Problem, task: Task) -> dict[str, Any]:
    with Worker(name) as worker:
        worker.call("prepare", problem)
        for rows in (1, _WARM_ROWS):
            worker.call("solve", *task.rows(rows))
        worker.call("tune", *task.rows(_WARM_ROWS))
        worker.call("solve", *task.rows(_WARM_ROWS))
        idle = memory.resident(worker.pid)
        memory.forget_peak(worker.pid)
        answer = worker.call("solve", *task)
        peak = memory.peak(worker.pid)
    if np.mean(checking.solved(problem, task, answer.value)) < checking.ENOUGH:
        raise PeerError(f"{name}: not solved")
    data = sum(array.nbytes for array in (*task, answer.value)) / 2**20
    return {
        "peer": name,
        "rows": len(task.targets),
        "idle": idle,
        "peak": peak,
        "data": data,
        "seconds": answer.seconds[0],
    }
