"""The embedded server: answers as `tensorflow_model_server` does, from Python.

It needs the extra `serve`. Requests run the graph of the SavedModel in a C++ session; no Python of
the model's author runs.

docs/serving.md lists where it differs from `tensorflow_model_server` and what it does not have.
"""

from .codes import Code, ServingError
from .extra import name_extra
from .options import ServerOptions

try:
    from .running import RunningServer, start_server
except ModuleNotFoundError as missing:
    raise name_extra(missing) from missing

__all__ = ["Code", "RunningServer", "ServerOptions", "ServingError", "start_server"]
