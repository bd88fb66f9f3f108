"""Large matrices of which few levels are observed: one row."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from .. import checking, report
from ..options import Options
from ..problems import draw, large
from ..rounds import Rounds
from ..worker import Worker

TITLE = "Large matrices: one row, the 10 lowest levels, 5 parameters"


def run(options: Options) -> dict[str, Any]:
    sizes = (128, 256) if options.quick else (256, 512, 1024)
    names = ["eigenfit", "SciPy", "SciPy, all cores"]
    names += [name for name in ("optimistix", "plain loop") if name in options.peers]
    found = []
    with contextlib.ExitStack() as stack:
        workers = {name: stack.enter_context(Worker(name)) for name in names}
        decompose = stack.enter_context(Worker("batched eigh"))
        for size in sizes:
            problem = large(size)
            task = draw(problem, 1)
            cells = Rounds(workers, problem, options.longest).measure(task, 3)
            decompose.call("prepare", problem)
            decompose.call("tune", *task)
            decompose.call("solve", *task)
            full = decompose.call("solve", *task, repetitions=3).seconds
            found.append({"size": size, "cells": cells, "full": full})
            print(f"{size}: full decomposition {report.seconds(float(np.median(full)))}; ", end="")
            print("; ".join(f"{cell.peer} {report.time_cell(cell)}" for cell in cells))
    return {"measurements": found}


def text(result: dict[str, Any]) -> str:
    lines = []
    names: list[str] = []
    for entry in result["measurements"]:
        cells = {cell["peer"]: report.cell_from(cell) for cell in entry["cells"]}
        own = cells["eigenfit"]
        names = names or [name for name in cells if name != "eigenfit"]
        full = float(np.median(entry["full"]))
        decompositions = own.details["steps"] + 1
        lines.append(
            [
                str(entry["size"]),
                report.seconds(full),
                str(decompositions),
                report.time_cell(own),
                f"{own.median / decompositions / full:.2f}" if own.counts else "",
                *(report.ratio_cell(cells[name], own) for name in names),
            ]
        )
    head = ["n", "full `tf.linalg.eigh`", "evaluations", "eigenfit", "per evaluation / full"]
    return (
        f"Right to {checking.ACCURACY:g}. SciPy asks LAPACK for the lowest levels only; "
        "optimistix and the plain loop decompose in full. Ratios as in the speed table.\n\n"
        + report.table([*head, *names], lines)
    )
