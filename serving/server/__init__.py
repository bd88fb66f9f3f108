"""The embedded server: the interfaces of `tensorflow_model_server`, from Python.

It needs the extra `serve`. Requests run the graph of the SavedModel in a C++ session; no Python of
the model's author runs. docs/serving.md lists where it differs from `tensorflow_model_server`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .options import ServerOptions

if TYPE_CHECKING:
    from .app import RunningServer, serve, start_server

__all__ = ["RunningServer", "ServerOptions", "serve", "start_server"]


def __getattr__(name: str) -> Any:
    # Not at once: the command line asks for the options alone, without TensorFlow.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(".app", __name__), name)
