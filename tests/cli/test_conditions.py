"""Conditions of spectra: read from a file, and sent to an exported model."""

import csv
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from eigenfit.cli.application import application
from eigenfit.cli.conditions import read_conditions
from tests.shared_export import shared_export, shared_sweep

NAN = np.nan
FIELD = ["Bx", "By"]


def read(path, content, names=FIELD, limit=3, rows=2):
    if isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    else:
        np.save(path, content)
    return read_conditions(path, names, limit, rows)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Bx,By\n1,2\n3,4\n", [[[1, 2], [3, 4], [NAN, NAN]]] * 2),
        ("\ufeffBy, Bx\r\n2,1\r\n4,3\r\n\r\n", [[[1, 2], [3, 4], [NAN, NAN]]] * 2),
        (
            "By,spectrum,Bx\n6,2,5\n2,1,1\n4,1,3\n",
            [[[1, 2], [3, 4], [NAN, NAN]], [[5, 6], [NAN, NAN], [NAN, NAN]]],
        ),
        ("Bx,By\ninf,0\n", [[[np.inf, 0], [NAN, NAN], [NAN, NAN]]] * 2),
    ],
)
def test_a_condition_a_line(tmp_path, text, expected):
    np.testing.assert_array_equal(read(tmp_path / "x.csv", text), expected)


def test_a_condition_that_is_called_spectrum(tmp_path):
    found = read(tmp_path / "x.csv", "spectrum\n7\n", ["spectrum"])
    np.testing.assert_array_equal(found, [[[7], [NAN], [NAN]]] * 2)


def test_arrays_have_the_forms_that_fit_takes(tmp_path):
    path = tmp_path / "x.npy"
    one = np.array([[1.0, 2.0], [3.0, 4.0]])
    padded = np.concatenate([one, [[NAN, NAN]]])
    np.testing.assert_array_equal(read(path, one), [padded] * 2)
    np.testing.assert_array_equal(read(path, np.stack([one, one + 4])), [padded, padded + 4])
    each = read(path, np.array([[1, 2], [3, 4]]), ["B"])
    np.testing.assert_array_equal(each[..., 0], [[1, 2, NAN], [3, 4, NAN]])
    shared = read(path, np.array([1, 2]), ["B"])
    np.testing.assert_array_equal(shared[..., 0], [[1, 2, NAN]] * 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "1,2\n3,4\n",
            r"line 1: the first line must have the names .* Bx,By, in any .*got numbers",
        ),
        ("Bx,Bz\n1,2\n", r"line 1: .* 'spectrum' too if the spectra have .*got 'Bx,Bz'"),
        ("Bx,By,By\n1,2,2\n", "line 1: .*got 'Bx,By,By'"),
        ("", "line 1: the first line must have the names"),
        ("Bx,By\n", "no condition for the spectra; write at least one line of Bx,By"),
        ("Bx,By\n1\n", "line 2: expected 2 numbers between commas, one for each of Bx, By, got 1"),
        ("Bx,By\n1,2\n\n3,4\n", "line 3: expected 2 numbers .* got 0"),
        ("Bx,By\n1,\n", "line 2: By must be a number, got ''; a spectrum with fewer"),
        ("Bx,By\nnan,nan\n", "line 2: Bx must be a number, got 'nan'"),
        ("Bx,By\n1,1_0\n", "line 2: By must be a number, got '1_0'"),
        ("Bx,By\n" + "1,2\n" * 4, "4 conditions for spectrum 1; the model takes up to 3"),
        ("spectrum,Bx,By\n1,0,0\n", "no condition for spectrum 2; write at least one line of sp"),
        ("spectrum,Bx,By\n1,0,0\n3,0,0\n", "line 3: spectrum must be the number .* 1 to 2"),
        ("spectrum,Bx,By\n1.5,0,0\n", "line 2: spectrum must be the number"),
        ("spectrum,Bx,By\n0,0,0\n", "line 2: spectrum must be the number"),
        (np.ones((2, 4, 2)), r"of shape \(spectra, up to 3, 2\), or .*got float64 .*\(2, 4, 2\)"),
        (np.ones((2, 0, 2)), "got float64"),
        (np.ones((2, 2, 2), complex), "must hold real numbers"),
        (np.ones(2), r"\(2,\)"),
        (np.ones((1, 2, 2)), "the conditions of 1 spectra, and there are 2; write those of each"),
    ],
)
def test_a_wrong_file_is_one_clear_error(tmp_path, content, message):
    path = tmp_path / ("x.csv" if isinstance(content, str) else "x.npy")
    with pytest.raises(typer.BadParameter, match=message):
        read(path, content)


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    return shared_sweep(tmp_path_factory)[1]


