"""Version directories: written under a temporary name, then renamed.

TensorFlow Serving loads a directory whose name is a number as soon as it appears. So a version is
written under a name that is not a number, and renamed when it is complete.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

# TensorFlow Serving reads version numbers as int64 and ignores larger ones.
_LARGEST_VERSION = 2**63 - 1
# Prefixes of directories while a version is written or removed.
_EXPORTING = "exporting-"
_REMOVING = "removing-"
# TensorFlow Serving takes a directory with one of these files for a model.
_GRAPH_FILES = ("saved_model.pb", "saved_model.pbtxt")
# An export takes seconds or minutes; older temporary directories were abandoned.
_LEFTOVER_SECONDS = 24 * 3600


def check_base_dir(base_dir: Any) -> Path:
    """Check the base directory and return it as a path.

    Raises:
        ValueError: if it is not a path on a local file system that TensorFlow can read.
        NotADirectoryError: if it exists and is not a directory.
    """
    text = os.fspath(base_dir) if isinstance(base_dir, (str, os.PathLike)) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise ValueError(
            "export_saved_model: base_dir must be the path of a directory such as "
            f'"models/three_level", got {base_dir!r}.'
        )
    if is_remote(text):
        raise ValueError(
            f"export_saved_model: base_dir must be on a local file system, got {base_dir!r}: a "
            "version is put in place by renaming its directory, which object stores cannot do in "
            "one step. Export locally and upload the version directory."
        )
    path = Path(text)
    pattern = pattern_characters(path)
    if pattern:
        raise ValueError(
            f"export_saved_model: base_dir must be a path without {pattern}, got {text!r} "
            f"({path.absolute()}): TensorFlow looks for the variables of a model by a pattern in "
            "which such characters have a meaning. Choose another directory."
        )
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(
            f"export_saved_model: base_dir must be a directory, but {path} is a file."
        )
    return path


def is_remote(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a URL such as `gs://bucket/model`.

    `Path("gs://bucket/model")`, which pathlib turns into `gs:/bucket/model`, counts too.

    Example:
        >>> is_remote("s3://bucket/model"), is_remote(Path("gs://b/x")), is_remote("models/a:b/1")
        (True, True, False)
    """
    return bool(re.match(r"[A-Za-z][A-Za-z0-9+.-]+:(/|$)", os.fspath(path)))


def pattern_characters(path: Path) -> str:
    """The characters of the absolute path that TensorFlow reads as wildcards.

    TensorFlow finds the variables of a SavedModel by a glob pattern, and reports no error when that
    fails.

    Example:
        >>> pattern_characters(Path("/models/a[1]/*"))
        '[ ] *'
    """
    found = str(path.absolute())
    return " ".join(character for character in "[]*?\\" if character in found)


def newest_model(base_dir: Path) -> Path | None:
    """The directory of the highest version that holds a graph; None if there is none."""
    versions = existing_versions(base_dir)
    models = [base_dir / versions[number] for number in sorted(versions)]
    return next((path for path in reversed(models) if _is_model(path)), None)


def check_version(version: Any, base_dir: Path) -> int | None:
    """Check a version and return it as an int, or None for the next free one.

    Raises:
        ValueError: if it, or the next one, is not an integer from 1 to 2**63 - 1.
        FileExistsError: if the version exists.
    """
    if version is None:
        _check_number(next_version(base_dir))
        return None
    _check_number(version)
    _refuse_existing(base_dir, int(version))
    return int(version)


def existing_versions(base_dir: Path) -> dict[int, str]:
    """The versions in a base directory, with their file names: `00000123` is version 123.

    Files count too, because TensorFlow Serving looks at names only.
    """
    names = [path.name for path in base_dir.iterdir()] if base_dir.is_dir() else []
    numbers = {int(name): name for name in names if name.isascii() and name.isdecimal()}
    return {number: name for number, name in numbers.items() if number <= _LARGEST_VERSION}


def next_version(base_dir: Path) -> int:
    """The number after the highest existing version; 1 if there is none.

    Example:
        >>> next_version(Path("no_such_directory"))
        1
    """
    return max(existing_versions(base_dir), default=0) + 1


