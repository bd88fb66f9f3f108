"""The commands on problem files: init, check, fit, predict, export, systems, schema."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from eigenfit.cli.application import application, flags_of_serve
from eigenfit.cli.init import templates
from eigenfit.problem import Problem
from eigenfit.solver import FitResult

LINEAR = """
[system]
type = "python"
file = "model.py"
function = "make"
[data]
file = "t.csv"
sigma = 0.1
"""
MODEL = """
import numpy as np
from eigenfit.solver import Affine

def make():
    k = np.arange(3.0)
    return Affine(None, [np.eye(3), np.diag(k)], parameter_names=["offset", "step"])
"""
TABLE = "level,energy\n0,1.0\n1,3.1\n2,4.9\n"


def run(*arguments, input=None):
    return CliRunner().invoke(application, [str(argument) for argument in arguments], input=input)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.toml").write_text(LINEAR)
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "t.csv").write_text(TABLE)
    return tmp_path


ALLOW = "--allow-python"


@pytest.mark.usefixtures("eagerly")
def test_init_check_fit_predict(tmp_path, monkeypatch):
    """The example of `init` fits out of the box: the published avoided crossing."""
    monkeypatch.chdir(tmp_path)
    done = run("init", "python", "first")
    assert done.exit_code == 0, done.output
    assert "Next: eigenfit fit first/python.toml --allow-python" in done.stdout
    done = run("check", "first/python.toml", ALLOW)
    assert done.exit_code == 0, done.output
    assert "degrees of freedom  6" in done.stdout
    done = run("fit", "first/python.toml", ALLOW)
    assert done.exit_code == 0, done.output
    assert done.stderr == ""
    with Path("first/python_results/parameters.csv").open(newline="") as file:
        found = {line["parameter"]: float(line["value"]) for line in csv.DictReader(file)}
    assert found == pytest.approx({"a": 4.0, "b": 0.5, "fr": 5.0, "g": 0.08}, rel=2e-3)
    done = run("predict", "first/python.toml", ALLOW)
    lines = list(csv.DictReader(done.stdout.splitlines()))
    assert len(lines) == 20
    assert sum(bool(line["observed"]) for line in lines) == 10
    assert all(0 < float(line["standard_error"]) < 1e-3 for line in lines)


def test_predict_takes_the_results_of_fit(tmp_path, monkeypatch):
    """Nothing is fitted twice, as long as problem and data are those of the results."""
    assert run("init", "caesium", tmp_path).exit_code == 0
    path, folder = tmp_path / "caesium.toml", tmp_path / "caesium_results"
    fresh = run("predict", path)
    assert fresh.exit_code == 0
    assert fresh.stderr == ""
    assert run("fit", path).exit_code == 0
    fits = []
    monkeypatch.setattr(Problem, "fit", lambda self, **_: fits.append(self) or answer)
    answer = FitResult.load(folder / "fit.json")
    taken = run("predict", path)
    assert taken.stdout == fresh.stdout
    assert f"taken from the results in {folder}" in taken.stderr
    assert run("predict", path, "--results", folder).stdout == fresh.stdout
    assert fits == []
    folder.rename(tmp_path / "elsewhere")
    assert run("predict", path, "--results", tmp_path / "elsewhere").stdout == fresh.stdout
    missing = run("predict", path, "--results", tmp_path / "none")
    assert missing.exit_code == 2
    assert "there are no results of `eigenfit fit` to read there" in missing.stderr
    (tmp_path / "elsewhere").rename(folder)
    table = tmp_path / "caesium.csv"
    table.write_text(table.read_text().replace("9192", "9193"))
    changed = run("predict", path, "--results", folder)
    assert changed.exit_code == 2
    assert "its data has changed since these results; fit again" in changed.stderr
    assert fits == []
    assert run("predict", path).stderr == ""  # the folder beside the file is no longer right
    assert len(fits) == 1
    path.write_text(path.read_text() + "# later\n")
    assert "the problem file has changed" in run("predict", path, "--results", folder).stderr


def test_init_replaces_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("init", "python").exit_code == 0
    (tmp_path / "python.csv").write_text("mine")
    done = run("init", "python")
    assert done.exit_code == 2
    assert "python.csv" in done.stderr
    assert (tmp_path / "python.csv").read_text() == "mine"
    assert run("init", "python", "--force").exit_code == 0
    assert (tmp_path / "python.csv").read_text() != "mine"
    done = run("init", "pyton")
    assert done.exit_code == 2
    assert "Did you mean 'python'?" in done.stderr
    lines = [line.split() for line in run("init", "list").stdout.splitlines()]
    assert sorted(line[0] for line in lines) == sorted(templates())
    assert ["silicon", "tight_binding", "Silicon,"] in [line[:3] for line in lines]
    (tmp_path / "file").touch()
    assert "cannot be written" in run("init", "python", "file").stderr


# What the examples must find, and how near. Ho3+: the fit of 13 levels in one multiplet. H2S: the
# constants of SPFIT. Graphene and the triangle: what their data were computed from. The frame has
# several exact solutions.
PUBLISHED: dict[str, dict[str, tuple[float, float]]] = {
    "crystal_field": {
        "B20": (-613, 0.5),
        "B40": (-1247, 0.5),
        "B44": (346, 0.5),
        "B60": (495, 0.5),
        "B64": (-8, 0.5),
    },
    "rotor": {"A": (310583.541, 0.0005), "B": (270367.778, 0.0005), "C": (141820.008, 0.0005)},
    "shear_frame": {},
    "spin_system": {"J": (22.5, 0.03), "J'": (17.3, 0.04)},
    "tight_binding": {"t1": (-2.78, 0.003), "t2": (0.12, 0.002), "E0": (0.31, 0.007)},
}
# Standard errors, to the printed digits.
ERRORS = {"A": 0.030, "B": 0.042, "C": 0.027}


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", PUBLISHED)
def test_every_example_fits_out_of_the_box(tmp_path, name):
    assert run("init", name, tmp_path).exit_code == 0
    done = run("fit", tmp_path / f"{name}.toml")
    assert done.exit_code == 0, done.output
    assert done.stdout.split("\n\n")[1].startswith(("CONVERGED", "STATIONARY"))
    with (tmp_path / f"{name}_results" / "parameters.csv").open(newline="") as file:
        found = {line["parameter"]: line for line in csv.DictReader(file)}
    for parameter, (value, tolerance) in PUBLISHED[name].items():
        assert float(found[parameter]["value"]) == pytest.approx(value, abs=tolerance)
    if name == "rotor":
        for parameter, error in ERRORS.items():
            assert round(float(found[parameter]["standard_error"]), 3) == error


def test_templates_say_what_they_are():
    """Those of systems are tested here, those of published problems in tests/problem."""
    for name, (path, *others) in templates().items():
        file = tomllib.loads(path.read_text(encoding="utf-8"))
        assert file["title"]
        assert (file["system"]["type"] == name) == (name in PUBLISHED or name == "python")
        assert file["data"]["file"] in [other.name for other in others]


@pytest.mark.usefixtures("eagerly")
def test_bad_lines_are_named_and_the_others_fitted(here):
    (here / "t.csv").write_text(TABLE + "3,7\n2,x\n")
    done = run("fit", "p.toml", ALLOW, "--output", "out")
    assert done.exit_code == 2
    assert done.stderr.splitlines() == [
        "eigenfit: t.csv, line 5, column 1 (level): there is no level 3 in member 0; the members "
        "have 3 levels (both counted from 0). This line is left out.",
        "eigenfit: t.csv, line 6, column 2 (energy): 'x' is not a number; write a number such as "
        "12.1 or 12.1(3), or leave the cell empty if nothing was measured. This line is left out.",
    ]
    assert "offset" in done.stdout
    facts = json.loads((here / "out" / "provenance.json").read_text())
    assert len(facts["left_out"]) == 2
    assert run("check", "p.toml", ALLOW, "--accept-bad-rows").exit_code == 0


@pytest.mark.usefixtures("eagerly")
def test_spectra_without_an_answer(here):
    (here / "t.csv").write_text("0,1,2\n1,3,5\n1,1e200,2e200\n")
    done = run("fit", "p.toml", ALLOW)
    assert done.exit_code == 2  # the table has no names, and three columns
    (here / "p.toml").write_text(LINEAR + "header = true\n")
    done = run("fit", "p.toml", ALLOW)
    assert done.exit_code == 1
    assert "1 INVALID_INPUT" in done.stdout
    assert "2 spectra" in done.stdout


def test_data_from_standard_input(here):
    done = run("fit", "p.toml", ALLOW, "--data", "-", input="level;energy\n0;2,0\n1;4,0\n2;6,0\n")
    assert done.exit_code == 0, done.output
    assert "CONVERGED" in done.stdout


def test_a_place_for_the_results_is_checked_before_the_fit(here, monkeypatch):
    def fit(*arguments, **named):
        raise AssertionError("it was fitted")

    monkeypatch.setattr(Problem, "fit", fit)
    for output, message in {
        "no/such": "there is no such place",
        "t.csv": "this is no folder",
    }.items():
        done = run("fit", "p.toml", ALLOW, "--output", output)
        assert done.exit_code == 2
        assert message in done.stderr


def test_what_belongs_to_a_model_is_refused_with_a_problem_file(here):
    assert "TARGETS belongs to an exported model" in run("fit", "p.toml", "t.csv").stderr
    assert "--residuals belongs to" in run("fit", "p.toml", "--residuals").stderr
    (here / "models").mkdir()
    assert "give a file of targets too" in run("fit", "models").stderr
    assert "there is no file u.csv" in run("fit", "models", "u.csv").stderr
    assert "models is a directory; give a file" in run("fit", "models", "models").stderr


def test_export_serves_other_data(here):
    (here / "p.toml").write_text(LINEAR + "[parameters]\noffset = 1\nstep = 1\n")
    done = run("export", "p.toml", "models/line", ALLOW)
    assert done.exit_code == 0, done.output
    version_dir = done.stdout.strip()
    (here / "others.csv").write_text("1,3,5\n2,2.5,3\n")
    done = run("fit", version_dir, "others.csv")
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader(done.stdout.splitlines()))
    found = [[float(row["offset"]), float(row["step"])] for row in rows]
    np.testing.assert_allclose(found, [[1, 2], [2, 0.5]], rtol=1e-9)
    (here / "p.toml").write_text(LINEAR + "[parameters]\nstep = 2\n")
    (here / "models" / "file").touch()
    done = run("export", "p.toml", "models/file", ALLOW)
    assert done.exit_code == 2
    assert "no default starts, for the file gives them for step only" in done.stderr
    assert "must be a directory, but models/file is a file" in done.stderr


def test_systems_and_schema(here):
    assert "python" in run("systems").stdout
    done = run("systems", "no_such")
    assert done.exit_code == 2
    assert "there is no system 'no_such'" in done.stderr
    assert json.loads(run("schema").stdout)["$schema"].startswith("https://json-schema.org/")
    assert run("schema", "--output", "s.json").exit_code == 0
    assert json.loads((here / "s.json").read_text())["title"] == "ProblemFile"


def test_a_missing_package_is_named(here, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    done = run("check", "p.toml", ALLOW)
    assert done.exit_code == 2
    assert "pip install 'eigenfit[problem]'" in done.stderr


HELP = """
import sys
from eigenfit.cli.main import main
sys.argv = ["eigenfit", "--help"]
try:
    main()
finally:
    heavy = {"tensorflow", "numpy", "pandas", "pydantic", "grpc", "rich", "matplotlib"}
    print("imported:", sorted(heavy & set(sys.modules)))
"""


def test_help_imports_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True)
    for command in ("init", "check", "fit", "predict", "export", "serve", "systems", "schema"):
        assert f"\n  {command} " in done.stdout
    assert done.stdout.endswith("imported: []\n")


def test_serve_takes_the_directory_of_a_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert flags_of_serve(["models/ho3", "--port=0"]) == [
        f"--model_base_path={tmp_path}/models/ho3",
        "--model_name=ho3",
        "--port=0",
    ]
    assert flags_of_serve(["--port=0"]) == ["--port=0"]
    assert flags_of_serve([]) == []
