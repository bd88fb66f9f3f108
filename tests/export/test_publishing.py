"""Version directories: numbers, refusals, races, and nothing left behind."""

import os
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.export import export_saved_model, publishing
from eigenfit.export.publishing import (
    check_base_dir,
    check_version,
    existing_versions,
    next_version,
    publish,
    remove_old_versions,
    staging_directory,
)
from eigenfit.solver import SpectralSolver, Symmetric


def make_model(base_dir, content="model"):
    """What an exporter publishes: a directory with something in it."""
    staged = base_dir / f"exporting-{content}"
    staged.mkdir()
    (staged / "saved_model.pb").write_text(content)
    return staged


def names(base_dir):
    return sorted(path.name for path in base_dir.iterdir())


@pytest.mark.parametrize(
    ("existing", "expected"),
    [
        ([], 1),
        (["1"], 2),
        (["1", "7", "3"], 8),
        (["00000123"], 124),
        (["9", "10"], 11),
        (["0"], 1),
        (["latest", "v3", "-5", "+6", "1.5", " 7", "3e2", "exporting-0123", "²", "٣"], 1),
        (["99999999999999999999"], 1),  # too large for TensorFlow Serving: just a name
    ],
)
def test_next_version(tmp_path, existing, expected):
    for name in existing:
        (tmp_path / name).mkdir()
    assert next_version(tmp_path) == expected


def test_a_file_named_like_a_version_counts(tmp_path):
    (tmp_path / "4").write_text("TensorFlow Serving would try to load this")
    assert existing_versions(tmp_path) == {4: "4"}
    staged = make_model(tmp_path)
    assert publish(staged, tmp_path, None).name == "5"


@pytest.mark.parametrize("version", [0, -1, 1.0, "1", True, 2**63, np.float64(2)])
def test_version_must_be_a_positive_integer(tmp_path, version):
    with pytest.raises(ValueError, match="version must be a positive integer"):
        check_version(version, tmp_path)


def test_no_version_follows_the_largest(tmp_path):
    (tmp_path / str(2**63 - 1)).mkdir()
    staged = make_model(tmp_path)
    message = rf"version must be a positive integer below 2\*\*63, .* got {2**63}\. Choose"
    with pytest.raises(ValueError, match=message):
        check_version(None, tmp_path)
    with pytest.raises(ValueError, match=message):
        publish(staged, tmp_path, None)
    assert names(tmp_path) == sorted([str(2**63 - 1), staged.name])
    assert check_version(5, tmp_path) == 5


