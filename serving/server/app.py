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
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import tensorflow as tf

from ..errors import ServingError, invalid
from ..messages import ModelServerConfig
from .batching import Batcher, Direct, Runner
from .configs import batching_of, models_of, parse_text, read_text
from .grpc_api import GrpcApi
from .metrics import Metrics
from .options import ServerOptions
from .predict import load
from .rest import RestApi
from .versions import Models

_METRICS_PATH = "/monitoring/prometheus/metrics"
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# Without batching a running request holds a thread, so there are more threads than cores.
_THREADS = max(32, 4 * (os.cpu_count() or 1))
_log = logging.getLogger(__name__)


class RunningServer:
    """A server in a thread of this process; as a context manager it stops on exit.

    Attributes:
        port: of gRPC.
        rest_port: of REST; None without REST.
    """

    def __init__(self, options: ServerOptions):
        self._stop: Future[float] = Future()
        started: Future[_Server] = Future()

        async def run() -> None:
            try:
                await _run(options, asyncio.wrap_future(self._stop), started.set_result)
            except BaseException as error:
                started.set_exception(error)

        self._thread = threading.Thread(
            target=lambda: asyncio.run(run()), name="server", daemon=True
        )
        self._thread.start()
        server = started.result()
        self.port, self.rest_port = server.port, server.rest_port

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

    def __exit__(self, *_: object) -> None:
        self.stop()


def start_server(options: ServerOptions) -> RunningServer:
    """Load the models and answer requests, in threads of this process.

    The ports open when each model has an available version and loading its other versions has
    ended. The server waits for a model without version directories, at most
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

    async def run() -> None:
        loop = asyncio.get_running_loop()
        stop: asyncio.Future[float] = loop.create_future()

        def stop_once(name: str) -> None:
            if not stop.done():
                _log.info("Signal %s: stopping", name)
                stop.set_result(options.stop_grace_seconds)

        for each in _SIGNALS:
            loop.add_signal_handler(each, stop_once, each.name)
        try:
            await _run(options, stop)
        finally:
            for each in _SIGNALS:  # a second signal does not interrupt the end of the process
                loop.remove_signal_handler(each)
                signal.signal(each, signal.SIG_IGN)

    try:
        asyncio.run(run())
    except ServingError as error:
        _log.error("The server cannot start: %s", error)
        return 1
    _log.info("Stopped")
    return 0


async def _run(
    options: ServerOptions,
    stop: asyncio.Future[float],
    started: Callable[[_Server], object] = lambda server: None,
) -> None:
    """Run a server until `stop` has the seconds that requests under way may still take."""
    server = _Server(options)
    starting = asyncio.create_task(server.start())
    try:
        await asyncio.wait([starting, stop], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            started(server)
        await stop
    finally:
        starting.cancel()
        await server.stop(stop.result() if stop.done() else 0.0)


class _Server:
    """A server and its parts, in one event loop."""

    def __init__(self, options: ServerOptions):
        self.options = options
        self.port = 0
        self.rest_port: int | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._interfaces: list[GrpcApi | RestApi] = []
        self._threads: list[ThreadPoolExecutor] = []
        self._models: Models | None = None

    async def start(self) -> None:
        """Load the models, then open the ports; raises ServingError if that fails."""
        options, file, text = self.options, self.options.model_config_file, ""
        if file:
            text = read_text(file)
            configs = models_of(text)
        elif options.model_base_path:
            path, name = str(Path(options.model_base_path).absolute()), options.model_name
            configs = {
                name: ModelServerConfig().model_config_list.config.add(name=name, base_path=path)
            }
        else:
            raise invalid("There is nothing to serve: give model_base_path or model_config_file")
        runner = self._runner()
        models = self._models = Models(lambda directory: load(directory, options, runner))
        await models.configure(configs)
        self._every(options.file_system_poll_wait_seconds, models.poll)
        await models.wait(options.start_timeout_seconds)
        if file:
            read = _file_reader(models, file, text)
            self._every(options.model_config_file_poll_wait_seconds, read)
        metrics = Metrics()
        interfaces: list[GrpcApi | RestApi] = [GrpcApi(models, metrics, options)]
        if options.rest_api_port is not None:
            interfaces.append(RestApi(models, metrics, _metrics_path(options), options))
        for each in interfaces:
            await each.start()
            self._interfaces.append(each)
            _log.info("%s listens on %s:%d", type(each).__name__, options.host, each.port)
        self.port, *rest = (each.port for each in interfaces)
        self.rest_port = rest[0] if rest else None

    async def stop(self, grace: float) -> None:
        """Accept no more requests, give those under way `grace` seconds, free the models."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*(each.stop(grace) for each in self._interfaces))
        if self._models is not None:
            await self._models.close()
        for threads in self._threads:
            threads.shutdown(wait=False, cancel_futures=True)

    def _runner(self) -> Runner:
        direct, file = Direct(self._pool(_THREADS, "run")), self.options.batching_parameters_file
        if self.options.enable_batching:
            parameters = batching_of(read_text(file) if file else "")
            return Batcher(parameters, self._pool(parameters.num_batch_threads, "batch"), direct)
        if file:
            raise invalid("batching_parameters_file needs enable_batching")
        return direct

    def _pool(self, count: int, name: str) -> ThreadPoolExecutor:
        self._threads.append(ThreadPoolExecutor(count, thread_name_prefix=name))
        return self._threads[-1]

    def _every(self, seconds: float, function: Callable[[], Awaitable[None]]) -> None:
        """Call a function periodically, never if `seconds` is 0; its errors are logged."""

        async def work() -> None:
            while True:
                await asyncio.sleep(seconds)
                try:
                    await function()
                except Exception as error:
                    _log.error("%s", error, exc_info=not isinstance(error, ServingError))

        if seconds > 0:
            self._tasks.append(asyncio.create_task(work()))


def _metrics_path(options: ServerOptions) -> str | None:
    if not options.monitoring_config_file:
        return None
    config: Any = parse_text("MonitoringConfig", read_text(options.monitoring_config_file))
    prometheus = config.prometheus_config
    return (prometheus.path or _METRICS_PATH) if prometheus.enable else None


def _file_reader(models: Models, path: str, applied: str) -> Callable[[], Awaitable[None]]:
    """A function that applies a configuration file if its text is not the one `applied` last."""

    async def read() -> None:
        nonlocal applied
        text = read_text(path)
        if text != applied:
            await models.configure(models_of(text))
            applied = text

    return read
