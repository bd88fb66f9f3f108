"""Waiting for SIGTERM or SIGINT, so that none is missed."""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
from collections.abc import Iterator
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextlib.contextmanager
def stop_signals() -> Iterator[StopSignals]:
    """Within its block the two signals no longer kill the process.

    Python runs handlers in the main thread only, between two of its instructions. A signal that
    arrives just before the main thread begins to wait for a lock, or in another thread, is noticed
    when that wait ends, which may be never. So `StopSignals.wait` waits for a byte from a socket,
    which the system's own handler writes at once in whichever thread it runs.
    """
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)
        signals = StopSignals(reader)
        earlier_writer = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        earlier = [signal.signal(each, signals.on_signal) for each in _SIGNALS]
        try:
            yield signals
        finally:
            for each, handler in zip(_SIGNALS, earlier, strict=True):
                # A second signal must not cut short what the first one began: the process ends.
                ending = signal.SIG_IGN if signals.received else handler
                signal.signal(each, ending or signal.SIG_DFL)
            signal.set_wakeup_fd(earlier_writer)


class StopSignals:
    """The signals that have come, and what they do.

    Attributes:
        received: in their order.
    """

    def __init__(self, reader: socket.socket):
        """Take the socket from which a byte comes for each signal."""
        self.received: list[signal.Signals] = []
        self._reader = reader
        self._ends_process = False

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
        while not self.received:
            self._reader.recv(1)
        return self.received[0]

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """Python's handler."""
        # No lock and no log in here: the main thread may be in the middle of them.
        del frame
        self.received.append(signal.Signals(number))
        self._end_process()

    def _end_process(self) -> None:
        if self._ends_process and self.received:
            self._ends_process = False  # once: what is raised leads through a cleanup
            sys.exit(0)
