"""What is taken over from an earlier run and what is refused; no cluster is needed."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from tensorflow.core.protobuf import saved_model_pb2

from eigenfit.serving.batch import fit_dataset, job
from eigenfit.serving.batch.manifest import Manifest
from eigenfit.serving.batch.partition import partition_path, write_partition
from eigenfit.serving.batch.worker import MAX_ATTEMPTS, _mark_attempt


@pytest.fixture
def source(tmp_path) -> Path:
    path = tmp_path / "levels.npy"
    np.save(path, np.ones([30, 3]))
    return path


@pytest.fixture
def fitted(monkeypatch):
    """Instead of a cluster; the numbers of the fragments that were asked for, run by run."""
    runs = []

    def fit(fragments, settings, workers, threads):
        del workers, threads
        runs.append([fragment["number"] for fragment in fragments])
        facts = {"plan": settings["plan"], "attempt": 1}
        for fragment in fragments:
            answers = [{"status": np.ones(fragment["rows"], np.int32)}]
            yield write_partition(settings["output_dir"], fragment, answers, facts)

    class Connected:
        def __init__(self, *arguments):
            del arguments

        def __enter__(self):
            return 1

        def __exit__(self, *arguments):
            del arguments

    monkeypatch.setattr(job, "connected", Connected)
    monkeypatch.setattr(job, "fit_fragments", fit)
    return runs


def test_missing_and_damaged_files_are_fitted_again(model_dir, source, fitted, tmp_path, caplog):
    output_dir = tmp_path / "out"
    fit_dataset(model_dir, source, output_dir, fragment_rows=5)
    partition_path(output_dir, 1).unlink()
    damaged = partition_path(output_dir, 4)
    damaged.write_bytes(damaged.read_bytes()[:-30])
    report = fit_dataset(model_dir, source, output_dir, fragment_rows=5)
    assert fitted == [[0, 1, 2, 3, 4, 5], [1, 4]]
    assert (report.rows, report.fitted_rows) == (30, 10)
    assert "part-00000001.parquet is missing" in caplog.text
    assert "part-00000004.parquet is damaged" in caplog.text


def test_files_are_taken_over_without_their_lines(model_dir, source, fitted, tmp_path):
    fit_dataset(model_dir, source, tmp_path / "out", fragment_rows=10)
    (tmp_path / "out" / "_finished.jsonl").unlink()
    report = fit_dataset(model_dir, source, tmp_path / "out", fragment_rows=10)
    assert len(fitted) == 1
    assert (report.rows, report.fitted_rows, report.statuses) == (30, 0, {1: 30})


def test_changed_model_is_refused(model_dir, source, fitted, tmp_path):
    fit_dataset(model_dir, source, tmp_path / "out")
    other = tmp_path / "model"
    # Without the description, which would give it away.
    shutil.copytree(model_dir, other, ignore=shutil.ignore_patterns("assets.extra"))
    graph = saved_model_pb2.SavedModel.FromString((other / "saved_model.pb").read_bytes())
    graph.meta_graphs[0].meta_info_def.tensorflow_version = "changed"
    (other / "saved_model.pb").write_bytes(graph.SerializeToString())
    with pytest.raises(ValueError, match="begun with another model, so they cannot be continued"):
        fit_dataset(other, source, tmp_path / "out")
    fit_dataset(model_dir, source, tmp_path / "out")
    assert len(fitted) == 1


def test_changed_source_is_refused(model_dir, source, fitted, tmp_path):
    fit_dataset(model_dir, source, tmp_path / "out")
    np.save(source, np.zeros([30, 3]))
    with pytest.raises(ValueError, match="another source, so they"):
        fit_dataset(model_dir, source, tmp_path / "out")
    np.save(source, np.zeros([31, 3]))
    with pytest.raises(ValueError, match=r"source and another rows \(30 then, 31 now\)"):
        fit_dataset(model_dir, source, tmp_path / "out")
    assert len(fitted) == 1


def test_other_fragments_are_refused(model_dir, source, fitted, tmp_path):
    fit_dataset(model_dir, source, tmp_path / "out", fragment_rows=10)
    with pytest.raises(ValueError, match=r"another fragment_rows \(10 then, 20 now\)"):
        fit_dataset(model_dir, source, tmp_path / "out", fragment_rows=20)


def test_results_are_not_overwritten(model_dir, source, fitted, tmp_path):
    fit_dataset(model_dir, source, tmp_path / "out", resume=False)
    with pytest.raises(FileExistsError, match="resume is False"):
        fit_dataset(model_dir, source, tmp_path / "out", resume=False)
    (tmp_path / "out" / "_manifest.json").unlink()
    with pytest.raises(FileExistsError, match=r"no _manifest\.json"):
        fit_dataset(model_dir, source, tmp_path / "out")
    assert len(fitted) == 1


def test_two_runs_cannot_share_a_directory(model_dir, source, fitted, tmp_path):
    with (
        Manifest(tmp_path / "out"),
        pytest.raises(RuntimeError, match="another run is writing"),
    ):
        fit_dataset(model_dir, source, tmp_path / "out")
    fit_dataset(model_dir, source, tmp_path / "out")
    assert len(fitted) == 1


def test_failed_fragment_is_named_and_the_others_stay(
    model_dir, source, fitted, tmp_path, monkeypatch
):
    def fail_in_the_middle(fragments, *arguments):
        yield {"number": 1, "error": "OSError: no space."}
        yield from works([fragments[0], fragments[2]], *arguments)

    works = job.fit_fragments
    monkeypatch.setattr(job, "fit_fragments", fail_in_the_middle)
    with pytest.raises(RuntimeError, match=r"1 fragments .* rows 10 to 19 of .*no space"):
        fit_dataset(model_dir, source, tmp_path / "out", fragment_rows=10)
    monkeypatch.setattr(job, "fit_fragments", works)
    report = fit_dataset(model_dir, source, tmp_path / "out", fragment_rows=10)
    assert fitted == [[0, 2], [1]]
    assert report.rows == 30


def test_fragment_whose_worker_died_too_often_is_given_up(tmp_path):
    for attempt in range(1, MAX_ATTEMPTS + 1):
        assert _mark_attempt(tmp_path, 7) == attempt
    with pytest.raises(RuntimeError, match="its worker died 4 times"):
        _mark_attempt(tmp_path, 7)
    assert _mark_attempt(tmp_path, 8) == 1


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    def answers():
        yield {"status": np.ones(4, np.int32)}
        assert not list(tmp_path.glob("part-*"))
        raise RuntimeError("midway")

    fragment = {"number": 0, "rows": 8, "row_id": 0}
    with pytest.raises(RuntimeError, match="midway"):
        write_partition(tmp_path, fragment, answers(), {})
    with pytest.raises(RuntimeError, match="expected 8 rows, got 4"):
        write_partition(tmp_path, fragment, [{"status": np.ones(4, np.int32)}], {})
    assert not list(tmp_path.iterdir())


def test_solutions_are_lists_of_lists(tmp_path):
    import pyarrow.parquet as pq

    parameters = np.arange(12.0).reshape(2, 3, 2)
    status = np.array([[1, 2, 2], [2, -2, -2]], np.int32)
    fragment = {"number": 0, "rows": 2, "row_id": 5}
    receipt = write_partition(
        tmp_path, fragment, [{"status": status, "parameters": parameters}], {}
    )
    table = pq.read_table(partition_path(tmp_path, 0))
    assert table["parameters"].to_pylist() == parameters.tolist()
    assert table["status"].to_pylist() == status.tolist()
    assert table["row_id"].to_pylist() == [5, 6]
    assert receipt["statuses"] == {"1": 1, "2": 1}  # of the best
