"""The speed table: problems, peers and numbers of rows, from starts near a solution."""

from __future__ import annotations

import contextlib
from typing import Any

from .. import report
from ..checking import ACCURACY, ENOUGH
from ..options import Options
from ..problems import draw, speed_problems
from ..rounds import Rounds
from ..worker import Worker

TITLE = "Speed: the same spectra from the same starts"


def run(options: Options) -> dict[str, Any]:
    problems = speed_problems()
    if options.problems:
        problems = [p for p in problems if any(part in p.name for part in options.problems)]
    elif options.quick:
        problems = [problem for problem in problems if problem.size in (3, 8, 14)]
    found = []
    with contextlib.ExitStack() as stack:
        workers = {name: stack.enter_context(Worker(name)) for name in options.peers}
        for problem in problems:
            rounds = Rounds(workers, problem, options.longest)
            task = draw(problem, max(options.rows))
            for rows in sorted(options.rows):
                cells = rounds.measure(task.rows(rows), options.repetitions)
                found.append({"problem": problem.name, "near": problem.near, "cells": cells})
                print(f"{problem.name}, {rows} rows: ", end="")
                print("; ".join(f"{cell.peer} {report.time_cell(cell)}" for cell in cells))
    return {"measurements": found}


def text(result: dict[str, Any]) -> str:
    names: list[str] = []
    lines = []
    for entry in result["measurements"]:
        cells = {cell["peer"]: report.cell_from(cell) for cell in entry["cells"]}
        own = cells["eigenfit"]
        names = names or [name for name in cells if name != "eigenfit"]
        best = report.best_peer(list(cells.values()))
        lines.append(
            [
                f"{entry['problem']} ({entry['near']:g})",
                str(own.rows),
                report.time_cell(own),
                *(report.ratio_cell(cells[name], own) for name in names),
                f"{best.peer}, {report.seconds(best.median)}" if best else "none",
            ]
        )
    solved = "; ".join(
        f"{entry['problem']}, {cell['rows']} rows: {cell['peer']} {report.percent(cell['solved'])}"
        for entry in result["measurements"]
        for cell in entry["cells"]
        if cell["measured_rows"] and cell["solved"] < 1.0
    )
    return (
        "The time of eigenfit, and how many times as long the others take: the ratio of the "
        "medians, in brackets the smallest and largest of the single rounds. The number after the "
        "problem is the distance of the starts from a solution, in units of the parameters' "
        f"spread. A row is solved when its levels are right to {ACCURACY:g} of the spread of its "
        f"targets; a time counts when {100 * ENOUGH:.0f} % of the rows are solved. † measured on "
        "fewer rows and scaled. Compilation is not in these times.\n\n"
        + report.table(["problem", "rows", "eigenfit", *names, "best peer"], lines)
        + f"\nRows solved, where not all: {solved or 'none'}.\n\n"
        + _first_calls(result, names)
    )


def _first_calls(result: dict[str, Any], names: list[str]) -> str:
    """What the first call of a problem takes, with everything that is compiled for it."""
    lines: dict[str, list[str]] = {}
    for entry in result["measurements"]:
        cells = {cell["peer"]: cell for cell in entry["cells"]}
        shown = [report.seconds(cells[name]["first"]) for name in ("eigenfit", *names)]
        lines.setdefault(entry["problem"], [entry["problem"], *shown])
    head = ["first call, compiled", "eigenfit", *names]
    return report.table(head, lines.values())
