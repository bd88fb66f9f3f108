"""Which version directories there are, and which of them are to be served."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

_LARGEST_VERSION = 2**63 - 1


@dataclasses.dataclass(frozen=True)
class VersionPolicy:
    """Chooses versions.

    Attributes:
        latest: serve this many of the highest; 0 when another rule holds.
        specific: serve these; all versions if this is empty and `latest` is 0.
    """

    latest: int = 1
    specific: tuple[int, ...] = ()


def list_versions(base_path: Path) -> dict[int, str]:
    """The version numbers below a base directory, with their paths; `00000123` is 123.

    Raises:
        OSError: if the directory cannot be read.
    """
    found = {}
    for path in sorted(base_path.iterdir()):
        if path.name.isascii() and path.name.isdecimal() and int(path.name) <= _LARGEST_VERSION:
            found[int(path.name)] = str(path)
    return found


def choose_versions(available: Mapping[int, str], policy: VersionPolicy) -> dict[int, str]:
    """Those that the policy wants.

    Example:
        >>> choose_versions({1: "m/1", 2: "m/2"}, VersionPolicy(latest=1))
        {2: 'm/2'}
    """
    if policy.latest:
        wanted = sorted(available, reverse=True)[: policy.latest]
    elif policy.specific:
        wanted = [version for version in policy.specific if version in available]
    else:
        wanted = sorted(available)
    return {version: available[version] for version in wanted}
