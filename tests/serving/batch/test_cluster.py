"""Real workers, one of which is killed, and a driver that is killed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray

from eigenfit.serving.batch import fit_dataset

from .data import assert_same_as_live, names_of_parts, spectra

PATIENCE = 120.0  # seconds; a loaded machine starts workers slowly


def wait_for(condition):
    """Poll until it is true; returns what it returned."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.003)
    raise TimeoutError(condition)


def worker_at(output_dir, number):
    """The process that is fitting a fragment, if one is."""
    mark = output_dir / "_attempts" / f"{number:08d}.1"
    return int(mark.read_text().split()[1]) if mark.exists() and mark.read_text() else None


def noted(output_dir):
    """The lines of the fragments that the driver knows to be finished."""
    lines = output_dir / "_finished.jsonl"
    return lines.read_text().splitlines() if lines.exists() else []


def test_workers_cannot_import_eigenfit(cluster):
    def found():
        try:
            import eigenfit as there
        except ImportError as error:
            return str(error)
        return there.__path__

    import_there = ray.remote(found)
    assert ray.get(import_there.remote()) == "not on the workers"


def test_npy_and_a_worker_that_is_killed(
    model_dir, solver, cluster, rng, tmp_path, monkeypatch, caplog
):
    levels = spectra(rng, 1103)  # the last fragment is shorter, and its last batch
    np.save(tmp_path / "levels.npy", levels)
    output_dir = tmp_path / "out"
    killed = []

    def kill():
        process = wait_for(lambda: worker_at(output_dir, 2))
        os.kill(process, signal.SIGKILL)
        killed.append(process)

    killer = threading.Thread(target=kill)
    killer.start()
    # Tiny batches make a fragment last long enough to be interrupted.
    arguments = (model_dir, tmp_path / "levels.npy", output_dir)
    with caplog.at_level("INFO", "eigenfit.serving.batch"):
        report = fit_dataset(*arguments, batch_rows=3, fragment_rows=200, workers=2)
    killer.join()
    assert killed
    assert_same_as_live(output_dir, solver, levels)
    assert (report.rows, report.fitted_rows) == (1103, 1103)
    assert (report.fragments, report.fitted_fragments, report.retried_fragments) == (6, 6, 1)
    codes, counts = np.unique(solver.fit(levels).status, return_counts=True)
    assert report.statuses == dict(zip(codes.tolist(), counts.tolist(), strict=True))
    assert len(names_of_parts(output_dir)) == 6
    assert not list(output_dir.glob(".part-*"))
    assert "1103 of 1103 rows (100.0 %)" in caplog.text
    assert f"CONVERGED {report.statuses[1]}" in caplog.text

    # Again: nothing is fitted, no worker is asked.
    monkeypatch.setattr("eigenfit.serving.batch.job.connected", None)
    again = fit_dataset(*arguments, batch_rows=7, fragment_rows=200, workers=1)
    assert (again.rows, again.fitted_rows, again.fitted_fragments) == (1103, 0, 0)
    assert again.statuses == report.statuses


def test_parquet_of_several_files(model_dir, solver, cluster, rng, tmp_path):
    levels = spectra(rng, 310)
    levels[5] = np.nan
    source = tmp_path / "source"
    source.mkdir()
    lists: list[list | None] = [
        [None if np.isnan(value) else value for value in row] for row in levels[:200]
    ]
    lists[5] = None
    table = pa.table({"label": ["x"] * 200, "levels": pa.array(lists, pa.list_(pa.float64()))})
    pq.write_table(table, source / "a.parquet", row_group_size=70)
    single = levels[200:].astype(np.float32)
    levels[200:] = single
    column = pa.FixedSizeListArray.from_arrays(pa.array(single.reshape(-1)), 3)
    pq.write_table(pa.table({"levels": column}), source / "b.parquet", row_group_size=30)

    report = fit_dataset(
        model_dir,
        source,
        tmp_path / "out",
        targets_column="levels",
        batch_rows=32,
        fragment_rows=100,
        workers=1,
    )
    # 70 + 70 and 60 rows of the first file, 120 in groups of 30 of the second.
    parts = sorted((tmp_path / "out").glob("part-*"))
    assert [pq.read_metadata(part).num_rows for part in parts] == [140, 60, 110]
    assert report.rows == 310
    assert_same_as_live(tmp_path / "out", solver, levels)


def test_driver_that_is_killed(model_dir, solver, cluster, rng, tmp_path):
    levels = spectra(rng, 1000)
    np.save(tmp_path / "levels.npy", levels)
    output_dir = tmp_path / "out"
    arguments = [model_dir, tmp_path / "levels.npy", output_dir]
    options = ["--batch-rows=1", "--fragment-rows=100", "--workers=1", f"--address={cluster}"]
    command = [sys.executable, "-m", "eigenfit.serving.batch", *map(str, arguments), *options]
    with (tmp_path / "log").open("w") as log:
        driver = subprocess.Popen(command, stderr=log)
        try:
            wait_for(lambda: len(noted(output_dir)) >= 2 or driver.poll() is not None)
        finally:
            driver.kill()
            driver.wait()
    assert driver.returncode == -signal.SIGKILL, (tmp_path / "log").read_text()
    finished = {path: path.stat() for path in output_dir.glob("part-*.parquet")}
    assert 2 <= len(finished) < 10

    # As if it had died between the file and its line, and within a line.
    lines = output_dir / "_finished.jsonl"
    whole = noted(output_dir)
    lines.write_text(whole[0] + "\n" + whole[1][:20])

    report = fit_dataset(*arguments, fragment_rows=100, workers=1)
    assert report.rows == 1000
    assert report.fitted_fragments <= 10 - len(finished)
    assert report.fitted_rows == 100 * report.fitted_fragments
    for path, stat in finished.items():  # neither fitted nor written again
        assert (path.stat().st_ino, path.stat().st_mtime_ns) == (stat.st_ino, stat.st_mtime_ns)
    numbers = [json.loads(line)["number"] for line in lines.read_text().splitlines()]
    assert sorted(numbers) == list(range(10))
    assert not list(output_dir.glob(".part-*"))
    assert_same_as_live(output_dir, solver, levels)
