"""What is wrong is named before a cluster is started."""

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eigenfit.serving.batch import fit_dataset, job
from eigenfit.serving.batch.command import main
from eigenfit.serving.batch.model import read_model_input
from eigenfit.serving.batch.source import cut


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch):
    monkeypatch.setattr(job, "connected", None)


def lists(*rows, value=None, size=-1):
    return pa.array(rows, pa.list_(value or pa.float64(), size))


def refuse(model_dir, source, tmp_path, message, error: type[Exception] = ValueError, **options):
    with pytest.raises(error, match=message):
        fit_dataset(model_dir, source, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones([4, 2]), r"shape \[4, 2\]; the model takes \[rows, 3\]"),
        (np.ones(3), r"shape \[3\]"),
        (np.ones([4, 3], np.complex128), "holds complex128; the model takes float64"),
        (np.ones([4, 3], np.int64), "holds int64"),
        (np.array([["a", "b", "c"]]), "holds <U1"),
        (np.array([[None, 1, 2]]), "no readable .npy file"),
    ],
)
def test_npy(model_dir, tmp_path, array, message):
    np.save(tmp_path / "levels.npy", array)
    refuse(model_dir, tmp_path / "levels.npy", tmp_path, message)


@pytest.mark.parametrize("rows", [5, 2**40, 2**62, 2**70])
def test_npy_that_is_cut_off(model_dir, tmp_path, rows):
    path = tmp_path / "levels.npy"
    np.save(path, np.ones([4, 3]))
    path.write_bytes(path.read_bytes().replace(b"(4, 3), }" + b" " * 20, b"(%d, 3), }" % rows))
    refuse(model_dir, path, tmp_path, "no readable .npy file")


ROW = [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (lists(ROW, [1.0, 2.0]), "row 1 in column 'targets' of .* list of 2 numbers.*takes 3"),
        (lists(ROW, None, ROW, [1.0] * 4), r"row 3 in column 'targets'"),
        (lists([1.0, 2.0], size=2), "lists of 2 numbers; the model takes 3"),
        (lists([1, 2, 3], value=pa.int64()), "holds int64; it must hold floating-point"),
        (lists(["a"], value=pa.string()), "holds string"),
        (pa.array([1.0]), "has the type double; it must hold a list of 3"),
    ],
)
def test_parquet_column(model_dir, tmp_path, column, message):
    pq.write_table(pa.table({"targets": column}), tmp_path / "levels.parquet")
    refuse(model_dir, tmp_path / "levels.parquet", tmp_path, message)


def test_parquet_without_the_column(model_dir, tmp_path):
    pq.write_table(pa.table({"levels": lists(ROW), "id": [1]}), tmp_path / "levels.parquet")
    refuse(
        model_dir,
        tmp_path / "levels.parquet",
        tmp_path,
        "no column 'targets'; it has levels, id. Name the one with the levels as targets_column",
    )


def test_parquet_that_is_none(model_dir, tmp_path):
    (tmp_path / "levels.parquet").write_text("no")
    refuse(model_dir, tmp_path / "levels.parquet", tmp_path, "no readable Parquet file")


def test_source(model_dir, tmp_path):
    refuse(model_dir, tmp_path / "none.npy", tmp_path, "no .npy or .parquet", FileNotFoundError)
    (tmp_path / "levels.csv").write_text("1,2,3")
    refuse(model_dir, tmp_path / "levels.csv", tmp_path, "one kind of them; got .csv")
    both = tmp_path / "both"
    both.mkdir()
    np.save(both / "levels.npy", np.ones([1, 3]))
    pq.write_table(pa.table({"targets": lists(ROW)}), both / "levels.parquet")
    refuse(model_dir, both, tmp_path, "one kind of them; got .npy, .parquet")


def test_model(model_dir, tmp_path):
    np.save(tmp_path / "levels.npy", np.ones([1, 3]))
    message = rf"Did you mean {model_dir}\?"
    refuse(model_dir.parent, tmp_path / "levels.npy", tmp_path, message, FileNotFoundError)
    changed = tmp_path / "changed"
    shutil.copytree(model_dir, changed)
    with (changed / "variables" / "variables.index").open("ab") as file:
        file.write(b"of another model")
    refuse(changed, tmp_path / "levels.npy", tmp_path, "describes other variables or assets than")


def test_paths_that_lead_nowhere(model_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("levels.npy", np.ones([1, 3]))
    for output_dir in ("gs://bucket/out", Path("s3://bucket/out")):
        with pytest.raises(ValueError, match="output_dir must be on a file system of this machine"):
            fit_dataset(model_dir, "levels.npy", output_dir)
    shutil.copytree(model_dir, "models[2]")
    with pytest.raises(ValueError, match=r"cannot load a model from a path with \[ \], got"):
        fit_dataset("models[2]", "levels.npy", "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["levels.npy", "models[2]"]


@pytest.mark.parametrize("name", ["batch_rows", "fragment_rows", "workers", "threads"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "2"])
def test_counts(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a positive integer"):
        fit_dataset("m", "s", "o", **{name: value})


def test_empty_source_is_done_at_once(model_dir, tmp_path):
    np.save(tmp_path / "levels.npy", np.ones([0, 3]))
    report = fit_dataset(model_dir, tmp_path / "levels.npy", tmp_path / "out")
    assert (report.rows, report.fragments, report.rows_per_second) == (0, 0, 0.0)


def test_row_groups_are_joined_but_not_cut(model_dir, tmp_path):
    model = read_model_input(model_dir)
    column = lists(*[ROW] * 100)
    pq.write_table(pa.table({"targets": column}), tmp_path / "a.parquet", row_group_size=30)
    pq.write_table(pa.table({"targets": column[:0]}), tmp_path / "b.parquet")
    pq.write_table(pa.table({"targets": column[:7]}), tmp_path / "c.parquet")
    files = sorted(tmp_path.glob("*.parquet"))
    for size, expected in ((20, [30, 30, 30, 10, 7]), (50, [60, 40, 7]), (1000, [100, 7])):
        fragments = cut(files, model, "targets", size)
        assert [fragment["rows"] for fragment in fragments] == expected
        assert [fragment["number"] for fragment in fragments] == list(range(len(expected)))
        starts = np.cumsum([0, *expected[:-1]]).tolist()
        assert [fragment["row_id"] for fragment in fragments] == starts


def test_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    importlib.invalidate_caches()
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'eigenfit\[ray\]'"):
        fit_dataset("m", "s", "o")


def test_import_is_light():
    program = (
        "import sys, eigenfit.serving.batch\n"
        "found = {'ray', 'tensorflow', 'pyarrow'} & set(sys.modules)\n"
        "assert not found, found"
    )
    done = subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE, check=False)
    assert done.returncode == 0, done.stderr


def test_command_names_what_is_wrong(model_dir, tmp_path, caplog):
    np.save(tmp_path / "levels.npy", np.ones([4, 2]))
    source, out = str(tmp_path / "levels.npy"), str(tmp_path / "out")
    assert main([str(model_dir), source, out]) == 2
    assert "the model takes [rows, 3]" in caplog.text
    assert main([str(model_dir), str(tmp_path / "none.npy"), out]) == 1
    np.save(tmp_path / "levels.npy", np.ones([0, 3]))
    assert main([str(model_dir), source, out, "--no-resume", "--workers=2"]) == 0
    assert main([str(model_dir), source, out, "--no-resume"]) == 1
