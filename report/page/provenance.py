"""Where a result comes from: versions, data, seed, time."""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import platform
from collections.abc import Mapping

import numpy as np

from ..content import Source

_PACKAGES = ("eigenfit", "tensorflow", "numpy")


def provenance_of(source: Source, given: Mapping[str, object]) -> list[tuple[str, str]]:
    """Names and values, those given first.

    A given entry takes the place of one of the same name that is added here: `data`,
    `seed`, `versions`, `time`.

    Args:
        source: the data of the fit.
        given: what the caller knows, such as the name of the problem file.
    """
    now = datetime.datetime.now().astimezone()
    own = {
        "data": _digest(source),
        "seed": str(source.seed),
        "versions": _versions(),
        "time": now.isoformat(sep=" ", timespec="seconds"),
    }
    return [(name, str(value)) for name, value in {**given, **own, **given}.items()]


def _versions() -> str:
    """The versions of the packages and of Python."""
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:  # a copy that pip does not know
            found.append(f"{name} of unknown version")
    return ", ".join([*found, f"Python {platform.python_version()}"])


def _digest(source: Source) -> str:
    """The SHA-256 of the targets and weights, as little-endian float64."""
    if source.targets is None or source.weights is None:
        return "not known to the result"
    total = hashlib.sha256()
    for table in (source.targets, source.weights):
        total.update(np.ascontiguousarray(table, dtype="<f8").tobytes())
    rows, count = source.targets.shape
    return f"{rows} x {count} values, SHA-256 of values and weights {total.hexdigest()}"
