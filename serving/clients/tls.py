"""Certificates and keys for an encrypted connection, as files."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

PathLike = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True)
class TlsFiles:
    """PEM files.

    Attributes:
        root_certificates: of the authorities to believe; None for those of the system.
        client_key: the private key that this client shows, together with `client_certificate`.
        client_certificate: its certificate chain.

    Raises:
        ValueError: if a file is not there, or only one of key and certificate is given.
    """

    root_certificates: PathLike | None = None
    client_key: PathLike | None = None
    client_certificate: PathLike | None = None

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            path = getattr(self, field.name)
            if path is None:
                continue
            if not isinstance(path, (str, os.PathLike)) or not Path(path).is_file():
                raise ValueError(f"{field.name} must be the path of a PEM file, got {path!r}.")
        if (self.client_key is None) != (self.client_certificate is None):
            missing = "client_key" if self.client_key is None else "client_certificate"
            raise ValueError(
                f"{missing} must be given too: a client shows a key and its certificate together."
            )

    @property
    def any(self) -> bool:
        """Whether any file is given."""
        return any(getattr(self, field.name) is not None for field in dataclasses.fields(self))
