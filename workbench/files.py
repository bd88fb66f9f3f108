"""Write a file so that it is there as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from ..problem.errors import fail


def write_whole(path: Path, text: str) -> None:
    """Write a text file in one step; its permissions stay.

    Raises:
        ProblemError: if it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8", newline="")
        if path.exists():
            beside.chmod(path.stat().st_mode & 0o777)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise fail(str(path), f"the file cannot be written ({error.strerror}).") from None
