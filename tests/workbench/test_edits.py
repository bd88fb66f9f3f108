"""Changes of a problem file: comments stay, and the file says what the page said."""

from __future__ import annotations

import dataclasses
import math
import shutil
import tomllib

import pytest

from eigenfit.cli.init import templates
from eigenfit.problem import Problem, ProblemError
from eigenfit.workbench.edits import Setting, changed, data_section, edited_text, settings_from
from eigenfit.workbench.model import key_of, knowledge_of, without_fixed
from eigenfit.workbench.rows import Labels, rows_from, rows_of, text_of, with_left_out
from eigenfit.workbench.state import row_as_json

from .problem import FILE, write

LINES = "upper,lower,frequency (MHz),sigma\n1,0,59958.4916,30\n2,0,,\n3,1,119916.9832,30\n"
SWEPT = """
import numpy as np
from eigenfit.solver import Affine, Sweep

def make(limit):
    gap = Affine(None, [np.diag([0.0, 1.0])], parameter_names=["gap"])
    moment = Affine(None, [np.diag([-0.5, 0.5])], parameter_names=["moment"])
    return Sweep([gap, moment], limit=limit, conditions=["B"])
"""


@pytest.fixture
def problem(tmp_path) -> Problem:
    return Problem.read(write(tmp_path), allow_python=True)


def lines_problem(folder) -> Problem:
    """The same system, of which lines were measured."""
    path = write(folder)
    (folder / "ladder.csv").write_text(LINES)
    model = (folder / "model.py").read_text().replace("    return Affine", "    made = Affine")
    (folder / "model.py").write_text(f'{model}    made.level_unit = "cm^-1"\n    return made\n')
    return Problem.read(path, allow_python=True)


def test_comments_and_order_stay():
    settings = {
        "offset": Setting(1.25),
        "step": Setting(2.0, bounds=(0.0, math.inf), prior=(2.1, 0.1)),
        "v": Setting(0.3, held=True),
    }
    text = edited_text(FILE, settings, None)
    before, after = FILE.splitlines(), text.splitlines()
    assert len(after) == len(before)
    differing = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    assert [old.split(" =")[0] for old, _ in differing] == ["offset", "step"]
    assert differing[0][1].endswith("# a guess")
    values = tomllib.loads(text)
    assert values["parameters"] == {
        "offset": 1.25,
        "step": {"start": 2.0, "bounds": [0.0, math.inf], "prior": [2.1, 0.1]},
        "v": {"fixed": 0.3},
    }


def test_a_parameter_may_be_let_go_held_or_new():
    text = edited_text(
        "[system]\ntype = 'x'\n",
        {"a": Setting(1.0), "b'": Setting(2.0, held=True)},
        None,
    )
    assert tomllib.loads(text)["parameters"] == {"a": 1.0, "b'": {"fixed": 2.0}}
    text = edited_text(FILE, {"v": Setting(0.4), "offset": Setting(1.0, held=True)}, None)
    assert tomllib.loads(text)["parameters"]["v"] == 0.4
    assert tomllib.loads(text)["parameters"]["offset"] == {"fixed": 1.0}


def test_the_edited_file_is_the_changed_document(problem):
    settings = {"offset": Setting(1.0), "step": Setting(2.0), "v": Setting(0.1, held=True)}
    data = data_section(problem, "other.csv")
    text = edited_text(FILE, settings, data)
    assert tomllib.loads(text) == changed(problem.document, settings, data).values
    assert "# measured in May" in text


def test_fixed_parameters_are_free_in_the_model(problem):
    opened, held = without_fixed(problem.document)
    free = Problem(opened, allow_python=True)
    assert held == ("v",)
    assert problem.structure.parameter_names == ("offset", "step")
    assert free.structure.parameter_names == ("offset", "step", "v")
    assert free.starts["v"] == 0.3


