"""What the blocking and the asynchronous gRPC client share: how they are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .base import ClientBase
from .grpc_channel import ChannelSettings
from .settings import Settings
from .tls import PathLike, TlsFiles

if TYPE_CHECKING:
    from .grpc_messages import GrpcMessages


class GrpcBase(ClientBase):
    """The constructor of `GrpcClient`, which describes the arguments."""

    def __init__(
        self,
        target: str,
        model_name: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = 60.0,
        retries: int = 4,
        backoff: float = 0.2,
        max_batch_rows: int | None = 1000,
        max_concurrency: int = 4,
        tls: bool = False,
        root_certificates: PathLike | None = None,
        client_key: PathLike | None = None,
        client_certificate: PathLike | None = None,
        headers: Mapping[str, str] | None = None,
        max_message_bytes: int | None = None,
        channel_options: Sequence[tuple[str, Any]] = (),
    ):
        settings = Settings(
            model_name=model_name,
            version=version,
            label=label,
            timeout=timeout,
            retries=retries,
            backoff=backoff,
            max_batch_rows=max_batch_rows,
            max_concurrency=max_concurrency,
            headers=headers or {},
        )
        files = TlsFiles(root_certificates, client_key, client_certificate)
        self._channel_settings = ChannelSettings(
            target, tls or files.any, files, max_message_bytes, channel_options
        )
        self._prepare(target, settings)
        self._sent_headers = tuple((name.lower(), text) for name, text in settings.headers.items())
        self._messages = _messages(settings, self._where)


def _messages(settings: Settings, where: str) -> GrpcMessages:
    # Here and not above: TensorFlow takes seconds to import, which programs that use REST or only
    # import this package should not wait for.
    from .grpc_messages import GrpcMessages

    return GrpcMessages(settings, where)
