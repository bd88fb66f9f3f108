"""How long one row takes."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

import numpy as np

from .. import checking, report
from ..options import Options
from ..problems import affine, dense, draw, toeplitz
from ..worker import Worker

TITLE = "One row"

_CALLS = 40
_ROUNDS = 5


def run(options: Options) -> dict[str, Any]:
    problems = [dense(3), dataclasses.replace(toeplitz(8), near=0.005), affine(32, 8)]
    names = [name for name in options.peers if name != "lift and projection"]
    rounds = 2 if options.quick else _ROUNDS
    found = []
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(Worker(name)) for name in names]
        for problem in problems:
            task = draw(problem, 1)
            times: dict[str, list[float]] = {name: [] for name in names}
            for worker in workers:
                worker.call("prepare", problem)
                x = worker.call("solve", *task, repetitions=3).value
                if not checking.solved(problem, task, x).all():
                    print(f"{problem.name}: {worker.name} does not solve it")
                    del times[worker.name]
            for _ in range(rounds):
                for worker in workers:
                    if worker.name in times:
                        answer = worker.call("solve", *task, repetitions=_CALLS)
                        times[worker.name] += answer.seconds
            found.append({"problem": problem.name, "seconds": times})
            print(f"{problem.name}: {_line(times)}")
    return {"measurements": found}


def text(result: dict[str, Any]) -> str:
    lines = []
    names: list[str] = []
    for entry in result["measurements"]:
        times = entry["seconds"]
        names = names or list(times)
        own = np.median(times["eigenfit"])
        cells = []
        for name in names:
            if name not in times:
                cells.append("not solved")
                continue
            low, middle, high = np.percentile(times[name], [5, 50, 95])
            spread = f"{report.seconds(low)} - {report.seconds(high)}"
            ratio = "" if name == "eigenfit" else f", ratio {middle / own:.2g}"
            cells.append(f"{report.seconds(middle)} ({spread}){ratio}")
        lines.append([entry["problem"], *cells])
    return (
        "Warm calls from Python, one row from a start near its solution: median, and in brackets "
        "the 5th and 95th percentile.\n\n" + report.table(["problem", *names], lines)
    )


def _line(times: dict[str, list[float]]) -> str:
    return "; ".join(f"{name} {report.seconds(np.median(t))}" for name, t in times.items())
