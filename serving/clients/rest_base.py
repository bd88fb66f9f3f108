"""What the blocking and the asynchronous REST client share: how they are made."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from .base import ClientBase
from .rest_messages import RestMessages
from .rest_transport import RestTransport
from .settings import Settings
from .tls import PathLike, TlsFiles


class RestBase(ClientBase):
    """The constructor of `RestClient`, which describes the arguments."""

    def __init__(
        self,
        url: str,
        model_name: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = 60.0,
        retries: int = 4,
        backoff: float = 0.2,
        max_batch_rows: int | None = 1000,
        max_concurrency: int = 4,
        root_certificates: PathLike | None = None,
        client_key: PathLike | None = None,
        client_certificate: PathLike | None = None,
        headers: Mapping[str, str] | None = None,
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
        base = _check_url(url, files)
        self._prepare(base, settings, doubts_zeros=True)
        messages = RestMessages(settings, base, self._where)
        self._http = RestTransport(messages, files, settings.headers, self._where)


def _check_url(url: str, files: TlsFiles) -> str:
    """The address with its scheme and without a slash at the end."""
    example = '"http://localhost:8501"'
    if not isinstance(url, str) or not url:
        raise ValueError(f"url must be an address such as {example}, got {url!r}.")
    base = (url if "://" in url else f"http://{url}").rstrip("/")
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"url must be an address such as {example}, got {url!r}.")
    if parts.path.startswith("/v1"):
        raise ValueError(
            f"url must be the address of the server alone, such as {example}, got {url!r}. The "
            "client adds /v1/models/ and the name of the model."
        )
    if files.any and parts.scheme != "https":
        raise ValueError(f"url must begin with https:// where certificates are given, got {url!r}.")
    return base
