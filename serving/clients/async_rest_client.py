"""The asynchronous client for REST."""

from __future__ import annotations

import asyncio
from typing import Any

from .async_client import AsyncClient
from .calls import AsyncTransport, Call
from .rest_base import RestBase
from .rest_transport import RestTransport


class AsyncRestClient(RestBase, AsyncClient):
    """As `RestClient`, with the same arguments; its methods are awaited.

    Each request waits in a thread of the event loop's own pool, so no more of them are on their
    way at a time than that pool has threads.

    Example:
        >>> async def compare(first, second):
        ...     async with AsyncRestClient("http://localhost:8501", "three_level") as client:
        ...         return await asyncio.gather(client.fit(first), client.fit(second))
    """

    async def close(self) -> None:
        """Close the connections. Later calls raise ValueError; closing again does nothing."""
        self._closed = True
        self._http.close()

    def _transport(self) -> AsyncTransport:
        return _Transport(self._http)


class _Transport:
    def __init__(self, http: RestTransport):
        self._http = http

    async def send(self, call: Call, timeout: float | None) -> Any:
        return await asyncio.to_thread(self._http.send, call, timeout)
