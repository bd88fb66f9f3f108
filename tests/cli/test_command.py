"""The command `eigenfit`."""

import csv
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from eigenfit.cli.application import application, as_table
from eigenfit.export import export_saved_model
from eigenfit.solver import SpectralSolver, Status, Toeplitz


@pytest.fixture(scope="module")
def solver():
    return SpectralSolver(Toeplitz(3))


@pytest.fixture(scope="module")
def model_dir(solver, tmp_path_factory):
    base_dir = tmp_path_factory.mktemp("models") / "toeplitz"
    return export_saved_model(solver, base_dir, measure_latency=False)


def run(*arguments):
    return CliRunner().invoke(application, [str(argument) for argument in arguments])


def test_fit_of_a_csv_with_a_gap_and_a_bad_line(solver, model_dir, tmp_path):
    levels = tmp_path / "levels.csv"
    levels.write_text("1,2,4\n1,,4\ninf,2,4\n")
    done = run("fit", model_dir, levels)
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader(done.stdout.splitlines()))
    fit = solver.fit([[1, 2, 4], [1, np.nan, 4], [np.inf, 2, 4]])
    assert [row["status"] for row in rows] == [Status(s).name for s in fit.status.numpy()]
    assert rows[2]["status"] == "INVALID_INPUT"
    printed = np.array([[float(row[f"x{k}"]) for k in range(3)] for row in rows])
    np.testing.assert_array_equal(printed, fit.parameters.numpy())


def test_fit_of_npy_writes_a_file(solver, model_dir, tmp_path):
    targets = solver.spectrum(np.random.default_rng(0).normal(size=(5, 3))).numpy()
    np.save(tmp_path / "levels.npy", targets)
    done = run("fit", model_dir, tmp_path / "levels.npy", "--output", tmp_path / "out.csv")
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    assert [row["status"] for row in rows] == ["CONVERGED"] * 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3\n1,2\n", "line 2: expected 3 levels between commas, got 2"),
        ("1 2 3\n", "line 1: expected 3 levels between commas, got 1"),
        ("a,b,c\n1,2,3\n", "line 1: 'a' is not a number"),
        ("1,2.O,3\n", "line 1: '2.O' is not a number"),
    ],
)
def test_a_wrong_line_is_one_clear_error(model_dir, tmp_path, monkeypatch, text, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.csv").write_text(text)
    done = run("fit", model_dir, "x.csv")
    assert done.exit_code == 2
    assert message in " ".join(done.output.replace("│", " ").split())


def test_the_base_directory_in_place_of_a_version(model_dir, tmp_path):
    (tmp_path / "levels.csv").write_text("1,2,3\n")
    done = run("fit", Path(model_dir).parent, tmp_path / "levels.csv")
    assert done.exit_code == 2
    assert "Did you mean" in done.output


def test_wrong_npy_is_one_clear_error(model_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.ones((2, 3), complex))
    done = run("fit", model_dir, "x.npy")
    assert done.exit_code == 2
    assert "must hold real numbers" in " ".join(done.output.replace("│", " ").split())


def test_version():
    from importlib.metadata import version

    done = run("--version")
    assert done.stdout.strip() == f"eigenfit {version('eigenfit')}"


def test_several_solutions_have_a_line_each():
    """A model with `solutions=2`, for one spectrum."""
    answer = {
        "status": np.array([[1, -3]]),
        "steps": np.array([[4, 0]]),
        "loss": np.array([[0.5, np.nan]]),
        "parameters": np.array([[[1.0], [np.nan]]]),
        "standard_errors": np.array([[[0.25], [np.nan]]]),
    }
    assert as_table(answer) == [
        ["spectrum", "solution", "status", "steps", "loss", "x0", "se0"],
        ["1", "1", "CONVERGED", "4", "0.5", "1.0", "0.25"],
        ["1", "2", "NO_OTHER", "0", "nan", "nan", "nan"],
    ]