def test_settings_of_the_page():
    given = {"a": {"value": 1, "held": False, "bounds": [None, 2.0], "prior": [1.0, 0.5]}}
    assert settings_from(given, ("a",)) == {"a": Setting(1.0, False, (-math.inf, 2.0), (1.0, 0.5))}
    for wrong in (
        {},
        {"b": given["a"]},
        {"a": 3},
        {"a": {**given["a"], "bounds": [1]}},
        {"a": {**given["a"], "value": 10**400}},
        None,
    ):
        with pytest.raises(ProblemError, match="parameters"):
            settings_from(wrong, ("a",))


def test_rows_come_back_from_their_text(problem, tmp_path):
    rows = rows_of(problem)
    assert [row.labels for row in rows] == [("0",), ("1",), ("2",), ("4",)]
    text = text_of(problem, rows)
    (tmp_path / "ladder.csv").write_text(text)
    again = Problem.read(tmp_path / "ladder.toml", allow_python=True)
    assert again.targets == pytest.approx(problem.targets, nan_ok=True)
    assert rows_of(again) == rows
    assert rows_from([row_as_json(row) for row in rows], 1) == rows


@pytest.mark.parametrize("system", sorted(templates()))
def test_the_table_of_every_example_can_be_written(system, tmp_path):
    """Levels and lines, names and numbers, conditions, families and units."""
    for path in templates()[system]:
        shutil.copy(path, tmp_path)
    problem = Problem.read(tmp_path / f"{system}.toml", allow_python=True)
    rows = with_left_out(problem, "")
    (tmp_path / "other.csv").write_text(text_of(problem, rows))
    section = data_section(problem, "other.csv")
    again = Problem(changed(problem.document, {}, section), allow_python=True)
    assert again.faults == ()
    assert [(row.labels, row.at) for row in rows_of(again)] == [
        (row.labels, row.at) for row in rows
    ]
    for name in ("value", "sigma", "side"):
        found, expected = ([getattr(row, name) for row in of] for of in (rows_of(again), rows))
        assert found == pytest.approx(expected, rel=1e-11, nan_ok=True)


def test_what_is_left_out_is_kept_as_a_comment(problem, tmp_path):
    rows = rows_of(problem)
    rows[1] = dataclasses.replace(rows[1], out=True)
    text = f"# left out: by mistake\n{text_of(problem, rows, saved=True)}"
    assert "# left out: 1," in text
    (tmp_path / "ladder.csv").write_text(text)
    again = Problem.read(tmp_path / "ladder.toml", allow_python=True)
    assert math.isnan(again.targets[0, 1])
    found = with_left_out(again, text)
    assert {(row.labels, row.value, row.sigma, row.out) for row in found} == {
        (row.labels, row.value, row.sigma, row.out) for row in rows
    }
    assert text_of(problem, rows) == text_of(problem, rows_of(problem))
    remeasured = with_left_out(again, f"{text}\n# left out: 0, 0.5, 0.01\n")
    assert [row.value for row in remeasured if row.labels == ("0",)] == [rows[0].value]


def test_lines_keep_their_unit_and_their_targets(tmp_path):
    """1 cm^-1 is 29979.2458 MHz."""
    problem = lines_problem(tmp_path)
    rows = with_left_out(problem, LINES)
    assert [row.labels for row in rows] == [("1", "0"), ("3", "1"), ("2", "0")]
    assert [row.value for row in rows] == pytest.approx([2.0, 4.0, math.nan], nan_ok=True)
    out = [dataclasses.replace(rows[0], out=True), *rows[1:]]
    text = text_of(problem, out, saved=True)
    assert text.splitlines()[0] == "upper,lower,energy (cm^-1),sigma"
    (tmp_path / "ladder.csv").write_text(text)
    again = Problem.read(tmp_path / "ladder.toml", allow_python=True)
    names = Labels(again).targets.names
    assert {again.targets[0, k] for k in range(3) if names[k] == names[0]} == {4.0}
    found = with_left_out(again, text)
    assert [(row.labels, row.value, row.out) for row in found[:2]] == [
        (row.labels, row.value, row.out) for row in out[:2]
    ]
    # The workbench goes on with the same table, and so with the same model.
    assert text_of(again, found) == text_of(problem, rows)


