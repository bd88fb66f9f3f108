"""Datasets for a model that asks for the conditions of each spectrum."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eigenfit.serving.batch import fit_dataset, run
from eigenfit.serving.batch.files import cut
from eigenfit.serving.batch.model import ExportedModel
from eigenfit.serving.batch.worker import as_conditions, read
from eigenfit.solver import Cause, Status
from tests.shared_export import shared_sweep

NAN = np.nan
KNOWN = np.array([[1.0, 0.5], [0.7, 0.4], [1.3, 0.9], [0.8, 0.6]])  # gap, moment
BIAS = [[0.2, 1.0, 2.0, 3.5], [0.5, 2.0], [-1.0, 0.3, 4.0], None]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    return shared_sweep(tmp_path_factory)


@pytest.fixture
def without_cluster(monkeypatch):
    monkeypatch.setattr(run, "connected", None)


def levels_at(bias):
    """The levels `[rows, 8]`, `-+ sqrt(gap^2 + (moment bias)^2)` at each bias, by hand."""
    full = np.full((len(bias), 4), NAN)
    for row, numbers in enumerate(bias):
        full[row, : len(numbers or [])] = numbers or []
    upper = np.hypot(KNOWN[: len(bias), :1], KNOWN[: len(bias), 1:] * full)
    return np.stack([-upper, upper], axis=2).reshape(len(bias), 8)


def test_each_row_is_fitted_at_its_own_conditions(sweep, cluster, tmp_path):
    """In two files, read and fitted by real workers; the last row has levels and no conditions."""
    solver, model_dir = sweep
    del cluster
    targets = levels_at(BIAS)
    targets[3] = 1.0
    source = tmp_path / "spectra"
    source.mkdir()
    for name, rows in (("a", slice(0, 2)), ("b", slice(2, 4))):
        table = {"bias": BIAS[rows], "targets": list(targets[rows])}
        pq.write_table(pa.table(table), source / f"{name}.parquet")
    report = fit_dataset(model_dir, source, tmp_path / "out", workers=1, batch_rows=3)
    assert report.statuses == {Status.CONVERGED: 3, Status.INVALID_INPUT: 1}
    found = pq.read_table(list((tmp_path / "out").glob("*.parquet"))).sort_by("row_id")
    assert found["cause"].to_pylist() == [0, 0, 0, Cause.CONDITION]
    parameters = np.array(found["parameters"].to_pylist())
    np.testing.assert_allclose(np.abs(parameters[:3]), KNOWN[:3], rtol=1e-8)
    conditions = np.full((4, 4), NAN)
    for row, numbers in enumerate(BIAS):
        conditions[row, : len(numbers or [])] = numbers or []
    live = solver.fit(targets, conditions=conditions)
    np.testing.assert_array_equal(parameters, live.parameters)


def model_of(names, limit, width=2, dtype="float64"):
    return ExportedModel(None, "", width, np.dtype(dtype), ["x"], names, limit)  # pyright: ignore[reportArgumentType]  # it is not loaded


def test_every_kind_of_column(tmp_path):
    """Lists with gaps, of fixed size, single numbers and integers; several numbers a condition."""
    columns = {
        "Bx": pa.array([[1.0, 2.0], None, [3.0], [4.0, None]]),
        "By": pa.array([[1, 2], [3, 4], None, [5, 6]], pa.list_(pa.int32(), 2)),
        "T": pa.array([7, None, 8, 9]),
    }
    expected = {
        "Bx": [[1, 2, NAN], [NAN] * 3, [3, NAN, NAN], [4, NAN, NAN]],
        "By": [[1, 2, NAN], [3, 4, NAN], [NAN] * 3, [5, 6, NAN]],
        "T": [[7, NAN, NAN], [NAN] * 3, [8, NAN, NAN], [9, NAN, NAN]],
    }
    for name, column in columns.items():
        for part in (slice(0, 4), slice(1, 3), slice(0, 0)):
            found = as_conditions(column[part], 3, name, 0)
            np.testing.assert_array_equal(found, np.reshape(expected[name][part], (-1, 3)))
    path = tmp_path / "x.parquet"
    targets = pa.array([[1.0, 2.0]] * 4)
    pq.write_table(pa.table({"t": targets, **columns}), path, row_group_size=3)
    # The order of the numbers is that of the model, not that of the file.
    (fragment,) = cut([path], model_of(("T", "By", "Bx"), 3), "t", 100)
    assert fragment.num_bytes == 8 * 4 * (1 + 2 + 3 * 3)
    tables = list(read(fragment._replace(written=np.array([1])), 2))
    assert [table["row_id"].to_pylist() for table in tables] == [[0], [2, 3]]
    rows = np.concatenate([table["conditions"].to_pylist() for table in tables])
    wanted = np.stack([expected[name] for name in ("T", "By", "Bx")], axis=2)
    np.testing.assert_array_equal(rows, wanted[[0, 2, 3]])


ROW = [[float(number) for number in range(8)]]


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        (
            {},
            {},
            r"asks for conditions \(bias\), and .*no column 'bias'; it has targets. Write one",
        ),
        ({"bias": [[1.0] * 5]}, {}, "row 0 in column 'bias' of .* 5 conditions; .*takes up to 4"),
        ({"bias": ["1"]}, {}, "has the type string; it must hold a list of up to 4 numbers"),
        ({"bias": [[[1.0]]]}, {}, "it must hold a list of up to 4 numbers in each row, or one"),
        ({"bias": [[True]]}, {}, "it must hold a list of up to 4 numbers"),
        ({"bias": ROW}, {"targets_column": "bias"}, "'bias' is also the column of the levels"),
    ],
)
@pytest.mark.usefixtures("without_cluster")
def test_wrong_columns_are_one_clear_error(sweep, tmp_path, columns, options, message):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"targets": ROW, **columns}), path)
    with pytest.raises(ValueError, match=message):
        fit_dataset(sweep[1], path, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("without_cluster")
def test_npy_has_no_conditions(sweep, tmp_path):
    np.save(tmp_path / "x.npy", np.ones((2, 8)))
    with pytest.raises(ValueError, match=r"\.npy files do not have; write .* as Parquet.*up to 4"):
        fit_dataset(sweep[1], tmp_path / "x.npy", tmp_path / "out")


def test_numbers_that_the_model_would_round(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"t": pa.array([[1.0, 2.0]], pa.list_(pa.float32())), "c": [1]}), path)
    with pytest.raises(ValueError, match=r"has the type int64; .* float32 can hold without"):
        cut([path], model_of(("c",), 2, dtype="float32"), "t", 100)


def test_lists_of_different_lengths_are_the_fault_of_their_row(tmp_path):
    path = tmp_path / "x.parquet"
    table = {"t": [[1.0, 2.0]], "Bx": [[1.0, 2.0]], "By": [[1.0]]}
    pq.write_table(pa.table(table), path)
    (fragment,) = cut([path], model_of(("Bx", "By"), 2), "t", 100)
    (found,) = read(fragment, 10)
    np.testing.assert_array_equal(found["conditions"].to_pylist(), [[[1, 1], [2, NAN]]])
