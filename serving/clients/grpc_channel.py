"""A connection to the gRPC port of a server."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc

from .tls import TlsFiles


@dataclasses.dataclass(frozen=True)
class ChannelSettings:
    """Where to connect and how. `GrpcClient` describes the fields.

    Raises:
        ValueError: naming the first field that is wrong.
    """

    target: str
    tls: bool
    files: TlsFiles
    max_message_bytes: int | None
    channel_options: Sequence[tuple[str, Any]]

    def __post_init__(self) -> None:
        if not isinstance(self.target, str) or not self.target:
            raise ValueError(
                f'target must be an address such as "localhost:8500", got {self.target!r}.'
            )
        if "://" in self.target and self.target.startswith(("http://", "https://")):
            raise ValueError(
                f'target must be an address such as "localhost:8500", got {self.target!r}. '
                "An URL belongs to RestClient."
            )
        most = self.max_message_bytes
        if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
            raise ValueError(
                "max_message_bytes must be a whole number from 1, or None for no limit, "
                f"got {most!r}."
            )

    def open(self, module: Any) -> Any:
        """A channel; nothing is sent yet.

        Args:
            module: `grpc` or `grpc.aio`.
        """
        most = -1 if self.max_message_bytes is None else self.max_message_bytes
        options = [
            # gRPC's own limit of 4 MB for answers is a few thousand rows.
            ("grpc.max_receive_message_length", most),
            ("grpc.max_send_message_length", most),
            # A channel that found no server fails without trying for a second and more, during
            # which all our retries would pass in vain. (min_reconnect_backoff_ms must stay as it
            # is: it is also the time that a slow connection has to come about.)
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 2000),
            *self.channel_options,
        ]
        if not self.tls:
            return module.insecure_channel(self.target, options)
        return module.secure_channel(self.target, self._credentials(), options)

    def _credentials(self) -> grpc.ChannelCredentials:
        files = self.files
        paths = (files.root_certificates, files.client_key, files.client_certificate)
        return grpc.ssl_channel_credentials(
            *(None if path is None else Path(path).read_bytes() for path in paths)
        )