def test_the_unit_of_the_section_stays_that_of_the_table(tmp_path):
    problem = lines_problem(tmp_path)
    table = LINES.replace(" (MHz),sigma", "").replace(",30", "").replace("2,0,,", "2,0,")
    (tmp_path / "ladder.csv").write_text(table)
    file = FILE.replace("[fit]", 'unit = "MHz"\nsigma = 30\n\n[fit]')
    (tmp_path / "ladder.toml").write_text(file)
    problem = Problem.read(tmp_path / "ladder.toml", allow_python=True)
    rows = rows_of(problem)
    text = text_of(problem, rows)
    assert text.splitlines()[:2] == ["upper,lower,energy,sigma", "1,0,59958.4916,30"]
    assert data_section(problem, "x.csv") == {"file": "x.csv", "unit": "MHz", "sigma": 30}


def test_rows_at_conditions_and_of_several_spectra(tmp_path):
    path = write(tmp_path)
    (tmp_path / "model.py").write_text(SWEPT)
    path.write_text(FILE.split("[parameters]")[0] + '[data]\nfile = "t.csv"\n')
    (tmp_path / "t.csv").write_text(
        "sample,B,level,energy\nx,0,0,0.1\nx,0,1,1.1\nx,2,0,-0.9\ny,1,1,1.6\n"
    )
    problem = Problem.read(path, allow_python=True)
    rows = rows_of(problem)
    assert [(row.spectrum, row.at, row.labels) for row in rows] == [
        (0, (0.0,), ("0",)),
        (0, (0.0,), ("1",)),
        (0, (2.0,), ("0",)),
        (1, (1.0,), ("1",)),
    ]
    rows[2] = dataclasses.replace(rows[2], out=True)
    (tmp_path / "t.csv").write_text(text_of(problem, rows, saved=True))
    again = Problem.read(path, allow_python=True)
    assert [row.value for row in rows_of(again)] == [0.1, 1.1, 1.6]


def test_values_without_levels(tmp_path):
    path = write(tmp_path)
    (tmp_path / "ladder.csv").write_text("energy\n1.1\n2.9\n")
    file = FILE.replace("[fit]", 'assignment = "matched"\n[fit]')
    path.write_text(file)
    problem = Problem.read(path, allow_python=True)
    assert not Labels(problem).reassignable
    assert [row.labels for row in rows_of(problem)] == [(), ()]
    assert text_of(problem, rows_of(problem)) == "energy\n1.1\n2.9\n"


def test_the_model_depends_on_lines_but_not_on_starts_and_priors(tmp_path):
    problem = lines_problem(tmp_path)
    key = key_of(problem)
    settings = {"offset": Setting(5.0, prior=(5.0, 1.0)), "step": Setting(1.0)}
    other = Problem(changed(problem.document, settings, None), allow_python=True)
    assert key_of(other) == key
    assert knowledge_of(other) != knowledge_of(problem)
    (tmp_path / "ladder.csv").write_text(LINES.replace("3,1", "3,2"))
    assert key_of(Problem.read(tmp_path / "ladder.toml", allow_python=True)) != key


def test_wrong_rows_are_named(problem):
    with pytest.raises(ValueError, match=r"rows\[0\] must have spectrum.*got \{'value': 3\}"):
        rows_from([{"value": 3}], 1)
    row = row_as_json(rows_of(problem)[0])
    for wrong in ({"spectrum": 1}, {"side": 2}, {"value": "x"}, {"target": math.inf}):
        with pytest.raises(ValueError, match=r"rows\[0\] must have"):
            rows_from([{**row, **wrong}], 1)
    with pytest.raises(ValueError, match="rows must be a list"):
        rows_from("x", 1)
