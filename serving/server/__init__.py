"""The embedded server: the gRPC and REST interfaces of `tensorflow_model_server` in Python.

It needs the extra `serve`. Requests run the graph of the SavedModel in a C++ session, without
Python code of the model. docs/serving.md lists the differences from `tensorflow_model_server`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eigenfit.extras import need

from .options import ServerOptions

if TYPE_CHECKING:
    from .app import RunningServer, serve, start_server

__all__ = ["RunningServer", "ServerOptions", "serve", "start_server"]


def __getattr__(name: str) -> Any:
    # Imported on access, so that the command line can read the options without TensorFlow.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    need("serve", "aiohttp", "grpc_health", "prometheus_client")
    from . import app

    return getattr(app, name)
