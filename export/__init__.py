"""Export a solver as a SavedModel that runs without this package, in Python or on a server."""

from .info import load_solver_info
from .saved_model import export_saved_model

__all__ = ["export_saved_model", "load_solver_info"]