def run(*arguments: Any):
    done = CliRunner().invoke(application, ["fit", *map(str, arguments)])
    return done, " ".join(done.output.replace("│", " ").split())


KNOWN = np.array([[1.0, 0.5], [0.7, 0.4]])  # gap, moment
BIAS = np.array([[0.2, 1.0, 2.0], [0.5, 2.0, NAN]])


@pytest.fixture
def levels(tmp_path):
    """The levels `-+ sqrt(gap^2 + (moment bias)^2)` at each bias, a file of two spectra."""
    upper = np.hypot(KNOWN[:, :1], KNOWN[:, 1:] * BIAS)
    targets = np.full((2, 4, 2), NAN)
    targets[:, :3] = np.stack([-upper, upper], axis=2)
    np.save(tmp_path / "levels.npy", targets.reshape(2, 8))
    return tmp_path / "levels.npy"


def test_a_model_fits_spectra_at_their_conditions(model_dir, levels, tmp_path):
    table = tmp_path / "bias.csv"
    lines = [(row + 1, bias) for row in (1, 0) for bias in BIAS[row] if not np.isnan(bias)]
    table.write_text("spectrum,bias\n" + "".join(f"{row},{bias}\n" for row, bias in lines))
    done, _ = run(model_dir, levels, "--conditions", table, "--residuals")
    assert done.exit_code == 0, done.output
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [row["status"] for row in rows] == ["CONVERGED"] * 2
    found = np.array([[float(row["gap"]), abs(float(row["moment"]))] for row in rows])
    np.testing.assert_allclose(found, KNOWN, rtol=1e-8)
    # The second spectrum has no third bias, and none has a fourth.
    missing = [[name for name in row if row[name] == "nan"] for row in rows]
    assert missing[0] == ["residual 3:0", "residual 3:1"]
    assert missing[1] == ["residual 2:0", "residual 2:1", *missing[0]]


def test_the_same_conditions_for_all_spectra_and_what_they_cannot_answer(
    model_dir, levels, tmp_path
):
    table = tmp_path / "bias.csv"
    table.write_text("bias\n0.5\n2.0\n")
    done, _ = run(model_dir, levels, "--conditions", table)
    assert done.exit_code == 1, done.output  # the first spectrum has levels at a third bias
    assert "1 of 2 spectra have no answer, the first is number 1: INVALID_INPUT" in done.stderr
    second = list(csv.DictReader(done.stdout.splitlines()))[1]
    assert float(second["gap"]) == pytest.approx(0.7, rel=1e-8)


def test_conditions_that_are_missing_or_not_taken(model_dir, levels, tmp_path, tmp_path_factory):
    done, said = run(model_dir, levels)
    assert done.exit_code == 2
    assert "the model asks for conditions (bias), up to 4 for each spectrum; give" in said
    done, said = run(model_dir, levels, "--conditions", tmp_path / "none.csv")
    assert done.exit_code == 2
    assert "there is no file" in said
    (tmp_path / "bias.csv").write_text("bias\n1\n")
    (tmp_path / "three.csv").write_text("1,2,4\n")
    plain = shared_export(tmp_path_factory)[1]
    done, said = run(plain, tmp_path / "three.csv", "--conditions", tmp_path / "bias.csv")
    assert done.exit_code == 2
    assert "the model takes no conditions; leave the option out" in said
    done, said = run(tmp_path / "three.toml", "--conditions", tmp_path / "bias.csv")
    assert done.exit_code == 2
    assert "--conditions belongs to an exported model" in said
