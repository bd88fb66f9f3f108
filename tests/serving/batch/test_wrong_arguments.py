"""What is wrong is named before a cluster is started."""

import importlib
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from eigenfit.cli.application import application
from eigenfit.serving.batch import fit_dataset, run
from eigenfit.serving.batch.files import cut
from eigenfit.serving.batch.model import read_model
from eigenfit.serving.batch.worker import read


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch):
    monkeypatch.setattr(run, "connected", None)


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


def test_npy_that_is_cut_off(model_dir, tmp_path):
    path = tmp_path / "levels.npy"
    np.save(path, np.ones([4, 3]))
    path.write_bytes(path.read_bytes()[:-8])
    refuse(model_dir, path, tmp_path, "no readable .npy file")


ROW = [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (lists(ROW, [1.0, 2.0]), "row 1 in column 'targets' of .* list of 2 numbers.*takes 3"),
        (lists(ROW, None, ROW, [1.0] * 4), r"row 3 in column 'targets'"),
        (lists([1.0, 2.0], size=2), "it must hold a list of 3 floating-point numbers"),
        (lists([1, 2, 3], value=pa.int64()), r"list<element: int64>; it must hold"),
        (lists(["a"], value=pa.string()), "string>; it must hold"),
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
def test_counts(name):
    for value in (0, 1.5, True):
        wrong: dict[str, Any] = {name: value}
        with pytest.raises(ValueError, match=f"{name} must be a positive integer"):
            fit_dataset("m", "s", "o", **wrong)


def test_empty_source_is_done_at_once(model_dir, tmp_path):
    np.save(tmp_path / "levels.npy", np.ones([0, 3]))
    report = fit_dataset(model_dir, tmp_path / "levels.npy", tmp_path / "out")
    assert (report.rows, report.fitted_rows, report.statuses) == (0, 0, {})


def test_row_groups_are_joined_but_not_cut(model_dir, tmp_path):
    model = read_model(model_dir)
    column = lists(*[ROW] * 100)
    pq.write_table(pa.table({"targets": column}), tmp_path / "a.parquet", row_group_size=30)
    pq.write_table(pa.table({"targets": column[:0]}), tmp_path / "b.parquet")
    pq.write_table(pa.table({"targets": column[:7]}), tmp_path / "c.parquet")
    files = sorted(tmp_path.glob("*.parquet"))
    for size, expected in ((20, [30, 30, 30, 10, 7]), (50, [60, 40, 7]), (1000, [100, 7])):
        fragments = cut(files, model, "targets", size)
        assert [fragment.rows for fragment in fragments] == expected
        starts = np.cumsum([0, *expected[:-1]]).tolist()
        assert [fragment.row_id for fragment in fragments] == starts


def test_rows_of_every_kind_of_list(model_dir, tmp_path):
    """Null lists, null numbers, lists of a fixed size, single precision, several files."""
    levels = np.sort(np.random.default_rng(0).normal(size=(310, 3)), axis=1)
    levels[3::10, 1] = levels[5] = np.nan
    rows: list[list | None] = [
        [None if np.isnan(value) else value for value in row] for row in levels[:200]
    ]
    rows[5] = None
    table = pa.table({"label": ["x"] * 200, "targets": lists(*rows)})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=70)
    levels[200:] = single = levels[200:].astype(np.float32)
    column = pa.FixedSizeListArray.from_arrays(pa.array(single.reshape(-1)), 3)
    pq.write_table(pa.table({"targets": column}), tmp_path / "b.parquet", row_group_size=30)
    files = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    assert_read(cut(files, read_model(model_dir), "targets", 100), levels)

    np.save(tmp_path / "levels.npy", levels)
    fragments = cut([tmp_path / "levels.npy"], read_model(model_dir), "", 100)
    assert_read(fragments, levels)
    np.save(tmp_path / "levels.npy", levels[:-1])
    with pytest.raises(RuntimeError, match="changed during the run"):
        next(iter(read(fragments[0], 32)))


def assert_read(fragments, levels):
    tables = [table for fragment in fragments for table in read(fragment, 32)]
    assert max(table.num_rows for table in tables) <= 32
    numbers = np.concatenate([table["row_id"].to_numpy() for table in tables])
    np.testing.assert_array_equal(numbers, np.arange(len(levels)))
    columns = [table["targets"].combine_chunks().flatten().to_numpy() for table in tables]
    np.testing.assert_array_equal(np.concatenate(columns).reshape(-1, 3), levels)


def test_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    importlib.invalidate_caches()
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'eigenfit\[ray\]'"):
        fit_dataset("m", "s", "o")


def test_command_names_what_is_wrong(model_dir, tmp_path):
    def ends(*arguments):
        done = CliRunner().invoke(application, ["fit-dataset", *map(str, arguments)])
        return done.exit_code, done.stderr

    source, out = tmp_path / "levels.npy", tmp_path / "out"
    np.save(source, np.ones([4, 2]))
    code, said = ends(model_dir, source, out)
    assert code == 2
    assert "eigenfit: fit_dataset: " in said
    assert "the model takes [rows, 3]" in said
    code, said = ends(model_dir, tmp_path / "none.npy", out)
    assert code == 1
    assert "no .npy or .parquet" in said
    np.save(source, np.ones([0, 3]))
    assert ends(model_dir, source, out, "--workers=2")[0] == 0


def test_the_command_and_the_options_on_the_page_are_there():
    page = (Path(__file__).parents[3] / "docs" / "batch.md").read_text()
    command: Any = typer.main.get_command(application)
    command = command.commands["fit-dataset"]
    there = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    named = set(re.findall(r"--[a-z-]+", page))
    assert len(named) >= 5
    assert named <= there
    (line,) = re.findall(r"eigenfit fit-dataset (.*)", page)
    options = command.make_context("fit-dataset", line.split()).params
    assert options["output_dir"] == line.split()[2]
