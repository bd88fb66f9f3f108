"""How the cost grows with rows, n, p and the number of levels: a figure."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from .. import checking, report
from ..options import Options
from ..problems import Problem, affine, draw
from ..worker import Worker

TITLE = "How the cost grows"


def series(quick: bool) -> dict[str, list[tuple[float, int, Problem]]]:
    """For each curve: where on the axis, how many rows, and what is fitted."""
    counts = (1, 8, 64, 512) if quick else (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536)
    sizes = (3, 8, 16) if quick else (3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
    parameters = (1, 4) if quick else (1, 2, 4, 8, 12, 16, 24, 32)
    levels = (4, 8) if quick else (4, 6, 8, 12, 16, 24, 32)
    return {
        "rows (n = 8, p = 4)": [(rows, rows, affine(8, 4)) for rows in counts],
        "n (p = 3, 256 rows)": [(size, 256, affine(size, 3)) for size in sizes],
        "p (n = 32, 256 rows)": [(count, 256, affine(32, count)) for count in parameters],
        "lowest levels (n = 32, p = 4, 256 rows)": [
            (count, 256, dataclasses.replace(affine(32, 4), lowest=count)) for count in levels
        ],
    }


def run(options: Options) -> dict[str, Any]:
    found: dict[str, list[dict[str, Any]]] = {}
    for label, points in series(options.quick).items():
        # A new process for each curve: graphs of solvers stay in memory to its end.
        with Worker("eigenfit") as worker:
            found[label] = [_point(worker, *point, options) for point in points]
        print(f"{label}: {[float(np.median(point['seconds'])) for point in found[label]]}")
    draw_figure(found, options.output / "growth.svg")
    return {"curves": found}


def text(result: dict[str, Any]) -> str:
    parts = [
        "![growth](growth.svg)\n\nRandom real affine matrices, starts near a solution; medians. "
        "Both columns of a curve: the time of the call, and the time of one step of one row.\n"
    ]
    for label, points in result["curves"].items():
        lines = [
            [
                f"{point['place']:g}",
                report.seconds(float(np.median(point["seconds"]))),
                report.seconds(_per_step(point)),
                report.percent(point["solved"]),
            ]
            for point in points
        ]
        parts.append(report.table([label, "call", "row-step", "solved"], lines))
    return "\n".join(parts)


def draw_figure(curves: dict[str, list[dict[str, Any]]], path: Any) -> None:
    """Two lines for each curve: the call, and a step of a row."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7), layout="tight")
    for axis, (label, points) in zip(figure.subplots(2, 2).flat, curves.items(), strict=True):
        places = [point["place"] for point in points]
        middle = [float(np.median(point["seconds"])) for point in points]
        low = [min(point["seconds"]) for point in points]
        high = [max(point["seconds"]) for point in points]
        axis.loglog(places, middle, "o-", label="call")
        axis.fill_between(places, low, high, alpha=0.3)
        axis.loglog(places, [_per_step(point) for point in points], "s--", label="step of a row")
        axis.set_xlabel(label)
        axis.set_ylabel("seconds")
        axis.grid(which="major", alpha=0.3)
        axis.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    # No date: the same numbers give the same file.
    figure.savefig(path, metadata={"Date": None})


def _per_step(point: dict[str, Any]) -> float:
    return float(np.median(point["seconds"])) / max(point["steps"], 1)


def _point(
    worker: Worker, place: float, rows: int, problem: Problem, options: Options
) -> dict[str, Any]:
    # So near that nearly all rows end in the solution, whatever p and the number of levels.
    problem = dataclasses.replace(problem, near=0.03)
    task = draw(problem, rows)
    worker.call("prepare", problem)
    answer = worker.call("solve", *task)
    right = checking.solved(problem, task, answer.value)
    seconds = worker.call("solve", *task, repetitions=options.repetitions).seconds
    return {
        "place": place,
        "rows": rows,
        "seconds": seconds,
        "steps": answer.details["steps"],
        "solved": float(right.mean()),
    }
