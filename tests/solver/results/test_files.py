"""Results that are written and read back: the same numbers, names, summary and statistics."""

# Wrong types are part of the point here.
# pyright: reportArgumentType=false

from __future__ import annotations

import functools
import json
import pickle
import sys

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from eigenfit.solver import (
    Affine,
    Covariance,
    Family,
    FitResult,
    Levels,
    Matched,
    SpectralSolver,
    Sweep,
    Symmetric,
)

pytestmark = pytest.mark.usefixtures("eagerly")

INF, NAN = np.inf, np.nan
FORMATS = ("npz", "json", "csv", "parquet")
BASIS = [np.diag([1.0, 0, 0]), np.diag([0, 1.0, 0])]


@functools.cache
def plain() -> FitResult:
    """Parameters at bounds, not determined; a row without an answer; units; one-sided data."""
    structure = Affine(
        np.diag([0.0, 20.0, 40.0]),
        [*BASIS, np.diag([0, 0, 1.0])],
        parameter_names=["alpha, first", 'the "b"', "γ"],
        level_names=["ground", "1_01", "top"],
    )
    structure.level_unit, structure.parameter_units = "cm⁻¹", {"γ": "K"}
    solver = SpectralSolver(
        structure, starts=1, absolute_sigma=True, bounds={"γ": (-INF, 10.0)}, sigma=0.25
    )
    return solver.fit(
        [[1 / 3, 21.5, 48.75], [1.25, NAN, 38.75], [INF, 0, 1], [2.0, 23.0, 54.0]],
        initial=np.zeros([4, 3]),
        sides=["=", "=", "<"],
    )


@functools.cache
def several() -> FitResult:
    """Three solutions of matched values, of which one row has two and one has none; float32."""
    solver = SpectralSolver(
        Affine(np.diag([0.0, 20.0, 40.0]), [np.eye(3)]),
        observation=Matched(2),
        initial=[[0.0], [20.0]],
        solutions=3,
        starts=4,
        dtype=tf.float32,
    )
    return solver.fit([[20.0, 40.0], [INF, 1.0]], weights=[[1.0, 0.1], [NAN, NAN]], max_steps=20)


@functools.cache
def at_fields() -> FitResult:
    """A sweep: a row has two conditions, the other has one; the family has names."""
    axial = Affine(None, [np.diag([0.0, 1.0, 3.0])], parameter_names=["D"])
    field = Affine(None, [np.diag([1.0, 0.0, -1.0])], parameter_names=["g"])
    sweep = Sweep([axial, field], limit=2, conditions=["B"])
    solver = SpectralSolver(sweep, starts=1)
    return solver.fit(
        [[0.5, 1.0, 2.5, 1.0, 1.1, 2.0], [0.5, 1.1, 2.5, NAN, NAN, NAN]],
        conditions=[[[0.5], [1.0]], [[0.5], [NAN]]],
        initial=[[1.0, 1.0]] * 2,
    )


@functools.cache
def of_a_family() -> FitResult:
    members = [Affine(None, [np.diag([1.0, 2.0])]), Affine(None, [np.diag([1.0, 2.0, 4.0])])]
    family = Family(members, names=["M=0", "M=1"])
    return SpectralSolver(family, observation=Levels(relative_to="lowest"), starts=1).fit(
        np.zeros((0, 5)), initial=np.zeros((0, 1))
    )


RESULTS = (plain, several, at_fields, of_a_family)


@functools.cache
def texts(result) -> tuple[str, list[str]]:
    """The plain data of a result, and the summary of each row."""
    # NaN is not equal to itself, but its text is.
    return repr(result().to_dict()), [result().summary(row) for row in range(len(result().status))]


def assert_same(found, expected):
    for name, one, other in zip(FitResult._fields, found, expected, strict=True):
        assert one.dtype == other.dtype, name
        assert one.shape == other.shape, name
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other), err_msg=name)


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("result", RESULTS)
def test_what_is_read_is_what_was_written(result, ending, tmp_path):
    fit, path = result(), tmp_path / f"fit.{ending}"
    fit.save(path)
    found = FitResult.load(path)
    assert_same(found, fit)
    assert repr(found) == repr(fit)
    data, summaries = texts(result)
    assert repr(found.to_dict()) == data
    assert [path.name for path in tmp_path.iterdir()] == [path.name]
    for row, summary in enumerate(summaries):
        assert found.summary(row) == found.row(row).summary() == summary


