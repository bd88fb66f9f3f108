"""What every peer offers."""

from __future__ import annotations

import numpy as np

from ..problems import Problem


class Peer:
    """A program that fits levels."""

    def prepare(self, problem: Problem) -> None:
        """Take the matrices."""
        raise NotImplementedError

    def tune(self, targets: np.ndarray, starts: np.ndarray) -> None:
        """Choose what is quickest for this many rows; not timed."""

    def solve(self, targets: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """`[B, m]`, `[B, p]` to parameters `[B, p]`; NaN where there is no answer."""
        raise NotImplementedError

    def details(self) -> dict[str, object]:
        """What was chosen or counted in the last call, for the report."""
        return {}
