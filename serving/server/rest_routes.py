"""Which path means what; matched as a whole, query string included."""

from __future__ import annotations

import dataclasses
import re
import urllib.parse
from typing import Any

_MODEL = r"/v1/models/([^/:]+)"
_WHICH = r"(?:(?:/versions/(\d+))|(?:/labels/([^/:]+)))?"
_FLAGS = re.IGNORECASE | re.ASCII
_PREDICTION = re.compile(rf"{_MODEL}{_WHICH}:(classify|regress|predict)", _FLAGS)
_STATUS = re.compile(rf"/v1/models(?:/([^/:]+))?{_WHICH}(?:/(metadata))?", _FLAGS)
_LARGEST_VERSION = 2**63 - 1


class VersionTooLargeError(Exception):
    """A version beyond int64, which is answered with an empty body."""


@dataclasses.dataclass(frozen=True)
class Route:
    """What a request is for.

    Attributes:
        method: `predict`, `classify`, `regress`, `status` or `metadata`.
        model: its name; empty if there was none.
        version: its number, or None.
        label: stands for a version; or None.
    """

    method: str
    model: str
    version: int | None
    label: str | None

    def fill(self, spec: Any) -> None:
        """Write the model and the version into a ModelSpec."""
        spec.name = self.model
        if self.version is not None:
            spec.version.value = self.version
        elif self.label is not None:
            spec.version_label = self.label


def find_route(method: str, path: str) -> Route | None:
    """The route of a request; None if there is none.

    Args:
        method: of HTTP.
        path: as it was sent, still percent-encoded, with the query string.

    Raises:
        VersionTooLargeError: if the version is.

    Example:
        >>> find_route("GET", "/v1/models/three%20level/versions/2")
        Route(method='status', model='three level', version=2, label=None)
    """
    patterns = {"POST": _PREDICTION, "GET": _STATUS}
    match = patterns[method].fullmatch(path) if method in patterns else None
    if match is None:
        return None
    model, version, label, what = match.groups()
    # Twenty digits are too many already, and Python does not read thousands of them.
    number = None if version is None else int(version.lstrip("0")[:20] or "0")
    if number is not None and number > _LARGEST_VERSION:
        raise VersionTooLargeError(path)
    return Route(
        (what or "status").lower(),
        _decoded(model or ""),
        number,
        None if label is None else _decoded(label),
    )


def _decoded(text: str) -> str:
    # A message has no place for other bytes than UTF-8.
    return urllib.parse.unquote(text, "utf-8", "replace")
