"""Waiting for SIGTERM or SIGINT, so that none is missed."""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
from collections.abc import Iterator
from types import FrameType, TracebackType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopSignals:
    """Within its block the two signals no longer kill the process.

    Python runs handlers in the main thread only, between two of its instructions. A signal that
    arrives just before the main thread begins to wait for a lock, or in another thread, is noticed
    when that wait ends, which may be never. So `wait` waits for a byte from a socket, which the
    system's own handler writes at once in whichever thread it runs.
    """

    def __init__(self) -> None:
        self._received: list[signal.Signals] = []
        self._ends_process = False

    def __enter__(self) -> StopSignals:
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        fd = self._writer.fileno()
        self._earlier_writer = signal.set_wakeup_fd(fd, warn_on_full_buffer=False)
        self._earlier = [signal.signal(each, self._on_signal) for each in _SIGNALS]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for each, handler in zip(_SIGNALS, self._earlier, strict=True):
            # A second signal must not cut short what the first one began; the process ends anyway.
            signal.signal(each, signal.SIG_IGN if self._received else handler or signal.SIG_DFL)
        signal.set_wakeup_fd(self._earlier_writer)
        self._reader.close()
        self._writer.close()

    @contextlib.contextmanager
    def ending_the_process(self) -> Iterator[None]:
        """Within this block a signal raises SystemExit.

        It does so when the main thread next runs: nothing in the block may wait without a limit.
        """
        self._ends_process = True
        try:
            self._end_process()
            yield
        finally:
            self._ends_process = False

    def wait(self) -> signal.Signals:
        """The first of the signals, when it has come."""
        while not self._received:
            self._reader.recv(1)
        return self._received[0]

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        # No lock and no log in here: the main thread may be in the middle of them.
        del frame
        self._received.append(signal.Signals(number))
        self._end_process()

    def _end_process(self) -> None:
        if self._ends_process and self._received:
            self._ends_process = False  # once: what is raised leads through a cleanup
            sys.exit(0)
