"""When the workbench needs another model. Exports are counted here, not made: each takes long."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from eigenfit.problem import Problem, ProblemError, results
from eigenfit.problem.errors import Fault
from eigenfit.workbench import session as module
from eigenfit.workbench.model import solver_of, without_fixed
from eigenfit.workbench.session import Session

from .problem import FILE, write

LINES = "upper,lower,frequency,sigma\n1,0,2.045,0.01\n2,0,4.045,0.01\n3,1,,\n4,2,4.045,0.01\n"


@pytest.fixture
def exports(monkeypatch) -> list[Any]:
    """The solvers of which a model would have been made."""
    made: list[Any] = []

    def export(solver: Any, folder: Path, **_: Any) -> str:
        made.append(solver)
        return str(folder)

    monkeypatch.setattr(module, "export_saved_model", export)
    monkeypatch.setattr(
        module, "load_solver_info", lambda _: {"signatures": {"fit": {"targets": 0}}}
    )
    return made


@pytest.fixture
def lines(exports, tmp_path) -> Session:
    """A workbench with lines between levels."""
    path = write(tmp_path)
    (tmp_path / "ladder.csv").write_text(LINES)
    folder = tmp_path / "models"
    folder.mkdir()
    return Session(path, folder, allow_python=True)


def change_of(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    kept = ("value", "held", "bounds", "prior")
    parameters = {one["name"]: {name: one[name] for name in kept} for one in state["parameters"]}
    rows = [{**row, "labels": list(row["labels"])} for row in state["rows"]]
    return {"parameters": parameters, "rows": rows, "read": state.get("read"), **more}


def test_the_model_takes_bounds_and_priors_of_every_parameter(tmp_path):
    problem = Problem(
        without_fixed(Problem.read(write(tmp_path), allow_python=True).document)[0],
        allow_python=True,
    )
    solver = solver_of(problem)
    assert solver.parameterization.parameter_names == ("offset", "step", "v")
    assert (solver.bounded, solver.has_priors, solver.one_sided) == (True, True, False)


def test_only_other_lines_need_another_model(lines, exports):
    state = lines.read()
    assert len(exports) == 1
    assert [row["labels"] for row in state["rows"]] == [
        ["1", "0"],
        ["2", "0"],
        ["4", "2"],
        ["3", "1"],
    ]
    assert state["rows"][3]["value"] is None
    lines.read()
    given = change_of(state)
    given["rows"][0]["out"] = True
    given["parameters"]["offset"]["held"] = True
    state = lines.change(given)
    assert [row["out"] for row in state["rows"]] == [True, False, False, False]
    assert [one["held"] for one in state["parameters"]] == [True, False, True]
    assert len(exports) == 1
    given = change_of(state)
    given["rows"][1]["labels"] = ["3", "0"]
    state = lines.change(given)
    assert len(exports) == 2
    assert state["rows"][1]["labels"] == ["3", "0"]
    assert state["rows"][0]["out"]


def test_other_priors_need_another_model_only_when_asked(lines, exports):
    given = change_of(lines.read())
    given["parameters"]["step"]["prior"] = [2.0, 0.1]
    state = lines.change({**given, "rows": None})
    assert (len(exports), state["model_priors"]) == (1, {})
    state = lines.change({**given, "rows": None, "renew": True})
    assert (len(exports), state["model_priors"]) == (2, {"step": [2.0, 0.1]})


def test_limits_are_an_input_of_the_model(lines, exports):
    given = change_of(lines.read())
    lines.change({**given, "rows": None, "text": LINES.replace("2.045", "> 2.045")})
    assert [solver.one_sided for solver in exports] == [False, True]


def test_what_is_left_out_stays_so_when_it_is_saved_and_read(
    lines, exports, tmp_path, eagerly, monkeypatch
):
    monkeypatch.setattr(results, "report_writer", lambda: None)  # as without the extra `report`
    given = change_of(lines.read())
    given["rows"][0]["out"] = True
    assert lines.save(given)["report"] is False
    text = (tmp_path / "ladder_data.csv").read_text()
    assert "# left out: 1,0,2.045,0.01\n1,0,,\n" in text
    problem = Problem.read(tmp_path / "ladder.toml", allow_python=True)
    assert int((problem.targets == problem.targets).sum()) == 2
    state = lines.read()
    assert [row["out"] for row in state["rows"]] == [True, False, False, False]
    assert len(exports) == 1  # it goes on with the same model
    state["rows"][0]["out"] = False
    saved = lines.save(change_of(state))
    assert saved["data"] == "ladder_data.csv"
    assert "left out" not in (tmp_path / "ladder_data.csv").read_text()
    # A table that somebody else wrote stays.
    (tmp_path / "ladder_data.csv").write_text(LINES)
    (tmp_path / "ladder_data_2.csv").mkdir()
    assert lines.save(change_of(state, read=saved["read"]))["data"] == "ladder_data_3.csv"
    assert (tmp_path / "ladder_data.csv").read_text() == LINES


def test_a_page_does_not_overwrite_what_another_page_saved(
    lines, exports, tmp_path, eagerly, monkeypatch
):
    """Also if a page read the file again meanwhile: each page says what it read."""
    monkeypatch.setattr(results, "report_writer", lambda: None)
    first, second = change_of(lines.read()), change_of(lines.read())
    first["parameters"]["offset"]["value"], second["parameters"]["offset"]["value"] = 1.5, 2.5
    saved = lines.save(first)
    lines.read()
    with pytest.raises(ProblemError, match=r"ladder.toml: .*another program or page"):
        lines.save(second)
    assert Problem.read(tmp_path / "ladder.toml", allow_python=True).starts["offset"] == 1.5
    lines.save({**second, "read": saved["read"]})
    assert Problem.read(tmp_path / "ladder.toml", allow_python=True).starts["offset"] == 2.5


def test_one_of_two_measurements_of_a_line_is_left_out(lines, exports, tmp_path):
    (tmp_path / "ladder.csv").write_text(LINES.replace("3,1,,", "1,0,2.046,0.01"))
    given = change_of(lines.read())
    assert [row["labels"] for row in given["rows"]][:2] == [["1", "0"], ["1", "0"]]
    given["rows"][1]["out"] = True
    assert [row["out"] for row in lines.change(given)["rows"]] == [False, True, False, False]
    assert len(exports) == 1


def test_a_system_without_a_model_is_a_fault_of_the_file(lines, monkeypatch):
    def refuse(*_: Any, **__: Any) -> str:
        raise ValueError("the graph calls Python")

    monkeypatch.setattr(module, "export_saved_model", refuse)
    with pytest.raises(ProblemError, match=r"ladder.toml, line 4, system: no model.*calls Python"):
        lines.read()


def test_a_folder_with_something_else_is_not_replaced(lines, exports, tmp_path):
    given = change_of(lines.read())
    (tmp_path / "ladder_results").mkdir()
    (tmp_path / "ladder_results" / "thesis.txt").write_text("mine")
    with pytest.raises(ProblemError, match="holds something else than results"):
        lines.save(given)
    assert (tmp_path / "ladder.toml").read_text() == FILE


def test_what_was_saved_is_said_if_the_results_cannot_be_written(
    lines, exports, tmp_path, eagerly, monkeypatch
):
    """The page goes on with the file as it now is."""

    def refuse(*_: Any) -> Path:
        raise ProblemError([Fault("ladder_results", "the results cannot be written (disk full).")])

    write_results = module.write_results
    monkeypatch.setattr(results, "report_writer", lambda: None)
    monkeypatch.setattr(module, "write_results", refuse)
    given = change_of(lines.read())
    given["parameters"]["offset"]["value"] = 1.5
    saved = lines.save(given)
    assert (saved["results"], saved["report"]) == (None, False)
    assert saved["faults"] == ["ladder_results: the results cannot be written (disk full)."]
    assert "offset = 1.5" in (tmp_path / "ladder.toml").read_text()
    monkeypatch.setattr(module, "write_results", write_results)
    assert lines.save({**given, "read": saved["read"]})["results"] == "ladder_results"


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(ProblemError, match=r"nowhere/ho3\.toml: the file cannot be written"):
        module.write_text(tmp_path / "nowhere" / "ho3.toml", "new")