@contextlib.contextmanager
def staging_directory(base_dir: Path) -> Iterator[Path]:
    """A temporary directory inside the base directory, whose name is not a version number.

    On exit it is removed unless it was published. The base directory and its parents are removed
    too if they were created here and are empty.

    Args:
        base_dir: created if it does not exist.

    Yields:
        The path of the empty directory.
    """
    made_here = [path for path in (base_dir, *base_dir.parents) if not path.exists()]
    # Not `tempfile`: only the owner can read its directories, and a server is another user.
    remove_leftovers(base_dir)
    staged = base_dir / f"{_EXPORTING}{uuid.uuid4().hex}"
    try:
        staged.mkdir(parents=True)
        yield staged
    finally:
        shutil.rmtree(staged, ignore_errors=True)
        for path in made_here:
            with contextlib.suppress(OSError):  # not empty
                path.rmdir()


def publish(staged: Path, base_dir: Path, version: int | None) -> Path:
    """Rename a complete directory to its version number.

    Renaming onto a directory that is not empty fails. So if two exporters chose the same number,
    the second takes the next one if `version` is None.

    Args:
        staged: the complete directory, inside `base_dir`.
        base_dir: the directory of the versions.
        version: the number; the next free one when None.

    Returns:
        The path of the version directory.

    Raises:
        ValueError: if the next number is above 2**63 - 1.
        FileExistsError: if the given version exists.
    """
    while True:
        number = next_version(base_dir) if version is None else version
        _check_number(number)
        if version is not None:
            _refuse_existing(base_dir, version)
        target = base_dir / str(number)
        try:
            staged.rename(target)
        except OSError:
            if number not in existing_versions(base_dir):
                raise
            continue  # another exporter took the number
        return target


def check_keep(keep: Any) -> None:
    """Raise ValueError unless `keep` is None or an integer of at least 1."""
    whole = isinstance(keep, (int, np.integer)) and not isinstance(keep, bool)
    if keep is not None and not (whole and keep >= 1):
        raise ValueError(
            "export_saved_model: keep must be an integer of at least 1, the number of versions to "
            f"leave, or None for all of them, got {keep!r}."
        )


def remove_old_versions(base_dir: Path, keep: int, newest: int) -> list[int]:
    """Remove the oldest models until `keep` are left.

    Only directories that hold a graph are counted and removed. A version is first renamed to a name
    that is not a number, so that a server never sees half of it; the server then unloads it.
    Versions above `newest`, written by another exporter meanwhile, count but are never removed; nor
    is `newest` itself.

    Args:
        base_dir: the directory of the versions.
        keep: number of models to leave, at least 1.
        newest: the version that was just written.

    Returns:
        The numbers of the versions removed, ascending.
    """
    versions = {
        number: name
        for number, name in existing_versions(base_dir).items()
        if _is_model(base_dir / name)
    }
    removed = []
    for number in sorted(versions)[:-keep]:
        if number >= newest:
            break
        leaving = base_dir / f"{_REMOVING}{uuid.uuid4().hex}"
        try:
            (base_dir / versions[number]).rename(leaving)
        except FileNotFoundError:
            continue  # another exporter removed it
        shutil.rmtree(leaving, ignore_errors=True)
        removed.append(number)
    return removed


def remove_leftovers(base_dir: Path) -> None:
    """Remove temporary directories of killed exporters that are older than a day."""
    old = time.time() - _LEFTOVER_SECONDS
    for path in base_dir.iterdir() if base_dir.is_dir() else ():
        if path.name.startswith((_EXPORTING, _REMOVING)):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < old:
                    shutil.rmtree(path, ignore_errors=True)


def _is_model(path: Path) -> bool:
    """Whether it is a directory with a graph, and not a link to one."""
    return not path.is_symlink() and any((path / name).is_file() for name in _GRAPH_FILES)


def _check_number(version: Any) -> None:
    whole = isinstance(version, (int, np.integer)) and not isinstance(version, bool)
    if not whole or not 1 <= version <= _LARGEST_VERSION:
        raise ValueError(
            "export_saved_model: version must be a positive integer below 2**63, or None for the "
            f"number after the highest in base_dir, got {version!r}. Choose a free number."
        )


def _refuse_existing(base_dir: Path, version: int) -> None:
    name = existing_versions(base_dir).get(version)
    if name is not None:
        raise FileExistsError(
            f"export_saved_model: version {version} exists already, as {base_dir / name}, and a "
            f"version is never overwritten. Leave version out to write {next_version(base_dir)}."
        )
