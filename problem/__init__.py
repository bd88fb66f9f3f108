"""Problem files and data tables: from a table of measured levels to a fit."""

from .errors import Fault, ProblemError
from .problem import Problem

__all__ = ["Fault", "Problem", "ProblemError"]