@pytest.mark.parametrize("result", [plain, several])
def test_a_result_that_was_read_knows_covariance_and_predictions(result, tmp_path):
    fit = result()
    fit.save(tmp_path / "fit.json")
    found = FitResult.load(str(tmp_path / "fit.json"))
    covariance, expected = found.covariance(), fit.covariance()
    for name in Covariance._fields:
        one, other = getattr(covariance, name), getattr(expected, name)
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=1e-6, err_msg=name)
    np.testing.assert_allclose(found.predict().values, fit.predict().values, rtol=1e-6)
    assert list(found.by_name()) == list(fit.by_name())
    assert_same(pickle.loads(pickle.dumps(found)), fit)
    with pytest.raises(ValueError, match="predict: this result was read from a file"):
        found.predict(Levels())
    with pytest.raises(ValueError, match="derived: this result was read from a file"):
        found.derived(lambda parameters: parameters)


def test_written_again_it_is_the_same_file(tmp_path):
    for ending in ("json", "csv"):
        first, second = tmp_path / f"first.{ending}", tmp_path / f"second.{ending}"
        plain().save(first)
        FitResult.load(first).save(second)
        assert first.read_bytes() == second.read_bytes()


def test_others_can_read_the_files(tmp_path):
    """JSON is JSON; pandas reads the tables, NumPy the arrays."""
    fit = several()
    for ending in FORMATS:
        fit.save(tmp_path / f"fit.{ending}")
    text = (tmp_path / "fit.json").read_text()
    values = json.loads(text, parse_constant=pytest.fail)["arrays"]["loss"]["values"]
    np.testing.assert_array_equal(np.array(values, np.float32), fit.loss)
    with np.load(tmp_path / "fit.npz") as arrays:
        np.testing.assert_array_equal(arrays["parameters"], fit.parameters)
    tables = (
        pd.read_csv(tmp_path / "fit.csv", comment="#"),
        pd.read_parquet(tmp_path / "fit.parquet"),
    )
    for table in tables:
        assert table["row"].tolist() == [0, 0, 0, 1, 1, 1]
        assert table["solution"].tolist() == [0, 1, 2, 0, 1, 2]
        np.testing.assert_array_equal(table["parameters[0]"], np.ravel(fit.parameters))


def test_a_result_of_another_graph_has_its_numbers_only(tmp_path):
    bare = FitResult(*plain())
    bare.save(tmp_path / "fit.csv")
    found = FitResult.load(tmp_path / "fit.csv")
    assert_same(found, bare)
    assert found.summary() == bare.summary()
    with pytest.raises(ValueError, match="covariance: this result comes out of another graph"):
        found.covariance()


@pytest.mark.parametrize("ending", FORMATS)
def test_damaged_files_are_refused(ending, tmp_path):
    path = tmp_path / f"fit.{ending}"
    plain().save(path)
    content = path.read_bytes()
    half = len(content) // 2
    for wrong in (b"", b"level,energy\n1,2\n", content[:half], content[half:]):
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match=r"FitResult\.load: .*fit\.\w+ is no result.*damaged"):
            FitResult.load(path)


def test_a_newer_format_is_refused(tmp_path):
    path = tmp_path / "fit.json"
    plain().save(path)
    path.write_text(path.read_text().replace('"eigenfit_result": 1', '"eigenfit_result": 2'))
    with pytest.raises(ValueError, match="has format 2, this eigenfit knows up to 1"):
        FitResult.load(path)


def test_paths_that_cannot_be(tmp_path):
    for name in ("fit.txt", "fit"):
        with pytest.raises(ValueError, match=r"save: path must end in \.csv, \.json, \.npz"):
            plain().save(tmp_path / name)
        with pytest.raises(ValueError, match=r"FitResult.load: path must end in"):
            FitResult.load(tmp_path / name)
    with pytest.raises(FileNotFoundError, match=r"save: the folder .*nowhere does not exist"):
        plain().save(tmp_path / "nowhere" / "fit.csv")
    with pytest.raises(FileNotFoundError):
        FitResult.load(tmp_path / "fit.csv")


def test_an_old_file_stays_if_the_new_one_cannot_be_written(tmp_path, monkeypatch):
    path = tmp_path / "fit.parquet"
    path.write_bytes(b"old")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ModuleNotFoundError, match=r"pyarrow is missing.*'eigenfit\[results\]'"):
        plain().save(path)
    assert path.read_bytes() == b"old"
    with pytest.raises(ModuleNotFoundError, match="pyarrow is missing"):
        FitResult.load(path)


def test_symmetric_of_any_size_has_a_file(tmp_path):
    """A matrix with 45 parameters: a table of thousands of columns."""
    fit = SpectralSolver(Symmetric(9), starts=1).fit(
        [np.arange(9.0)], initial=np.ones([1, 45]), max_steps=2
    )
    fit.save(tmp_path / "fit.csv")
    assert_same(FitResult.load(tmp_path / "fit.csv"), fit)
