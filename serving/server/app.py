"""The server: one asyncio program with gRPC and REST side by side.

The event loop reads requests, schedules runs, and answers; threads only run graphs, and load and
free models.
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
# Without batching a running request holds a thread, so there are more threads than cores.
_LEAST_THREADS = 32
_log = logging.getLogger(__name__)


class _Server:
    """A server and its parts, in one event loop."""

    def __init__(self, options: ServerOptions):
        self.options = options
        self.port = 0
        self.rest_port: int | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stops: list[Callable[[float], Awaitable[None]]] = []
        self._threads: list[ThreadPoolExecutor] = []
        self._models: Models | None = None

    async def start(self) -> None:
        """Load the models, then open the ports; raises ServingError if that fails."""
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
        """Accept no more requests, give those under way `grace` seconds, free the models."""
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
        """Call a function periodically; its errors are logged. Never if `seconds` is 0 or less."""

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
    """A server in a thread of this process; as a context manager it stops on exit.

    Attributes:
        port: of gRPC.
        rest_port: of REST; None without REST.
    """

    def __init__(self, options: ServerOptions):
        """Start the server; see `start_server`."""
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
        """Accept no more requests, finish those under way, free the models.

        Args:
            grace: seconds until requests under way are aborted.
        """
        with contextlib.suppress(Exception):  # stopped already
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

    The ports open when each model has an available version and loading each of its other versions
    was tried. The server waits for a model without version directories, at most
    `start_timeout_seconds`.

    Args:
        options: see `ServerOptions`. `port=0` and `rest_api_port=0` choose free ports.

    Returns:
        The running server.

    Raises:
        ServingError: if the options are inconsistent, or a model cannot be loaded.

    Example:
        >>> options = ServerOptions(model_base_path="/models/three_level", port=0)
        >>> with start_server(options) as server:  # doctest: +SKIP
        ...     channel = grpc.insecure_channel(f"127.0.0.1:{server.port}")
    """
    return RunningServer(options)


def serve(options: ServerOptions) -> int:
    """Run a server until SIGTERM or SIGINT, in the main thread; the process should end after it.

    Args:
        options: see `ServerOptions`.

    Returns:
        The exit status: 0 after a signal, when requests under way are finished; 1 if the server
        could not start.
    """
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    tf.get_logger().setLevel(logging.WARNING)  # hides "Restoring parameters" at every load
    # Exclude the objects of the imports from garbage collection: after each unloaded version it
    # would stop all requests for a fifth of a second.
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
    """Within the block, SIGTERM and SIGINT call a function; afterwards they are ignored.

    So a second signal does not interrupt the shutdown.
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
    """A function that applies a configuration file if it changed since it was last applied.

    The function waits `patience` seconds for new models, which may never come if a path in the file
    is wrong. It is then called again, to read a corrected file and to move the labels.
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
            if error.code.name != "ABORTED":  # superseded by a later configuration
                raise
        applied = text

    return read
