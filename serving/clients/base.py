"""What blocking and asynchronous clients have in common besides their methods."""

from __future__ import annotations

import threading
from typing import Any

from .conversations import Conversations
from .deadline import Deadline, RetryPolicy
from .settings import Settings


class ClientBase:
    """Settings, what is known about the model, and whether the client is still open."""

    def _prepare(self, address: str, settings: Settings, doubts_zeros: bool = False) -> None:
        self._settings = settings
        self._where = f"model {settings.model_name!r} at {address}"
        most = settings.max_batch_rows
        self._conversations = Conversations(self._where, most, doubts_zeros)
        self._policy = RetryPolicy(settings.retries, settings.backoff)
        self._closed = False
        self._lock = threading.Lock()  # around opening and closing, not around calls

    def _how(self, transport: Any) -> dict[str, Any]:
        """The arguments of `converse` for one call, whose time starts now."""
        return {
            "transport": transport,
            "policy": self._policy,
            "deadline": Deadline(self._settings.timeout),
            "max_concurrency": self._settings.max_concurrency,
            "where": self._where,
        }

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError(f"The client is closed ({self._where}). Make a new one.")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self._where}>"
