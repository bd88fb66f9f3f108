"""The settings that all clients share, checked."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

_LARGEST_VERSION = 2**63 - 1


@dataclasses.dataclass(frozen=True)
class Settings:
    """Which model, and how to ask for it. `GrpcClient` describes the fields.

    Raises:
        ValueError: naming the first field that is wrong.
    """

    model_name: str
    version: int | None
    label: str | None
    timeout: float | None
    retries: int
    backoff: float
    max_batch_rows: int | None
    max_concurrency: int
    headers: Mapping[str, str]

    def __post_init__(self) -> None:
        if not isinstance(self.model_name, str) or not self.model_name:
            raise ValueError(
                "model_name must be the name under which the server offers the model, "
                f"got {self.model_name!r}."
            )
        if self.version is not None and self.label is not None:
            raise ValueError(
                f"version or label must be None, got version {self.version!r} and label "
                f"{self.label!r}: a label names a version already."
            )
        if self.version is not None and not _is_whole(self.version, 0, _LARGEST_VERSION):
            raise ValueError(
                "version must be a whole number such as 1, or None for the version that the "
                f"server chooses, got {self.version!r}."
            )
        if self.label is not None and (not isinstance(self.label, str) or not self.label):
            raise ValueError(f'label must be a name such as "stable" or None, got {self.label!r}.')
        if self.timeout is not None and not _is_positive(self.timeout):
            raise ValueError(
                f"timeout must be seconds above 0, or None for no limit, got {self.timeout!r}."
            )
        if not _is_whole(self.retries, 0):
            raise ValueError(f"retries must be a whole number from 0, got {self.retries!r}.")
        if not _is_positive(self.backoff):
            raise ValueError(f"backoff must be seconds above 0, got {self.backoff!r}.")
        if self.max_batch_rows is not None and not _is_whole(self.max_batch_rows, 1):
            raise ValueError(
                "max_batch_rows must be a whole number from 1, or None for requests of any size, "
                f"got {self.max_batch_rows!r}."
            )
        if not _is_whole(self.max_concurrency, 1):
            raise ValueError(
                f"max_concurrency must be a whole number from 1, got {self.max_concurrency!r}."
            )
        for name, value in dict(self.headers).items():
            if not isinstance(name, str) or not isinstance(value, str):
                raise ValueError(f"headers must be text by name, got {name!r}: {value!r}.")


def _is_whole(value: Any, lowest: int, highest: int | None = None) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        return False
    return lowest <= int(value) and (highest is None or int(value) <= highest)


def _is_positive(value: Any) -> bool:
    kinds = (int, float, np.integer, np.floating)
    if isinstance(value, bool) or not isinstance(value, kinds):
        return False
    return math.isfinite(value) and float(value) > 0
