"""The workbench: a page in the browser on which the parameters of a problem file are turned.

It needs the extra `workbench`. The page speaks to the exported model through the REST interface of
the embedded server, so what it shows is what a service would answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eigenfit.extras import need

if TYPE_CHECKING:
    from .server import RunningWorkbench, start_workbench

__all__ = ["RunningWorkbench", "start_workbench"]


def __getattr__(name: str) -> Any:
    # Imported when used: the server imports TensorFlow.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    need("workbench", "aiohttp", "grpc_health", "prometheus_client", "pydantic", "tomlkit")
    from . import server

    return getattr(server, name)
