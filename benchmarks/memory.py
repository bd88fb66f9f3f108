"""Resident memory of another process, as Linux reports it."""

from __future__ import annotations

from pathlib import Path


def resident(process: int) -> float:
    """Mebibytes now."""
    return _status(process, "VmRSS")


def peak(process: int) -> float:
    """The most mebibytes since `forget_peak`."""
    return _status(process, "VmHWM")


def forget_peak(process: int) -> None:
    """Begin anew: the most so far becomes what is resident now."""
    Path(f"/proc/{process}/clear_refs").write_text("5")


def _status(process: int, key: str) -> float:
    text = Path(f"/proc/{process}/status").read_text()
    line = next(line for line in text.splitlines() if line.startswith(key))
    return int(line.split()[1]) / 1024
