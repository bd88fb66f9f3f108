"""From nothing to the first answer, and how large the exported graphs are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from .. import peers, report
from ..options import Options
from ..peers.paths import MODEL

TITLE = "Cold start and size of the graphs (Toeplitz n=8)"

_RUNS = 3
_EXPORT = """
import sys
from eigenfit.export import export_saved_model
from eigenfit.solver import SpectralSolver, Toeplitz
print(export_saved_model(SpectralSolver(Toeplitz(8)), sys.argv[1], measure_latency=False))
"""


def run(options: Options) -> dict[str, Any]:
    chosen = [name for name in options.peers if name != "lift and projection"]
    names = [chosen[0], "SavedModel", *chosen[1:]]
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        version = _output([sys.executable, "-c", _EXPORT, folder], {})
        for _ in range(1 if options.quick else _RUNS):
            for name in names:
                command = [sys.executable, "-m", "benchmarks.first_answer", name]
                stages = json.loads(_output(command, {MODEL: version, **peers.environment(name)}))
                found[name].append(stages)
                print(f"{name}: {report.seconds(_whole(stages))}")
        command = [sys.executable, "-m", "benchmarks.graph_size", version]
        sizes = json.loads(_output(command, {}))
        files = sum(path.stat().st_size for path in Path(version).rglob("*") if path.is_file())
    return {"stages": found, "graphs": sizes, "directory_bytes": files}


def text(result: dict[str, Any]) -> str:
    lines = []
    for name, runs in result["stages"].items():
        stages = {key: float(np.median([run[key] for run in runs])) for key in runs[0]}
        whole = [_whole(run) for run in runs]
        spread = f"({report.seconds(min(whole))} - {report.seconds(max(whole))})"
        lines.append(
            [
                name,
                f"{report.seconds(float(np.median(whole)))} {spread}",
                *(report.seconds(stages[key]) for key in ("import", "prepare", "first", "second")),
            ]
        )
    head = ["", "import to first answer", "import", "prepare or load", "first row", "second row"]
    graphs = [
        [name, str(size["nodes"]), f"{size['bytes'] / 1e6:.2f} MB"]
        for name, size in result["graphs"].items()
    ]
    return (
        "New processes, one row each; medians. Files are in the system's cache.\n\n"
        + report.table(head, lines)
        + f"\nThe exported directory has {result['directory_bytes'] / 1e6:.1f} MB. Its signatures, "
        "with the functions that they call:\n\n"
        + report.table(["signature", "nodes", "size"], graphs)
    )


def _whole(stages: dict[str, float]) -> float:
    """From the import to the first answer."""
    return sum(stages[key] for key in ("import", "prepare", "first"))


def _output(command: list[str], added: dict[str, str]) -> str:
    """The last line that a process prints."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **added}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:3])} failed:\n{done.stderr[-2000:]}")
    return done.stdout.strip().splitlines()[-1]
