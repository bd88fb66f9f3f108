"""The numbers of the report, from made-up measurements."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import machine, report
from benchmarks.rounds import Cell
from benchmarks.suites import SUITES, speed


def cell(peer: str, seconds: list[float], solved: float = 1.0, measured_rows: int = 64) -> Cell:
    return Cell(peer, 64, measured_rows, first=2.0, seconds=seconds, solved=solved)


OWN = cell("eigenfit", [1.0, 2.0, 4.0])


def test_ratios_of_medians_and_of_rounds():
    assert report.ratios(cell("SciPy", [3.0, 10.0, 8.0]), OWN) == (4.0, 2.0, 5.0)


def test_the_best_peer_has_solved_its_rows_and_is_not_eigenfit():
    cells = [
        OWN,
        cell("SciPy", [9.0]),
        cell("optimistix", [5.0]),
        cell("plain loop", [0.1], solved=0.98),
        Cell("broken", 64, 0, error="it raised"),
    ]
    best = report.best_peer(cells)
    assert best is not None
    assert best.peer == "optimistix"
    assert report.best_peer([OWN]) is None


@pytest.mark.parametrize(
    ("value", "written"), [(12.3456, "12.3 s"), (0.0456, "45.6 ms"), (3.21e-5, "32.1 µs")]
)
def test_times_have_units(value, written):
    assert report.seconds(value) == written


def test_a_time_without_enough_right_answers_is_not_shown():
    assert report.time_cell(cell("SciPy", [1.0], solved=0.5)) == "50.0 % solved"
    assert report.ratio_cell(cell("SciPy", [1.0], solved=0.5), OWN) == "50.0 % solved"


def test_scaled_times_are_marked():
    scaled = cell("SciPy", [8.0, 8.0, 8.0], measured_rows=32)
    assert report.ratio_cell(scaled, OWN) == "4 (2 - 8)†"
    assert report.time_cell(scaled).endswith("(32 rows, scaled)")


def test_results_are_written_and_read_again(tmp_path):
    cells = [OWN, cell("SciPy", [2.0, 4.0, 8.0], solved=float(np.float64(1.0)))]
    result = {"measurements": [{"problem": "made up", "near": 0.1, "cells": cells}]}
    report.write(tmp_path, "speed", result, machine.describe())
    path = report.assemble(tmp_path, {"speed": (speed.TITLE, speed.text), "other": ("", str)})
    assert json.loads((tmp_path / "speed.json").read_text())["machine"]["cores"] > 0
    line = "| made up (0.1) | 64 | 2 s (1 s - 4 s) | 2 (2 - 2) | SciPy, 4 s |"
    assert line in path.read_text()


def test_every_suite_can_run_and_be_read():
    for suite in SUITES.values():
        assert suite.TITLE
        assert callable(suite.run)
        assert callable(suite.text)
