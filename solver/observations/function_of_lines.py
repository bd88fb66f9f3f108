"""Functions of single levels or of few lines, whose targets have the names of these."""

from __future__ import annotations

import dataclasses

import numpy as np

from .function_map import FunctionMap


@dataclasses.dataclass(frozen=True, eq=False)
class FunctionOfLines(FunctionMap):
    """A `FunctionMap` whose values each belong to a level or to some lines.

    Attributes:
        own_lines: `[m, w]` each, see `TargetMap.lines`.
    """

    own_lines: tuple[np.ndarray, np.ndarray] = dataclasses.field(kw_only=True)

    @property
    def lines(self) -> tuple[np.ndarray, np.ndarray]:
        """See `TargetMap.lines`."""
        return self.own_lines
