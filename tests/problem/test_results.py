"""The folder of results is written whole or not at all, and replaces nothing else."""

from __future__ import annotations

import functools
import importlib.util
import json

import numpy as np
import pandas as pd
import pytest

from eigenfit.problem import Problem, ProblemError, results
from eigenfit.solver import FitResult

ROWS = {
    "columns": ["sample", "level", "energy"],
    "rows": [["A", 0, "1.0(1)"], ["A", 1, "3.1(1)"], ["A", 3, "10.2(1)"], ["A", 2, "5.9(1)"],
             ["B", 0, "2.0(1)"], ["B", 3, "9.0(1)"]],
}  # fmt: skip


@functools.cache
def fitted():
    problem = Problem.from_dict(
        {
            "title": "Ladders",
            "system": {"type": "ladder", "levels": 4},
            "parameters": {"bend": {"fixed": 0.5}},
            "data": ROWS,
        }
    )
    return problem, problem.fit()


@pytest.fixture(autouse=True)
def without_report(monkeypatch):
    """Its figures take seconds."""
    monkeypatch.setattr(results, "report_writer", lambda: None)


def test_what_is_in_the_folder(here):
    problem, fit = fitted()
    folder = results.write_results(problem, fit, "out")
    assert (folder / "summary.txt").read_text().startswith("Ladders\n\n2 spectra\n")
    parameters = pd.read_csv(folder / "parameters.csv")
    assert parameters["spectrum"].tolist() == ["A", "A", "B", "B"]
    assert parameters["parameter"].tolist() == ["offset", "step"] * 2
    assert parameters["unit"].tolist() == ["cm^-1"] * 4
    assert parameters["value"].tolist() == fit.parameters.numpy().reshape(-1).tolist()
    residuals = pd.read_csv(folder / "residuals.csv")
    assert residuals["level"].tolist() == [0, 1, 2, 3, 0, 3]
    assert residuals["observed"].tolist() == [1, 3.1, 5.9, 10.2, 2, 9]
    difference = residuals["observed"] - residuals["fitted"]
    assert difference.tolist() == pytest.approx(residuals["residual"].tolist(), abs=1e-12)
    facts = json.loads((folder / "provenance.json").read_text())
    assert facts["title"] == "Ladders"
    assert set(facts["versions"]) == {"python", "eigenfit", "tensorflow", "numpy"}


def test_the_digest_changes_with_every_file(here):
    """`eigenfit predict` takes results only if it is the same."""
    text = '[system]\ntype = "matrices"\nbasis = { gap = "gap.npy" }\n'
    data = '[data]\ncolumns = ["level", "energy"]\nrows = [[0, 0.0], [1, 2.0]]\n'
    np.save("gap.npy", np.diag([0.0, 1.0]))
    first = Problem.from_text(text + data).digest
    assert first == Problem.from_text(text + data).digest
    assert first != Problem.from_text(text + data + "# later\n").digest
    np.save("gap.npy", np.diag([0.0, 1.5]))
    assert first != Problem.from_text(text + data).digest
    (here / "inside").mkdir()
    (here / "gap.npy").rename(here / "inside" / "gap.npy")
    assert Problem.from_text(text + 'folder = "inside"\n' + data).digest == ""


def test_earlier_results_are_replaced(here):
    problem, fit = fitted()
    results.write_results(problem, fit, "out")
    (here / "out" / "left").touch()
    results.write_results(problem, fit, "out")
    assert not (here / "out" / "left").exists()
    assert [path.name for path in here.iterdir()] == ["out"]