def test_only_models_are_counted_and_removed(tmp_path):
    for name in ("1", "2", "3", "2027"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").write_text("model")
    (tmp_path / "3" / "saved_model.pb").rename(tmp_path / "3" / "saved_model.pbtxt")
    (tmp_path / "4" / "data").mkdir(parents=True)  # a directory of something else
    (tmp_path / "5").symlink_to(tmp_path / "1")
    (tmp_path / "2026").write_text("the accounts of the year")
    assert remove_old_versions(tmp_path, keep=3, newest=2027) == [1]
    assert names(tmp_path) == ["2", "2026", "2027", "3", "4", "5"]
    assert remove_old_versions(tmp_path, keep=1, newest=2027) == [2, 3]
    assert names(tmp_path) == ["2026", "2027", "4", "5"]
    assert next_version(tmp_path) == 2028


def test_the_version_just_written_is_not_removed(tmp_path):
    for name in ("1", "2", "5", "6"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").write_text("model")
    assert remove_old_versions(tmp_path, keep=1, newest=2) == [1]
    assert names(tmp_path) == ["2", "5", "6"]


def test_leftovers_are_removed_when_they_are_a_day_old(tmp_path):
    now = time.time()
    for name, hours in {
        "exporting-old": 25,
        "removing-old": 25,
        "exporting-new": 23,
        "removing-new": 0,
        "1": 1000,
        "notes-exporting-": 1000,
    }.items():
        (tmp_path / name / "variables").mkdir(parents=True)
        written = now - 3600 * hours
        os.utime(tmp_path / name, (written, written))
    (tmp_path / "exporting-log").write_text("a file is no leftover")
    os.utime(tmp_path / "exporting-log", (now - 90_000, now - 90_000))
    with staging_directory(tmp_path) as staged:
        left = ["1", "exporting-log", "exporting-new", "notes-exporting-", "removing-new"]
        assert names(tmp_path) == sorted([*left, staged.name])
    assert names(tmp_path) == left


def test_version_may_be_a_numpy_integer(tmp_path):
    assert check_version(np.int64(3), tmp_path) == 3


@pytest.mark.parametrize("name", ["3", "0003"])
def test_existing_version_is_refused(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(FileExistsError, match=r"version 3 exists already, as .*3.* to write 4"):
        check_version(3, tmp_path)
    staged = make_model(tmp_path)
    with pytest.raises(FileExistsError, match="version 3 exists already"):
        publish(staged, tmp_path, 3)
    assert names(tmp_path) == sorted([name, staged.name])


@pytest.mark.parametrize("base_dir", ["", None, 3, b"", b"models", "a\0b"])
def test_base_dir_must_be_a_path(base_dir):
    with pytest.raises(ValueError, match="base_dir must be the path of a directory"):
        check_base_dir(base_dir)


@pytest.mark.parametrize("address", ["gs://bucket/model", "s3://b", "file:///models", "hdfs:/a"])
def test_base_dir_must_be_local(address):
    for base_dir in (address, Path(address)):  # pathlib makes gs:/ of gs://
        with pytest.raises(ValueError, match="local file system"):
            check_base_dir(base_dir)
    assert check_base_dir("models/a:b/c:/") == Path("models/a:b/c:")


@pytest.mark.parametrize("name", ["a[1]", "a*", "what?", "back\\slash", "a]", "[/model"])
def test_base_dir_without_the_characters_of_patterns(tmp_path, monkeypatch, name):
    (tmp_path / name).mkdir(parents=True)
    message = r"base_dir must be a path without .*Choose another"
    with pytest.raises(ValueError, match=message):
        export_saved_model(SpectralSolver(Symmetric(2)), tmp_path / name)
    monkeypatch.chdir(tmp_path / name)
    with pytest.raises(ValueError, match=message):  # the full path counts
        check_base_dir("models")


def test_base_dir_must_not_be_a_file(tmp_path):
    (tmp_path / "model").write_text("")
    with pytest.raises(NotADirectoryError, match="is a file"):
        check_base_dir(tmp_path / "model")


def test_staging_directory_goes_away_with_what_it_made(tmp_path):
    base_dir = tmp_path / "models" / "deep" / "name"

    def write_until_stopped():
        with staging_directory(base_dir) as staged:
            (staged / "variables").mkdir()
            assert staged.parent == base_dir
            assert not existing_versions(base_dir)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_until_stopped()
    assert names(tmp_path) == []


def test_staging_directory_leaves_what_was_there(tmp_path):
    (tmp_path / "notes").write_text("")
    with pytest.raises(KeyError), staging_directory(tmp_path):
        raise KeyError
    assert names(tmp_path) == ["notes"]


def test_staging_directory_keeps_what_was_published(tmp_path):
    base_dir = tmp_path / "models" / "name"
    with staging_directory(base_dir) as staged:
        (staged / "saved_model.pb").write_text("model")
        publish(staged, base_dir, None)
    assert names(base_dir) == ["1"]
    assert names(base_dir / "1") == ["saved_model.pb"]


@pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX")
def test_published_directory_is_readable_by_others_as_the_umask_says(tmp_path):
    before = os.umask(0o022)
    try:
        with staging_directory(tmp_path) as staged:
            published = publish(staged, tmp_path, None)
    finally:
        os.umask(before)
    assert stat.S_IMODE(published.stat().st_mode) == 0o755


def test_another_exporter_takes_the_number_first(tmp_path, monkeypatch):
    staged, other = make_model(tmp_path, "ours"), make_model(tmp_path, "theirs")
    rename = Path.rename

    def rename_after_the_other(self, target):
        if other.exists():
            rename(other, target)
        return rename(self, target)

    monkeypatch.setattr(publishing.Path, "rename", rename_after_the_other)
    assert publish(staged, tmp_path, None) == tmp_path / "2"
    assert (tmp_path / "1" / "saved_model.pb").read_text() == "theirs"
    assert (tmp_path / "2" / "saved_model.pb").read_text() == "ours"
    assert names(tmp_path) == ["1", "2"]


def test_another_exporter_takes_the_given_number_first(tmp_path, monkeypatch):
    staged, other = make_model(tmp_path, "ours"), make_model(tmp_path, "theirs")
    rename = Path.rename

    def rename_after_the_other(self, target):
        rename(other, target)
        return rename(self, target)

    monkeypatch.setattr(publishing.Path, "rename", rename_after_the_other)
    with pytest.raises(FileExistsError, match="version 5 exists already"):
        publish(staged, tmp_path, 5)
    assert (tmp_path / "5" / "saved_model.pb").read_text() == "theirs"
    assert names(tmp_path / "5") == ["saved_model.pb"]


def test_other_errors_of_renaming_are_not_retried(tmp_path, monkeypatch):
    staged = make_model(tmp_path)

    def fail(self, target):
        raise PermissionError("read-only file system")

    monkeypatch.setattr(publishing.Path, "rename", fail)
    with pytest.raises(PermissionError, match="read-only"):
        publish(staged, tmp_path, None)


def test_race_of_many_exporters(tmp_path):
    count = 16
    start = threading.Barrier(count)

    def export(number):
        with staging_directory(tmp_path / "model") as staged:
            for part in range(5):
                (staged / f"part-{part}").write_text(str(number))
            start.wait()
            publish(staged, tmp_path / "model", None)

    threads = [threading.Thread(target=export, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    versions = existing_versions(tmp_path / "model")
    assert sorted(versions) == list(range(1, count + 1))
    assert len(names(tmp_path / "model")) == count
    seen = set()
    for version in versions.values():
        parts = {path.read_text() for path in (tmp_path / "model" / version).iterdir()}
        assert len(parts) == 1
        assert len(list((tmp_path / "model" / version).iterdir())) == 5
        seen |= parts
    assert len(seen) == count


@pytest.mark.usefixtures("only_spectrum")
def test_export_takes_the_next_or_the_given_version(tmp_path):
    solver = SpectralSolver(Symmetric(2))
    base_dir = tmp_path / "models" / "symmetric"
    assert export_saved_model(solver, str(base_dir)) == str(base_dir / "1")
    (base_dir / "00000041").mkdir()
    (base_dir / "not_a_version").mkdir()
    assert export_saved_model(solver, base_dir) == str(base_dir / "42")
    assert export_saved_model(solver, base_dir, version=7) == str(base_dir / "7")
    with pytest.raises(FileExistsError, match="version 42 exists already"):
        export_saved_model(solver, base_dir, version=42)
    assert names(base_dir) == ["00000041", "1", "42", "7", "not_a_version"]
    for version in ("1", "42", "7"):
        assert (base_dir / version / "saved_model.pb").is_file()


@pytest.mark.usefixtures("only_spectrum")
def test_two_exports_at_the_same_time(tmp_path):
    solvers = [SpectralSolver(Symmetric(size)) for size in (2, 3)]
    with ThreadPoolExecutor(max_workers=2) as executor:
        written = list(executor.map(lambda solver: export_saved_model(solver, tmp_path), solvers))
    assert names(tmp_path) == ["1", "2"]
    for version_dir, size, count in zip(written, (2, 3), (3, 6), strict=True):
        spectrum = tf.saved_model.load(version_dir).signatures["spectrum"]
        assert spectrum(parameters=tf.zeros([1, count], tf.float64))["eigenvalues"].shape == (
            1,
            size,
        )


def test_export_refuses_bad_arguments_before_it_writes(tmp_path):
    solver = SpectralSolver(Symmetric(2))
    with pytest.raises(ValueError, match=r"solver must be a SpectralSolver .*got 'solver'"):
        export_saved_model("solver", tmp_path / "model")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="solver must be a SpectralSolver"):
        export_saved_model(SpectralSolver, tmp_path / "model")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="solver must be a SpectralSolver"):
        export_saved_model(Symmetric(3), tmp_path / "model")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="version must be a positive integer"):
        export_saved_model(solver, tmp_path / "model", version=0)
    with pytest.raises(ValueError, match="base_dir must be"):
        export_saved_model(solver, "")
    assert names(tmp_path) == []
