"""Version directories: filled under another name, then put in place in one step.

TensorFlow Serving tries to load a directory with a number for its name as soon as it appears. So a
version is written under a name that is no number, and renamed when it is complete.
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

# TensorFlow Serving reads version numbers as int64; a larger number is just a name to it.
_LARGEST_VERSION = 2**63 - 1
# How directories are named while a version is written or removed: no numbers.
_EXPORTING = "exporting-"
_REMOVING = "removing-"
# What makes a directory a model: TensorFlow Serving looks for one of these.
_GRAPH_FILES = ("saved_model.pb", "saved_model.pbtxt")
# An export takes seconds or minutes; what is older belongs to nobody.
_LEFTOVER_SECONDS = 24 * 3600


def check_base_dir(base_dir: Any) -> Path:
    """The base directory as a path.

    Raises:
        ValueError: if it is not a path on a local file system that TensorFlow can read.
        NotADirectoryError: if it is a file.
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
    """Whether it is an address such as `gs://bucket/model` and no path of this machine.

    `Path("gs://bucket/model")` counts too: it is the path `gs:/bucket/model` by then.

    Example:
        >>> is_remote("s3://bucket/model"), is_remote(Path("gs://b/x")), is_remote("models/a:b/1")
        (True, True, False)
    """
    return bool(re.match(r"[A-Za-z][A-Za-z0-9+.-]+:(/|$)", os.fspath(path)))


def pattern_characters(path: Path) -> str:
    """Those characters of the absolute path that TensorFlow does not take literally.

    It finds the variables of a SavedModel by a pattern, and says nothing of it when that fails.

    Example:
        >>> pattern_characters(Path("/models/a[1]/*"))
        '[ ] *'
    """
    found = str(path.absolute())
    return " ".join(character for character in "[]*?\\" if character in found)


def newest_model(base_dir: Path) -> Path | None:
    """The directory of the highest version that holds a graph, if there is one."""
    versions = existing_versions(base_dir)
    models = [base_dir / versions[number] for number in sorted(versions)]
    return next((path for path in reversed(models) if _is_model(path)), None)


def check_version(version: Any, base_dir: Path) -> int | None:
    """The version as an int, or None for the next one.

    Raises:
        ValueError: if it, or the next one, is not a positive integer that TensorFlow Serving can
            read.
        FileExistsError: if the version exists.
    """
    if version is None:
        _check_number(next_version(base_dir))
        return None
    _check_number(version)
    _refuse_existing(base_dir, int(version))
    return int(version)


def existing_versions(base_dir: Path) -> dict[int, str]:
    """The versions in a base directory and their names: `00000123` is version 123.

    A file counts too: TensorFlow Serving looks at names only, and takes it for a version.
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
    """An empty directory inside the base directory, whose name is no version number.

    On leaving, it is removed unless it was published, and so are the base directory and its
    parents if they were made here and nothing is in them.

    Args:
        base_dir: made if it does not exist.

    Yields:
        The path of the empty directory.
    """
    made_here = [path for path in (base_dir, *base_dir.parents) if not path.exists()]
    # Not by `tempfile`, whose directories only their owner can read: a server is another user.
    remove_leftovers(base_dir)
    staged = base_dir / f"{_EXPORTING}{uuid.uuid4().hex}"
    try:
        staged.mkdir(parents=True)
        yield staged
    finally:
        shutil.rmtree(staged, ignore_errors=True)
        for path in made_here:
            with contextlib.suppress(OSError):  # something is in it
                path.rmdir()


def publish(staged: Path, base_dir: Path, version: int | None) -> Path:
    """Give a complete directory its version number for a name.

    Renaming a directory onto one that holds anything fails, so of two exporters that chose the
    same number one comes second and, if the number was its own choice, takes the next.

    Args:
        staged: the complete directory, inside `base_dir`.
        base_dir: where versions are.
        version: the number; the next one when None.

    Returns:
        The path of the version directory.

    Raises:
        ValueError: if the next number is one that TensorFlow Serving cannot read.
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
            continue  # somebody was faster
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

    Only directories that hold a graph count, and only they are removed: whatever else has a number
    for its name is not ours. A version is first renamed to a name that is no number, so a server
    never sees half of one. It unloads a version whose directory is gone. Versions above `newest`,
    which somebody else wrote meanwhile, count but are never removed; nor is `newest` itself.

    Args:
        base_dir: where versions are.
        keep: how many to leave, at least 1.
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
            continue  # another exporter was faster
        shutil.rmtree(leaving, ignore_errors=True)
        removed.append(number)
    return removed


def remove_leftovers(base_dir: Path) -> None:
    """Remove what exporters that were killed left behind, once it is a day old."""
    old = time.time() - _LEFTOVER_SECONDS
    for path in base_dir.iterdir() if base_dir.is_dir() else ():
        if path.name.startswith((_EXPORTING, _REMOVING)):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < old:
                    shutil.rmtree(path, ignore_errors=True)


def _is_model(path: Path) -> bool:
    """Whether an exporter may have written it: a directory, not a link to one, with a graph."""
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
