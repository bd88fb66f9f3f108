"""Starting the server, and the handle that stops it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from .batcher import Batcher
from .batching_parameters import BatchingParameters, parse_batching_parameters
from .codes import Code, ServingError, invalid_argument
from .core import ServerCore
from .grpc_server import GrpcServer
from .loading import make_loader
from .manager import ModelManager
from .metrics import ServerMetrics
from .model_config import ModelSettings, parse_config, settings_of
from .option_ranges import check_ranges
from .options import ServerOptions
from .rest_handler import RestHandler
from .rest_server import RestServer
from .text_configs import parse_text, read_text

_MONITORING_PATH = "/monitoring/prometheus/metrics"
_log = logging.getLogger(__name__)


class RunningServer:
    """A server that answers. Leaving it as a context manager stops it.

    Attributes:
        port: of gRPC.
        rest_port: of REST; None without REST.
    """

    def __init__(self) -> None:
        self.port = 0
        self.rest_port: int | None = None
        self._listeners: list[Callable[[float], Any]] = []
        self._closers: list[Callable[[], Any]] = []
        self._stopping = threading.Lock()

    def stop(self, grace: float = 5.0) -> None:
        """Take no more requests, finish those under way, free the models.

        Args:
            grace: seconds; requests that take longer are cut off.
        """
        with self._stopping:
            threads = [
                threading.Thread(target=stop, args=(grace,), name="stop")
                for stop in self._listeners
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self._listeners.clear()
            while self._closers:
                self._closers.pop(0)()

    def on_stop(self, close: Callable[[], Any]) -> None:
        """Call this when no request is under way any more."""
        self._closers.append(close)

    def listen(self, stop: Callable[[float], Any]) -> None:
        """Call this first when stopping, with the grace."""
        self._listeners.append(stop)

    def __enter__(self) -> RunningServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def start_server(options: ServerOptions) -> RunningServer:
    """Load the models and answer requests, in threads of this process.

    Ports open when each model has a version available and an attempt to load each of its others
    has ended. A model without any version directory is waited for; `start_timeout_seconds` limits
    that.

    Args:
        options: see `ServerOptions`. With `port=0` and `rest_api_port=0` the server takes free
            ports.

    Returns:
        The running server.

    Raises:
        ServingError: if the options do not fit, or a model cannot be loaded.

    Example:
        >>> options = ServerOptions(model_base_path="/models/three_level", port=0)
        >>> with start_server(options) as server:  # doctest: +SKIP
        ...     channel = grpc.insecure_channel(f"127.0.0.1:{server.port}")
    """
    check_ranges(options)
    settings = _initial_settings(options)
    batcher = _batcher(options)
    metrics = ServerMetrics()
    manager = ModelManager(
        make_loader(options, batcher),
        attempts=1 + options.max_num_load_retries,
        interval=options.load_retry_interval_micros / 1e6,
        labels_need_available=not options.allow_version_labels_for_unavailable_models,
    )
    core = ServerCore(manager, metrics)
    stop = threading.Event()
    server = RunningServer()
    server.on_stop(stop.set)
    server.on_stop(manager.close)
    if batcher is not None:
        server.on_stop(batcher.close)
    try:
        _every(options.file_system_poll_wait_seconds, manager.poll, stop, "poll-versions")
        manager.reload(settings, options.start_timeout_seconds)
        if options.model_config_file:
            wait = options.model_config_file_poll_wait_seconds
            reload = _file_reloader(manager, options.model_config_file, wait)
            _every(wait, reload, stop, "poll-config")
        server.listen(lambda grace: manager.stop_waiting())
        grpc_server = GrpcServer(core, options)
        server.port = grpc_server.port
        server.listen(grpc_server.stop)
        if options.rest_api_port is not None:
            rest_server = _start_rest(core, options)
            server.rest_port = rest_server.port
            server.listen(rest_server.stop)
    except BaseException:
        server.stop(0)
        raise
    return server


def _batcher(options: ServerOptions) -> Batcher | None:
    if not options.enable_batching:
        if options.batching_parameters_file:
            raise invalid_argument("batching_parameters_file needs enable_batching")
        return None
    if not options.batching_parameters_file:
        return Batcher(BatchingParameters())
    return Batcher(parse_batching_parameters(read_text(options.batching_parameters_file)))


def _start_rest(core: ServerCore, options: ServerOptions) -> RestServer:
    handler = RestHandler(core, options.rest_api_timeout_in_ms / 1e3)
    path = None
    if options.monitoring_config_file:
        config = parse_text("MonitoringConfig", read_text(options.monitoring_config_file))
        if config.prometheus_config.enable:
            path = config.prometheus_config.path or _MONITORING_PATH
    return RestServer(handler, core.metrics, path, options)


def _initial_settings(options: ServerOptions) -> dict[str, ModelSettings]:
    if options.model_config_file:
        return settings_of(parse_config(read_text(options.model_config_file)))
    if not options.model_base_path:
        raise ServingError(
            Code.INVALID_ARGUMENT, "Both server_options.model_base_path and model_name are empty!"
        )
    base_path = str(Path(options.model_base_path).absolute())
    return {options.model_name: ModelSettings(options.model_name, base_path)}


def _file_reloader(manager: ModelManager, path: str, patience: float) -> Callable[[], None]:
    """A function that applies the file if it has changed since the last time that it could be.

    It waits `patience` seconds for new models, which may never come if a path in the file is wrong;
    then it must be called again, to see whether the file was put right, and to move the labels.
    """
    applied = read_text(path)

    def reload() -> None:
        nonlocal applied
        text = read_text(path)
        if text == applied:
            return
        try:
            manager.reload(settings_of(parse_config(text)), patience)
        except ServingError as error:
            if error.code is not Code.ABORTED:  # another configuration came later, and holds
                raise
        applied = text

    return reload


def _every(seconds: float, function: Callable[[], Any], stop: threading.Event, name: str) -> None:
    """Call a function again and again, in a thread of its own; its errors are logged only."""

    def work() -> None:
        while not stop.wait(seconds):
            try:
                function()
            except ServingError as error:
                _log.error("%s: %s", name, error)
            except Exception:
                _log.exception("%s failed; trying again in %g s", name, seconds)

    if seconds > 0:
        threading.Thread(target=work, name=name, daemon=True).start()
