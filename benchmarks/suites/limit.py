"""How near the fit is to its limit: the eigendecompositions that it cannot do without."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from .. import checking, report
from ..options import Options
from ..problems import affine, draw, hermitian, toeplitz
from ..worker import Worker

TITLE = "Against the decompositions alone"


def run(options: Options) -> dict[str, Any]:
    problems = [
        (dataclasses.replace(affine(8, 4), near=0.03), 4096),
        (dataclasses.replace(toeplitz(8), near=0.005), 4096),
        (hermitian(14, 6), 2048),
        (affine(16, 6), 2048),
        (affine(32, 8), 1024),
        (affine(64, 16), 512),
    ]
    if options.quick:
        problems = [(problem, rows // 4) for problem, rows in problems[:-1]]
    found = []
    with Worker("eigenfit") as fit, Worker("batched eigh") as decompose:
        for problem, rows in problems:
            task = draw(problem, rows)
            for worker in (fit, decompose):
                worker.call("prepare", problem)
            decompose.call("tune", *task)
            answer = fit.call("solve", *task)
            if np.mean(checking.solved(problem, task, answer.value)) < checking.ENOUGH:
                print(f"{problem.name}: not solved, so no time counts")
                continue
            decompose.call("solve", *task)
            whole, alone = [], []
            for _ in range(options.repetitions):
                whole += fit.call("solve", *task).seconds
                # As many decompositions as the fit has made, about.
                alone += decompose.call("solve", *task, repetitions=3).seconds
            # Each row is also evaluated at its start.
            decompositions = answer.details["steps"] + rows
            entry = {
                "problem": problem.name,
                "rows": rows,
                "decompositions": decompositions,
                "whole": whole,
                "per_matrix": [t / rows for t in alone],
            }
            found.append(entry)
            print(f"{problem.name}: {_factor(entry):.2f}")
    return {"measurements": found}


def text(result: dict[str, Any]) -> str:
    lines = [
        [
            entry["problem"],
            str(entry["rows"]),
            str(entry["decompositions"]),
            f"{report.seconds(np.median(entry['whole']))} "
            f"({report.seconds(min(entry['whole']))} - {report.seconds(max(entry['whole']))})",
            report.seconds(np.median(entry["per_matrix"])),
            f"{_factor(entry):.2f}",
        ]
        for entry in result["measurements"]
    ]
    head = ["problem", "rows", "decompositions", "the fit", "one decomposition", "factor"]
    return (
        "The time of the fit over what its eigendecompositions alone take in `tf.linalg.eigh`, "
        "with all rows in one batch: (steps + rows) x time of a matrix.\n\n"
        + report.table(head, lines)
    )


def _factor(entry: dict[str, Any]) -> float:
    limit = entry["decompositions"] * np.median(entry["per_matrix"])
    return float(np.median(entry["whole"]) / limit)
