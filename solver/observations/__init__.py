"""Observations: which function of the eigenvalues is compared with the measured values."""

from .base import Observation
from .comparison import Comparison
from .levels import Levels
from .matched import Matched
from .transitions import Transitions

__all__ = ["Comparison", "Levels", "Matched", "Observation", "Transitions"]
