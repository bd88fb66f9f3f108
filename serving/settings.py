"""The settings that both clients share, and their checks."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

_LARGEST_VERSION = 2**63 - 1
#: The arguments that are PEM files of a TLS connection.
CERTIFICATES = ("root_certificates", "client_key", "client_certificate")


class Settings(TypedDict, total=False):
    """The keyword arguments of `Client`; `GrpcClient` describes them."""

    version: int | None
    label: str | None
    timeout: float | None
    retries: int
    backoff: float
    max_batch_rows: int | None
    max_concurrency: int
    root_certificates: str | os.PathLike[str] | None
    client_key: str | os.PathLike[str] | None
    client_certificate: str | os.PathLike[str] | None
    headers: Mapping[str, str] | None


def check_settings(settings: Mapping[str, Any]) -> None:
    """Check the settings of a client.

    Args:
        settings: `model_name` and all keyword arguments of `Client`.

    Raises:
        ValueError: for the first one that is invalid.
    """
    version, label = settings["version"], settings["label"]
    if version is not None and label is not None:
        raise ValueError(
            f"version or label must be None, got version {version!r} and label {label!r}: a label "
            "names a version already."
        )
    for name, (holds, wanted) in _RULES.items():
        if not holds(settings[name]):
            raise ValueError(f"{name} must be {wanted}, got {settings[name]!r}.")
    key, certificate = settings["client_key"], settings["client_certificate"]
    if (key is None) != (certificate is None):
        missing = "client_key" if key is None else "client_certificate"
        raise ValueError(
            f"{missing} must be given too: a client shows a key and its certificate together."
        )
    for name, value in dict(settings["headers"] or {}).items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise ValueError(f"headers must be text by name, got {name!r}: {value!r}.")


def is_whole(value: Any, lowest: int, highest: float = math.inf) -> bool:
    """Whether it is an integer, but not a bool, from `lowest` to `highest`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        return False
    return lowest <= int(value) <= highest


def is_text(value: Any) -> bool:
    """Whether it is a non-empty string."""
    return isinstance(value, str) and bool(value)


def _is_positive(value: Any) -> bool:
    kinds = (int, float, np.integer, np.floating)
    if isinstance(value, bool) or not isinstance(value, kinds):
        return False
    return math.isfinite(value) and float(value) > 0


def _is_file(value: Any) -> bool:
    return isinstance(value, (str, os.PathLike)) and Path(value).is_file()


def _or_none(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or holds(value)


_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "model_name": (is_text, "the name under which the server offers the model"),
    "version": (
        _or_none(lambda value: is_whole(value, 0, _LARGEST_VERSION)),
        "a whole number such as 1, or None for the version that the server chooses",
    ),
    "label": (_or_none(is_text), 'a name such as "stable" or None'),
    "timeout": (_or_none(_is_positive), "seconds above 0, or None for no limit"),
    "retries": (lambda value: is_whole(value, 0), "a whole number from 0"),
    "backoff": (_is_positive, "seconds above 0"),
    "max_batch_rows": (
        _or_none(lambda value: is_whole(value, 1)),
        "a whole number from 1, or None for requests of any size",
    ),
    "max_concurrency": (lambda value: is_whole(value, 1), "a whole number from 1"),
    **{name: (_or_none(_is_file), "the path of a PEM file") for name in CERTIFICATES},
}
