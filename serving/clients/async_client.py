"""The methods of the clients that are awaited."""

from __future__ import annotations

import abc
import types
from collections.abc import Mapping
from typing import Any, Self, TypeVar

import numpy as np

from .answers import Covariance, FitResult
from .asynchronous import converse
from .base import ClientBase
from .calls import AsyncTransport, Conversation
from .metadata import ModelMetadata, VersionStatus

_T = TypeVar("_T")


class AsyncClient(ClientBase, abc.ABC):
    """A model on a server, for programs with an event loop; the methods are those of `GrpcClient`.

    Used as an asynchronous context manager, or closed by `await client.close()`.
    """

    async def fit(
        self,
        targets: Any,
        initial: Any = None,
        weights: Any = None,
        tolerance: Any = None,
        max_steps: Any = None,
        **more: Any,
    ) -> FitResult:
        """Find parameters whose spectrum matches the targets: see `GrpcClient.fit`."""
        first = {"targets": targets, "initial": initial, "weights": weights}
        given = first | {"tolerance": tolerance, "max_steps": max_steps} | more
        return await self._hold(self._conversations.fit(given))

    async def spectrum(self, parameters: Any) -> np.ndarray:
        """The eigenvalues of the matrix: see `GrpcClient.spectrum`."""
        return await self._hold(self._conversations.spectrum(parameters))

    async def covariance(
        self, parameters: Any, weights: Any = None, targets: Any = None
    ) -> Covariance:
        """How sure parameters are: see `GrpcClient.covariance`."""
        return await self._hold(self._conversations.covariance(parameters, weights, targets))

    async def predict(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Ask any signature: see `GrpcClient.predict`."""
        return await self._hold(self._conversations.predict(signature, inputs))

    async def metadata(self) -> ModelMetadata:
        """The signatures of the model: see `GrpcClient.metadata`."""
        return await self._hold(self._conversations.metadata())

    async def status(self) -> tuple[VersionStatus, ...]:
        """The versions of the model and their states: see `GrpcClient.status`."""
        return await self._hold(self._conversations.status())

    @abc.abstractmethod
    async def close(self) -> None:
        """Close the connections. Later calls raise ValueError; closing again does nothing."""

    @abc.abstractmethod
    def _transport(self) -> AsyncTransport: ...

    async def _hold(self, conversation: Conversation[_T]) -> _T:
        self._check_open()
        return await converse(conversation, **self._how(self._transport()))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        await self.close()
