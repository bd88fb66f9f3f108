"""Observations: which function of the eigenvalues is compared with the measured values."""

from .base import Observation
from .comparison import Comparison
from .frequencies import Frequencies
from .joint import Joint
from .levels import Levels
from .matched import Matched
from .observable import Observable
from .target_map import TargetMap
from .transitions import Blend, Transitions

__all__ = [
    "Blend",
    "Comparison",
    "Frequencies",
    "Joint",
    "Levels",
    "Matched",
    "Observable",
    "Observation",
    "TargetMap",
    "Transitions",
]
