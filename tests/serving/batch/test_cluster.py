"""Real workers, one of which is killed, and a driver that is killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import ray

from eigenfit.serving.batch import fit_dataset
from eigenfit.solver import SpectralSolver

PATIENCE = 300.0  # seconds; a loaded machine starts workers slowly
ROWS = 305
COMMAND = "from eigenfit.cli.main import main; main()"


def wait_for(condition):
    """Poll until it is true; returns what it returned."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)  # a look at all processes takes time itself
    raise TimeoutError(condition)


def spectra(solver: SpectralSolver, rng: np.random.Generator) -> np.ndarray:
    """Levels `[rows, 3]`; some are not observed, some rows are impossible."""
    levels = np.array(solver.spectrum(rng.normal(size=(ROWS, 3))))
    levels[3::10, 1] = np.nan
    levels[5::50] = np.nan
    levels[7::50, 2] = np.inf
    return levels


def written(output_dir: Path) -> list[Path]:
    """What Ray Data's checkpoint says is written."""
    found = (output_dir / "_checkpoint").glob("*.parquet")
    return [path for path in found if not path.name.endswith(".pending.parquet")]


def assert_same_as_live(output_dir: Path, solver: SpectralSolver, levels: np.ndarray) -> None:
    """Every row is there once and equals the live answer to the last bit."""
    table = pq.read_table(list(output_dir.glob("*.parquet"))).sort_by("row_id")
    np.testing.assert_array_equal(table["row_id"].to_numpy(), np.arange(len(levels)))
    live = {name: value.numpy() for name, value in solver.fit(levels)._asdict().items()}
    assert set(table.column_names) == {"row_id", *live}
    for name, expected in live.items():
        column = table[name].combine_chunks()
        while hasattr(column.type, "list_size"):
            column = column.flatten()
        found = column.to_numpy(zero_copy_only=False).reshape(expected.shape)
        assert found.dtype == expected.dtype, name
        assert found.tobytes() == expected.tobytes(), name


def fitting_workers(cluster_process: int) -> list[int]:
    """Workers of our own cluster that hold a model; Ray names its processes."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name = (folder / "cmdline").read_bytes()
            parents = [int(folder.name)]
            while parents[-1] > 1:
                status = Path(f"/proc/{parents[-1]}/stat").read_text()
                parents.append(int(status.rpartition(")")[2].split()[1]))
        except OSError:  # it has ended
            continue
        if name.startswith(b"ray::MapWorker(MapBatches(Fit))") and cluster_process in parents:
            found.append(int(folder.name))
    return found


def test_workers_cannot_import_eigenfit(cluster):
    def found():
        try:
            import eigenfit as there
        except ImportError as error:
            return str(error)
        return there.__path__

    assert ray.get(ray.remote(found).remote()) == "not on the workers"


def test_killed_driver_killed_worker_and_lost_files(
    model_dir, solver, cluster, rng, tmp_path, caplog
):
    levels = spectra(solver, rng)
    np.save(tmp_path / "levels.npy", levels)
    output_dir = tmp_path / "out"
    arguments = [model_dir, tmp_path / "levels.npy", output_dir]
    # Tiny batches make a fragment last long enough to be interrupted.
    options = ["--batch-rows=1", "--fragment-rows=30", "--workers=1", f"--address={cluster[0]}"]
    command = [sys.executable, "-c", COMMAND, "fit-dataset", *map(str, arguments), *options]
    with (tmp_path / "log").open("w") as log:
        driver = subprocess.Popen(command, stderr=log)
        try:
            wait_for(lambda: len(written(output_dir)) >= 3 or driver.poll() is not None)
        finally:
            driver.kill()
            driver.wait()
    assert driver.returncode == -signal.SIGKILL, (tmp_path / "log").read_text()
    wait_for(lambda: not fitting_workers(cluster[1]))  # Ray ends those of a driver that is gone
    finished = {output_dir / f"{path.stem}-0.parquet" for path in written(output_dir)}
    assert 3 <= len(finished) < 11
    lost, damaged, *others = sorted(finished)
    lost.unlink()
    damaged.write_bytes(damaged.read_bytes()[:-30])
    before = {path: path.stat() for path in others}

    def kill():
        count = len(written(output_dir))
        wait_for(lambda: len(written(output_dir)) > count)
        process, *_ = fitting_workers(cluster[1])
        os.kill(process, signal.SIGKILL)
        killed.append(process)

    killed: list[int] = []
    killer = threading.Thread(target=kill)
    with caplog.at_level("INFO", "eigenfit.serving.batch"):
        killer.start()
        report = fit_dataset(*arguments, batch_rows=1, fragment_rows=40)
        killer.join()
    assert killed
    assert f"{lost} is missing" in caplog.text
    assert f"{damaged} is damaged" in caplog.text
    assert report.rows == ROWS
    assert report.fitted_rows == ROWS - sum(pq.read_metadata(path).num_rows for path in others)
    for path, stat in before.items():  # neither fitted nor written again
        assert (path.stat().st_ino, path.stat().st_mtime_ns) == (stat.st_ino, stat.st_mtime_ns)
    assert not list((output_dir / "_checkpoint").glob("*.pending.parquet"))
    assert_same_as_live(output_dir, solver, levels)
    codes, counts = np.unique(solver.fit(levels).status, return_counts=True)
    assert report.statuses == dict(zip(codes.tolist(), counts.tolist(), strict=True))
    assert f"CONVERGED {report.statuses[1]}" in caplog.text
