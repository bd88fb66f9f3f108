"""What the command was asked for."""

from __future__ import annotations

import dataclasses
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Options:
    """Of all suites.

    Attributes:
        output: the folder of the results.
        rows: batch sizes of the speed table.
        problems: parts of names of problems of the speed table; empty for all.
        repetitions: rounds of each measurement.
        quick: small, to see that it works.
        peers: to compare with; eigenfit is always among them.
        longest: seconds; a peer that would need longer gets fewer rows, and its time is scaled.
    """

    output: Path
    rows: tuple[int, ...]
    problems: tuple[str, ...]
    repetitions: int
    quick: bool
    peers: tuple[str, ...]
    longest: float
