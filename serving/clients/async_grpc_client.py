"""The asynchronous client for gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from .async_client import AsyncClient
from .calls import AsyncTransport, Call
from .grpc_base import GrpcBase

if TYPE_CHECKING:
    from .grpc_messages import GrpcMessages


class AsyncGrpcClient(GrpcBase, AsyncClient):
    """As `GrpcClient`, with the same arguments; its methods are awaited.

    It belongs to the event loop of its first call.

    Example:
        >>> async def compare(first, second):
        ...     async with AsyncGrpcClient("localhost:8500", "three_level") as client:
        ...         return await asyncio.gather(client.fit(first), client.fit(second))
    """

    _opened: _Transport | None = None

    async def close(self) -> None:
        """Close the connections. Later calls raise ValueError; closing again does nothing."""
        self._closed = True
        if self._opened is not None:
            await self._opened.channel.close()

    def _transport(self) -> AsyncTransport:
        if self._opened is None:
            channel = self._channel_settings.open(grpc.aio)
            self._opened = _Transport(channel, self._messages, self._sent_headers)
        return self._opened


class _Transport:
    def __init__(self, channel: grpc.aio.Channel, messages: GrpcMessages, headers: Any):
        self.channel = channel
        self._messages = messages
        self._methods = messages.methods(channel)
        self._headers = headers

    async def send(self, call: Call, timeout: float | None) -> Any:
        request = self._messages.request(call)
        method = self._methods[call.kind]
        try:
            message = await method(request, timeout=timeout, metadata=self._headers)
        except grpc.RpcError as error:
            raise self._messages.error(call, error) from error
        return self._messages.answer(call, message)
