"""From a solver to a SavedModel that runs without this package, in Python or on a server."""

from .saved_model import export_saved_model

__all__ = ["export_saved_model"]
