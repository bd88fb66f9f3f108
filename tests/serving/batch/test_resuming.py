"""What is taken over from an earlier run and what is refused; no cluster is needed."""

import fcntl
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eigenfit.export.digest import digest_model
from eigenfit.serving.batch import fit_dataset, run, worker


@pytest.fixture
def source(tmp_path) -> Path:
    path = tmp_path / "levels.npy"
    np.save(path, np.ones([30, 3]))
    return path


def test_missing_and_damaged_files_are_fitted_again(model_dir, source, fitted, tmp_path, caplog):
    output_dir = tmp_path / "out"
    report = fit_dataset(model_dir, source, output_dir, fragment_rows=5)
    assert (report.rows, report.fitted_rows, report.statuses) == (30, 30, {1: 30})
    (output_dir / "1_1-0.parquet").unlink()
    damaged = output_dir / "1_4-0.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-30])
    # Fragments may be cut in another way: rows are what counts.
    report = fit_dataset(model_dir, source, output_dir, fragment_rows=8, batch_rows=3)
    assert fitted == [list(range(30)), [*range(5, 10), *range(20, 25)]]
    assert (report.rows, report.fitted_rows) == (30, 10)
    assert "1_1-0.parquet is missing" in caplog.text
    assert "1_4-0.parquet is damaged" in caplog.text
    assert fit_dataset(model_dir, source, output_dir).fitted_rows == 0
    assert len(fitted) == 2


def test_another_model_or_source_is_refused(model_dir, source, fitted, tmp_path):
    fit_dataset(model_dir, source, tmp_path / "out")
    other = tmp_path / "model"
    shutil.copytree(model_dir, other)
    (other / "assets").mkdir(exist_ok=True)
    (other / "assets" / "more").write_text("of another model")
    description = other / "assets.extra" / "eigenfit.json"
    info = json.loads(description.read_text())
    description.write_text(json.dumps(info | {"model_sha256": digest_model(other)}))
    with pytest.raises(ValueError, match="begun with another model, so they cannot be continued"):
        fit_dataset(other, source, tmp_path / "out")
    fit_dataset(model_dir, source, tmp_path / "out")
    np.save(source, np.zeros([30, 3]))
    with pytest.raises(ValueError, match="another source, so they"):
        fit_dataset(model_dir, source, tmp_path / "out")
    np.save(source, np.zeros([31, 3]))
    with pytest.raises(ValueError, match="source and another rows"):
        fit_dataset(model_dir, source, tmp_path / "out")
    assert len(fitted) == 1


def test_files_of_something_else_are_not_taken_over(model_dir, source, fitted, tmp_path):
    fit_dataset(model_dir, source, tmp_path / "out")
    (tmp_path / "out" / "_plan.json").unlink()
    with pytest.raises(FileExistsError, match=r"no _plan\.json"):
        fit_dataset(model_dir, source, tmp_path / "out")
    assert len(fitted) == 1


def test_two_runs_cannot_share_a_directory(model_dir, source, fitted, tmp_path):
    (tmp_path / "out").mkdir()
    with (tmp_path / "out" / "_lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(RuntimeError, match="another run is writing"):
            fit_dataset(model_dir, source, tmp_path / "out")
    fit_dataset(model_dir, source, tmp_path / "out")
    assert len(fitted) == 1


def test_rows_that_could_not_be_fitted_are_named_and_the_others_stay(
    model_dir, source, fitted, tmp_path, monkeypatch
):
    """Ray Data skips a fragment that fails, and writes why to its log."""
    works = run._fit
    monkeypatch.setattr(
        run, "_fit", lambda answers, parts, *rest: works(answers, [parts[0], parts[2]], *rest)
    )
    message = "10 of 30 rows have no answer, the first is row_id 10; the log says why"
    with pytest.raises(RuntimeError, match=message):
        fit_dataset(model_dir, source, tmp_path / "out", fragment_rows=10)
    monkeypatch.setattr(run, "_fit", works)
    report = fit_dataset(model_dir, source, tmp_path / "out", fragment_rows=10)
    assert fitted == [[*range(10), *range(20, 30)], [*range(10, 20)]]
    assert report.rows == 30


def test_solutions_are_lists_of_lists_and_the_best_is_counted(tmp_path):
    answers = run.Answers(tmp_path)
    parameters = np.arange(12.0).reshape(2, 3, 2)
    status = np.array([[1, 2, 2], [2, -2, -2]], np.int32)
    columns = {"parameters": parameters, "status": status}
    table = pa.table({name: worker.as_column(each) for name, each in columns.items()})
    pq.write_table(table, tmp_path / "a-0.parquet")
    table = pq.read_table(tmp_path / "a-0.parquet")
    assert table["parameters"].to_pylist() == parameters.tolist()
    assert table["status"].to_pylist() == status.tolist()
    assert answers.statuses() == {1: 1, 2: 1}
