"""One version of one model: its state, and who is using it."""

from __future__ import annotations

import enum
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from .codes import Code, ServingError, as_serving_error
from .rules import Rules
from .session_model import Runner

_log = logging.getLogger(__name__)


class State(enum.IntEnum):
    """The states of a version, numbered as in the status messages."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


class Loaded(Protocol):
    """A version in memory, warm and ready to run."""

    signatures: Mapping[str, Any]
    runner: Runner
    rules: Rules

    def close(self) -> None:
        """Free it. Nobody is using it any more."""
        ...


class ServedVersion:
    """A version and its state; the state changes only while the lock of the manager is held.

    Attributes:
        name: of the model.
        version: its number.
        directory: where it is.
        state: see `State`.
        error: why it could not be loaded; None otherwise.
        wanted: cleared to stop further attempts to load it.
        tried: whether an attempt to load it has ended, well or not.
    """

    def __init__(self, name: str, version: int, directory: str, changed: threading.Condition):
        self.name = name
        self.version = version
        self.directory = directory
        self.state = State.START
        self.error: ServingError | None = None
        self.wanted = True
        self.tried = False
        self._changed = changed
        self._loaded: Loaded | None = None
        self._users = 0

    @property
    def loaded(self) -> Loaded:
        """What is in memory; only for those who hold the version."""
        if self._loaded is None:
            raise ServingError(Code.INTERNAL, f"{self.name} {self.version} is not loaded")
        return self._loaded

    def hold(self) -> bool:
        """Keep the version in memory until `release`; False if it is not available."""
        with self._changed:
            if self.state is not State.AVAILABLE:
                return False
            self._users += 1
            return True

    def release(self) -> None:
        """The counterpart of `hold`; the last one out of a retired version frees it."""
        with self._changed:
            self._users -= 1
            self._free_if_unused()

    def retire(self) -> None:
        """Take no more requests; free the version when those under way are done.

        One that is being loaded is not tried again, but what has begun is brought to its end.
        """
        with self._changed:
            self.wanted = False
            self._changed.notify_all()
            if self.state is State.AVAILABLE:
                self._set(State.UNLOADING)
                self._free_if_unused()

    def load(
        self, loader: Callable[[ServedVersion], Loaded], attempts: int, interval: float
    ) -> None:
        """Load, in the calling thread, and try again if that fails.

        Args:
            loader: returns the version, loaded and warm, or raises.
            attempts: how often to try.
            interval: seconds between attempts.
        """
        with self._changed:
            self._set(State.LOADING)
        error: ServingError | None = None
        for attempt in range(attempts):
            if attempt and not self._pause(interval):
                break
            try:
                loaded = loader(self)
            except Exception as reason:
                error = as_serving_error(reason)
                _log.warning(
                    "%s version %d, attempt %d: %s", self.name, self.version, attempt + 1, error
                )
                with self._changed:
                    self.tried = True
                    self._changed.notify_all()
                continue
            with self._changed:
                self.tried = True
                self._loaded = loaded
                self._set(State.AVAILABLE)
            return
        with self._changed:
            self.error = error
            self._set(State.END)

    def _pause(self, interval: float) -> bool:
        """Wait; False as soon as nobody wants the version any more."""
        with self._changed:
            self._changed.wait_for(lambda: not self.wanted, interval)
            return self.wanted

    def _free_if_unused(self) -> None:
        if self.state is State.UNLOADING and self._users == 0 and self._loaded is not None:
            loaded, self._loaded = self._loaded, None
            # It takes long enough to be felt by requests, which would wait for the lock meanwhile.
            name = f"free-{self.name}-{self.version}"
            threading.Thread(target=self._free, args=(loaded,), name=name).start()

    def _free(self, loaded: Loaded) -> None:
        loaded.close()
        with self._changed:
            self._set(State.END)

    def _set(self, state: State) -> None:
        _log.info("%s version %d: %s", self.name, self.version, state.name)
        self.state = state
        self._changed.notify_all()
