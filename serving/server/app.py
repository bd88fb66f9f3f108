"""The server: one asyncio program with gRPC and REST side by side.

The event loop reads requests, decides what runs, and answers; threads only run graphs, load models
and free them.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import tensorflow as tf

from ..errors import ServingError
from .configs import (
    BatchingParameters,
    ModelSettings,
    batching_of,
    models_of,
    parse_text,
    read_text,
)
from .errors import invalid
from .options import ServerOptions

try:
    from .grpc_api import GrpcApi
    from .metrics import Metrics
    from .rest import RestApi
except ModuleNotFoundError as missing:
    package = (missing.name or "").partition(".")[0]
    if package not in ("aiohttp", "grpc_health", "prometheus_client"):
        raise
    raise ModuleNotFoundError(
        f"eigenfit.serving.server needs the extra `serve`, {package} is missing: "
        "pip install 'eigenfit[serve]'",
        name=missing.name,
    ) from None

from .batching import Batcher, Direct, Runner
from .loading import make_loader
from .versions import Models

_METRICS_PATH = "/monitoring/prometheus/metrics"
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# Without batching a request holds a thread while others wait for its cores, so more than cores.
_LEAST_THREADS = 32
_log = logging.getLogger(__name__)


class _Server:
    """All parts of a server; lives in one event loop."""

    def __init__(self, options: ServerOptions):
        self.options = options
        self.port = 0
        self.rest_port: int | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stops: list[Callable[[float], Awaitable[None]]] = []
        self._threads: list[ThreadPoolExecutor] = []
        self._models: Models | None = None

    async def start(self) -> None:
        """Load the models, then listen; raises ServingError if that fails."""
        options = self.options
        settings = _settings(options)
        models = self._models = Models(make_loader(options, self._runner()), options)
        self._every(options.file_system_poll_wait_seconds, models.poll)
        await models.configure(settings, options.start_timeout_seconds)
        if options.model_config_file:
            wait = options.model_config_file_poll_wait_seconds
            self._every(wait, _file_reader(models, options.model_config_file, wait))
        metrics = Metrics()
        grpc_api = GrpcApi(models, metrics, options)
        await grpc_api.start()
        self._stops.append(grpc_api.stop)
        self.port = grpc_api.port
        _log.info("gRPC listens on %s:%d", options.host, self.port)
        if options.rest_api_port is not None:
            rest = RestApi(models, metrics, _metrics_path(options), options)
            await rest.start()
            self._stops.append(rest.stop)
            self.rest_port = rest.port
            _log.info("REST listens on %s:%d", options.host, self.rest_port)

    async def stop(self, grace: float) -> None:
        """Take no more requests, finish those under way, free the models."""
        if self._models is not None:
            self._models.stop_waiting()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(stop(grace) for stop in self._stops))
        if self._models is not None:
            await self._models.close()
        for threads in self._threads:
            threads.shutdown(wait=False, cancel_futures=True)

    def _runner(self) -> Runner:
        options = self.options
        least = max(_LEAST_THREADS, 4 * (os.cpu_count() or 1))
        count = (options.grpc_max_threads or least) + (
            (options.rest_api_num_threads or least) if options.rest_api_port is not None else 0
        )
        direct = Direct(self._pool(count, "run"))
        if not options.enable_batching:
            if options.batching_parameters_file:
                raise invalid("batching_parameters_file needs enable_batching")
            return direct
        parameters = BatchingParameters()
        if options.batching_parameters_file:
            text = read_text(options.batching_parameters_file)
            parameters = batching_of(parse_text("BatchingParameters", text))
        return Batcher(parameters, self._pool(parameters.num_batch_threads, "batch"), direct)

    def _pool(self, count: int, name: str) -> ThreadPoolExecutor:
        pool = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._threads.append(pool)
        return pool

    def _every(self, seconds: float, function: Callable[[], Awaitable[None]]) -> None:
        """Call a function again and again; its errors are logged only."""

        async def work() -> None:
            while True:
                await asyncio.sleep(seconds)
                try:
                    await function()
                except ServingError as error:
                    _log.error("%s", error)
                except Exception:
                    _log.exception("Trying again in %g s", seconds)

        if seconds > 0:
            self._tasks.append(asyncio.create_task(work()))


class RunningServer:
    """A server that answers, in a thread of this process. Leaving it as a context manager stops it.

    Attributes:
        port: of gRPC.
        rest_port: of REST; None without REST.
    """

    def __init__(self, options: ServerOptions):
        """Start it; see `start_server`."""
        self._stop: Future[float] = Future()
        started: Future[_Server] = Future()

        async def run() -> None:
            server = _Server(options)
            grace = 0.0
            try:
                await server.start()
                started.set_result(server)
                grace = await asyncio.wrap_future(self._stop)
            except Exception as error:
                started.set_exception(error)
            finally:
                await server.stop(grace)

        self._thread = threading.Thread(
            target=asyncio.run, args=(run(),), name="server", daemon=True
        )
        self._thread.start()
        try:
            server = started.result()
        except BaseException:
            self.stop(0.0)
            raise
        self.port = server.port
        self.rest_port = server.rest_port

    def stop(self, grace: float = 5.0) -> None:
        """Take no more requests, finish those under way, free the models.

        Args:
            grace: seconds; requests that take longer are cut off.
        """
        with contextlib.suppress(Exception):  # a second time does nothing
            self._stop.set_result(grace)
        self._thread.join()

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
    return RunningServer(options)


def serve(options: ServerOptions) -> int:
    """Be a server until SIGTERM or SIGINT, in the main thread of a process that ends with it.

    Args:
        options: see `ServerOptions`.

    Returns:
        The exit status: 0 after a signal, when requests under way are done; 1 if the server could
        not start.
    """
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    tf.get_logger().setLevel(logging.WARNING)  # "Restoring parameters", at every load
    # What the imports made stays. The collection after each unloaded version need not look at it,
    # which would stop all requests for a fifth of a second.
    gc.freeze()
    return asyncio.run(_until_signal(options))


async def _until_signal(options: ServerOptions) -> int:
    stopped: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    with _signals(lambda number: stopped.done() or stopped.set_result(number)):
        server = _Server(options)
        starting = asyncio.create_task(server.start())
        await asyncio.wait([starting, stopped], return_when=asyncio.FIRST_COMPLETED)
        if starting.done() and (error := starting.exception()) is not None:
            if not isinstance(error, ServingError):
                raise error
            _log.error("The server cannot start: %s", error)
            await server.stop(0.0)
            return 1
        name = signal.Signals(await stopped).name
        _log.info("Signal %s: stopping", name)
        starting.cancel()
        await server.stop(options.stop_grace_seconds)
        _log.info("Stopped")
        return 0


@contextlib.contextmanager
def _signals(received: Callable[[int], Any]) -> Iterator[None]:
    """Within its block the two signals call a function. Afterwards they are ignored.

    A second one must not cut short what the first one began: the process ends.
    """
    loop = asyncio.get_running_loop()
    for each in _SIGNALS:
        loop.add_signal_handler(each, received, each)
    try:
        yield
    finally:
        for each in _SIGNALS:
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_IGN)


def _settings(options: ServerOptions) -> dict[str, ModelSettings]:
    if options.model_config_file:
        return models_of(parse_text("ModelServerConfig", read_text(options.model_config_file)))
    if not options.model_base_path:
        raise invalid("There is nothing to serve: give model_base_path or model_config_file")
    path = str(Path(options.model_base_path).absolute())
    return {options.model_name: ModelSettings(options.model_name, path)}


def _metrics_path(options: ServerOptions) -> str | None:
    if not options.monitoring_config_file:
        return None
    config = parse_text("MonitoringConfig", read_text(options.monitoring_config_file))
    prometheus = config.prometheus_config
    return (prometheus.path or _METRICS_PATH) if prometheus.enable else None


def _file_reader(models: Models, path: str, patience: float) -> Callable[[], Awaitable[None]]:
    """A function that applies the file if it has changed since the last time that it could be.

    It waits `patience` seconds for new models, which may never come if a path in the file is wrong;
    then it must be called again, to see whether the file was put right, and to move the labels.
    """
    applied = read_text(path)

    async def read() -> None:
        nonlocal applied
        text = read_text(path)
        if text == applied:
            return
        try:
            await models.configure(models_of(parse_text("ModelServerConfig", text)), patience)
        except ServingError as error:
            if error.code.name != "ABORTED":  # another configuration came later, and holds
                raise
        applied = text

    return read