def test_nothing_else_is_replaced(here):
    problem, fit = fitted()
    (here / "thesis").mkdir()
    (here / "thesis" / "chapter.tex").write_text("x")
    (here / "file").touch()
    for place, message in {
        "thesis": "holds something else than results",
        "file": "this is no folder",
        "no/such": "there is no such place",
    }.items():
        with pytest.raises(ProblemError, match=message):
            results.write_results(problem, fit, place)
    assert sorted(path.name for path in here.iterdir()) == ["file", "thesis"]
    assert (here / "thesis" / "chapter.tex").read_text() == "x"


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt(), ValueError("bug")])
def test_half_a_folder_is_never_seen(here, monkeypatch, error):
    problem, fit = fitted()
    results.write_results(problem, fit, "out")
    before = (here / "out" / "provenance.json").read_text()

    def fail(*arguments):
        assert len(list(here.iterdir())) == 2  # the old one, and the new one under another name
        raise error

    monkeypatch.setattr(results, "residuals_table", fail)
    with pytest.raises(ProblemError if isinstance(error, OSError) else type(error)):
        results.write_results(problem, fit, "out")
    assert [path.name for path in here.iterdir()] == ["out"]
    assert (here / "out" / "provenance.json").read_text() == before


def test_the_old_results_stay_if_the_new_ones_cannot_take_their_place(here, monkeypatch):
    problem, fit = fitted()
    results.write_results(problem, fit, "out")
    before = (here / "out" / "provenance.json").read_text()
    rename = type(here).rename

    def refuse(path, target):
        if str(target) == "out" and not path.name.endswith(".old"):
            raise PermissionError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(type(here), "rename", refuse)
    with pytest.raises(ProblemError, match="cannot be written"):
        results.write_results(problem, fit, "out")
    assert [path.name for path in here.iterdir()] == ["out"]
    assert (here / "out" / "provenance.json").read_text() == before


def test_predictions_of_what_was_not_measured():
    problem, fit = fitted()
    table = results.residuals_table(problem, fit, fit.predict())
    missing = table[table["observed"].isna()]
    assert missing[["spectrum", "level"]].to_numpy().tolist() == [["B", "1"], ["B", "2"]]
    # 2.0 and 9.0 are matched exactly: offset 2 and step (7 - 4.5) / 3.
    assert missing["fitted"].tolist() == pytest.approx([2 + 2.5 / 3 + 0.5, 2 + 5 / 3 + 2])
    levels = results.levels_table(problem, fit)
    assert levels["fitted"].tolist() == pytest.approx(table["fitted"].tolist())


def test_the_report_and_the_saved_fit(here, monkeypatch):
    monkeypatch.undo()
    problem, fit = fitted()
    folder = results.write_results(problem, fit, here / "out")
    page = (folder / "report.html").read_text()
    assert "<title>Ladders</title>" in page
    assert "problem file" in page
    assert FitResult.load(folder / "fit.json").summary(1) == fit.summary(1)


def test_without_the_packages_of_reports_there_is_none(monkeypatch):
    monkeypatch.undo()
    found = importlib.util.find_spec
    for missing in ("eigenfit.report", "jinja2"):
        here = lambda name, gone=missing: None if name == gone else found("json")  # noqa: E731
        monkeypatch.setattr(importlib.util, "find_spec", here)
        assert results.report_writer() is None


def test_several_solutions_and_conditions():
    """(x - 1) (x - 2) has two solutions for the level 0; the field of one run is missing."""
    problem = Problem.from_dict(
        {
            "system": {"type": "field"},
            "data": {
                "columns": ["run", "B", "level", "energy"],
                "rows": [["x", 0, 1, 1.0], ["x", 1, 1, 2.0], ["y", 0, 1, 3.0]],
            },
            "fit": {"solutions": 2, "starts": 4},
        }
    )
    fit = problem.fit()
    table = results.residuals_table(problem, fit)
    first = table[table["solution"] == 1]
    assert first[["spectrum", "B", "observed"]].to_numpy().tolist() == [
        ["x", 0, 1],
        ["x", 1, 2],
        ["y", 0, 3],
    ]
    levels = results.levels_table(problem, fit)
    first = levels[levels["solution"] == 1]
    # Two levels at two fields of x and at one of y, +-E.
    assert first["fitted"].tolist() == pytest.approx([-1, 1, -2, 2, -3, 3], abs=1e-6)


def test_fixed_and_tied_parameters_are_in_the_summary():
    problem, fit = fitted()
    assert "bend = 0.5 (fixed)" in results.summary(problem, fit)
