"""The REST side: aiohttp in a thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import os
import re
import threading
import time
from concurrent import futures
from typing import Any

from aiohttp import web

from .codes import Code, ServingError
from .json_response import error_json
from .metrics import ServerMetrics
from .options import ServerOptions
from .rest_handler import RestHandler

_LEAST_THREADS = 32
# As tensorflow_model_server: a few bytes of gzip can become gigabytes.
_MOST_INFLATED = 100 * 2**20
_API = re.compile(r"/v1/.*", re.IGNORECASE | re.DOTALL)
# What libevent says, with which tensorflow_model_server is built.
_NOT_FOUND = (
    "<HTML><HEAD>\n<TITLE>404 Not Found</TITLE>\n</HEAD><BODY>\n<H1>Not Found</H1>\n"
    "</BODY></HTML>\n"
)


class RestServer:
    """Listens when it is made.

    Args:
        handler: answers requests.
        metrics: what the Prometheus page shows.
        monitoring_path: of that page; None for no page.
        options: host, port, threads and the largest body.

    Attributes:
        port: where.
    """

    def __init__(
        self,
        handler: RestHandler,
        metrics: ServerMetrics,
        monitoring_path: str | None,
        options: ServerOptions,
    ):
        self._handler = handler
        self._metrics = metrics
        self._monitoring_path = monitoring_path
        self._options = options
        workers = options.rest_api_num_threads or max(_LEAST_THREADS, 4 * (os.cpu_count() or 1))
        self._workers = futures.ThreadPoolExecutor(workers, thread_name_prefix="rest")
        self._under_way = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run_loop, name="rest", daemon=True)
        self._thread.start()
        try:
            self._in_loop(self._listen())
        except OSError as error:
            self._end()
            raise ServingError(
                Code.UNAVAILABLE,
                f"Cannot listen on {options.host}:{options.rest_api_port}: {error}",
            ) from None

    def stop(self, grace: float) -> None:
        """Take no more requests; those under way have `grace` seconds to end."""
        self._in_loop(self._close(grace))
        self._end()

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.close()

    def _in_loop(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._workers.shutdown(wait=False, cancel_futures=True)

    async def _listen(self) -> None:
        application = web.Application(client_max_size=self._options.max_message_bytes)
        application.router.add_route("*", "/{path:.*}", self._respond)
        # What is left after the grace is cut off soon.
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        self._site = web.TCPSite(self._runner, self._options.host, self._options.rest_api_port)
        await self._site.start()
        self.port: int = self._runner.addresses[0][1]

    async def _close(self, grace: float) -> None:
        await self._site.stop()
        limit = self._loop.time() + grace
        while self._under_way and self._loop.time() < limit:
            await asyncio.sleep(0.01)
        await self._runner.cleanup()

    async def _respond(self, request: web.Request) -> web.Response:
        if request.method == "OPTIONS":
            origin = request.headers.get("Origin", "")
            return web.Response(status=200 if re.match(r"https?://", origin) else 400)
        # As sent: with percent signs and query string.
        path = request.raw_path
        if path == self._monitoring_path:
            return web.Response(text=self._metrics.page(), content_type="text/plain")
        if not _API.fullmatch(path):
            return web.Response(status=404, text=_NOT_FOUND, content_type="text/html")
        try:
            async with asyncio.timeout(self._options.rest_api_timeout_in_ms / 1e3):
                body = await self._body(request)
        except web.HTTPRequestEntityTooLarge as error:
            return _json_response(413, error_json(error.text or "Request body too large"))
        except TimeoutError:
            message = "The request body did not arrive in time (rest_api_timeout_in_ms)"
            return _json_response(408, error_json(message))
        except (web.RequestPayloadError, ConnectionError):
            message = "The request body is cut off, or its chunks or its compression are wrong"
            return _json_response(400, error_json(message))
        self._under_way += 1
        try:
            return _json_response(*await self._handled(request.method, path, body))
        finally:
            self._under_way -= 1

    async def _handled(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        """The answer of a worker; or, if none begins in time, that the time is over."""
        work = self._workers.submit(self._handler.handle, method, path, body, time.monotonic())
        answer = asyncio.wrap_future(work)
        await asyncio.wait([answer], timeout=self._options.rest_api_timeout_in_ms / 1e3)
        if work.running() or work.done():  # a worker looks after the time itself
            return await answer
        # It stays in line: the worker that comes to it finds no time left, and counts it.
        return 504, error_json("Timed out waiting for a thread (rest_api_num_threads)")

    async def _body(self, request: web.Request) -> bytes:
        """The body, uncompressed."""
        limit = self._options.max_message_bytes
        if "Content-Encoding" in request.headers:
            limit = min(limit, _MOST_INFLATED)
        return await request.clone(client_max_size=limit).read()


def _json_response(status: int, body: bytes) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json")
