"""The command `eigenfit`."""

import csv
import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from typer.testing import CliRunner

from eigenfit.cli import fit as fit_command
from eigenfit.cli.application import application
from eigenfit.cli.fit import as_table, load_fit, without_answer
from eigenfit.solver import Cause, Status
from tests.shared_export import shared_export


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return shared_export(tmp_path_factory)


@pytest.fixture(scope="module")
def solver(exported):
    return exported[0]


@pytest.fixture(scope="module")
def model_dir(exported):
    return exported[1]


@pytest.fixture(scope="module", autouse=True)
def loaded_once():
    """Each model is loaded once for all tests: that is what takes time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit_command, "load_fit", functools.cache(load_fit))
        yield


def run(*arguments):
    return CliRunner().invoke(application, [str(argument) for argument in arguments])


def message_of(done):
    """What the command says, without the box that it is printed in."""
    return " ".join(done.output.replace("│", " ").split())


def test_fit_of_a_csv_with_a_gap_and_a_bad_line(solver, model_dir, tmp_path):
    levels = tmp_path / "levels.csv"
    levels.write_text("1,2,4\n1,,4\ninf,2,4\n")
    done = run("fit", model_dir, levels)
    assert done.exit_code == 1, done.output
    assert done.stderr == (
        "eigenfit: 1 of 3 spectra have no answer, the first is number 3: INVALID_INPUT, "
        "a target is infinite or too large or small to be squared\n"
    )
    rows = list(csv.DictReader(done.stdout.splitlines()))
    fit = solver.fit([[1, 2, 4], [1, np.nan, 4], [np.inf, 2, 4]])
    assert [row["status"] for row in rows] == [Status(s).name for s in fit.status.numpy()]
    assert [row["cause"] for row in rows] == ["0", "0", str(int(Cause.TARGET))]
    printed = np.array([[float(row[f"r{k}"]) for k in range(3)] for row in rows])
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
    assert message in message_of(done)


def test_the_base_directory_in_place_of_a_version(model_dir, tmp_path):
    (tmp_path / "levels.csv").write_text("1,2,3\n")
    done = run("fit", Path(model_dir).parent, tmp_path / "levels.csv")
    assert done.exit_code == 2
    assert "Did you mean" in done.output


def test_the_newest_version_is_proposed(tmp_path, model_dir):
    for version in ("9", "10", "latest", "11"):
        (tmp_path / version).mkdir()
        if version != "11":
            (tmp_path / version / "saved_model.pb").write_text("model")
    (tmp_path / "levels.csv").write_text("1,2,3\n")
    done = run("fit", tmp_path, tmp_path / "levels.csv")
    assert done.exit_code == 2
    assert "/10?" in message_of(done).replace(" ", "")
    moved = tmp_path / "models[1]"
    shutil.copytree(model_dir, moved)
    done = run("fit", moved, tmp_path / "levels.csv")
    assert done.exit_code == 2
    assert "cannot load a model from a path with [ ]," in message_of(done)


@pytest.mark.parametrize("name", ["x.csv", "x.npy"])
def test_a_file_without_spectra_is_an_error(model_dir, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    if name == "x.npy":
        np.save(name, np.ones((0, 3)))
    else:
        Path(name).write_text("\n\n")
    done = run("fit", model_dir, name, "--output", "out.csv")
    assert done.exit_code == 2
    assert f"{name} holds no spectrum; write 3 levels a line." in message_of(done)
    assert not Path("out.csv").exists()


def test_wrong_npy_is_one_clear_error(model_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.ones((2, 3), complex))
    done = run("fit", model_dir, "x.npy")
    assert done.exit_code == 2
    assert "must hold real numbers" in message_of(done)


@pytest.mark.parametrize(
    ("output", "message"),
    [("no_such/out.csv", "No such file or directory"), (".", "is a directory")],
)
def test_a_wrong_output_is_noticed_before_the_fit(
    model_dir, tmp_path, monkeypatch, output, message
):
    def fit(*arguments):
        raise AssertionError("the table was made")

    monkeypatch.setattr(fit_command, "as_table", fit)
    monkeypatch.chdir(tmp_path)
    Path("levels.csv").write_text("1,2,4\n")
    done = run("fit", model_dir, "levels.csv", "--output", output)
    assert done.exit_code == 2
    assert message in message_of(done)


def test_the_output_may_take_the_place_of_the_targets(model_dir, tmp_path):
    levels = tmp_path / "levels.csv"
    levels.write_text("1,2,4\n")
    done = run("fit", model_dir, levels, "--output", levels)
    assert done.exit_code == 0, done.output
    assert levels.read_text().splitlines()[1].startswith("CONVERGED,")


class Other(tf.Module):
    """A model of another program."""

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float64, "pixels")])
    def classify(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"scores": 2.0 * pixels}


def test_a_model_of_another_program_is_one_clear_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("levels.csv").write_text("1,2,4\n")
    other = Other()
    tf.saved_model.save(other, "other", signatures=other.classify)
    done = run("fit", "other", "levels.csv")
    assert done.exit_code == 2
    assert "must hold a model that export_saved_model wrote" in message_of(done)


def test_the_columns_have_the_names_of_the_parameters(model_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("levels.csv").write_text("1,2,4\n")
    done = run("fit", model_dir, "levels.csv")
    assert done.stdout.startswith("status,cause,steps,loss,r0,r1,r2,se_r0,se_r1,se_r2\n")
    shutil.copytree(model_dir, "copy")
    description = Path("copy/assets.extra/eigenfit.json")
    names = ["J,1", 'the "gap"', "σ"]
    info = json.loads(description.read_text())
    description.write_text(json.dumps({**info, "parameter_names": names}))
    done = run("fit", "copy", "levels.csv", "--output", "out.csv")
    assert done.exit_code == 0, done.output
    with Path("out.csv").open(newline="", encoding="utf-8") as file:
        header, line = csv.reader(file)
    assert header[4:] == [*names, *(f"se_{name}" for name in names)]
    assert len(line) == len(header)
    for text, message in {
        json.dumps(
            {**info, "parameter_names": ["J"]}
        ): "names 1 parameters (J), but the model has 3",
        json.dumps({**info, "parameter_names": None}): "lacks parameter_names, or has something",
        json.dumps({**info, "format": 2}): "has format 2",
        json.dumps([info]): "must hold a JSON object, got a list",
        "null": "must hold a JSON object",
        "[" * 100_000: "RecursionError",
    }.items():
        description.write_text(text)
        done = run("fit", "copy", "levels.csv", "--output", "out.csv")
        assert done.exit_code == 2
        assert message in message_of(done)
    description.write_text(json.dumps({**info, "graph_sha256": "of another"}))
    done = run("fit", "copy", "levels.csv")
    assert done.exit_code == 2
    assert "describes another graph" in message_of(done)
    description.unlink()
    done = run("fit", "copy", "levels.csv")
    assert done.exit_code == 2
    assert "unchanged and with its description" in message_of(done)


PROGRAM = """
import sys
import eigenfit.cli.application
assert "tensorflow" not in sys.modules
from eigenfit.cli.main import main
main()
"""


def test_a_closed_pipe_ends_quietly_and_tensorflow_waits_for_a_fit(model_dir, tmp_path):
    (tmp_path / "levels.csv").write_text("1,2,4\n")
    command = [sys.executable, "-c", PROGRAM, "fit", model_dir, tmp_path / "levels.csv"]
    # Unbuffered, the lines would be written at once and not when Python ends.
    unset = ("PYTHONUNBUFFERED", "TF_CPP_MIN_LOG_LEVEL")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        done = subprocess.run(
            command, stdout=pipe, stderr=subprocess.PIPE, text=True, env=environment, check=False
        )
    assert done.returncode == 1
    assert done.stderr == ""  # no line of TensorFlow's or CUDA's either


def test_version():
    from importlib.metadata import version

    done = run("--version")
    assert done.stdout.strip() == f"eigenfit {version('eigenfit')}"


def test_what_has_no_answer_is_counted_by_reason():
    status = np.array([1, -1, -2, 3, -1, -1, 4])
    cause = np.array([0, 7, 0, 0, 8, 7, 0])
    lines = without_answer({"status": status, "cause": cause})
    assert [line.split(" have no answer, the first is ") for line in lines] == [
        ["1 of 7 spectra", f"number 3: NON_FINITE, {Status.NON_FINITE.message}"],
        ["2 of 7 spectra", f"number 2: INVALID_INPUT, {Cause.TARGET.message}"],
        ["1 of 7 spectra", f"number 5: INVALID_INPUT, {Cause.NO_LEVEL.message}"],
    ]
    assert without_answer({"status": np.array([[1, -3], [2, 4]]), "cause": np.zeros((2, 2))}) == []
    several = {"status": np.array([[1, -3], [-2, -3]]), "cause": np.zeros((2, 2), int)}
    (line,) = without_answer(several)
    assert line.startswith("1 of 2 spectra have no answer, the first is number 2: NON_FINITE, ")


def test_several_solutions_have_a_line_each():
    """A model with `solutions=2`, for one spectrum."""
    answer = {
        "status": np.array([[1, -3]]),
        "cause": np.array([[0, 0]]),
        "steps": np.array([[4, 0]]),
        "loss": np.array([[0.5, np.nan]]),
        "parameters": np.array([[[1.0], [np.nan]]]),
        "standard_errors": np.array([[[0.25], [np.nan]]]),
    }
    assert as_table(answer, ["gap"]) == [
        ["spectrum", "solution", "status", "cause", "steps", "loss", "gap", "se_gap"],
        ["1", "1", "CONVERGED", "0", "4", "0.5", "1.0", "0.25"],
        ["1", "2", "NO_OTHER", "0", "0", "nan", "nan", "nan"],
    ]
