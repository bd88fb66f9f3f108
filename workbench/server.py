"""The server of the workbench: the page, its files, and the model, all behind one token."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Future, InvalidStateError
from importlib.resources import files
from pathlib import Path
from typing import Any

from aiohttp import web

from ..problem import ProblemError
from .model_rest import ModelRest
from .session import Session
from .state import MODEL

_HOST = "127.0.0.1"
_KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
# Only what this server sends may run; Plotly writes styles of its own.
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
# A pasted table may be large.
_MOST_BYTES = 32 * 2**20


class RunningWorkbench:
    """A workbench in a thread of this process; as a context manager it stops on exit.

    Attributes:
        address: of the page, with its token.
    """

    def __init__(self, path: Path, allow_python: bool, port: int):
        self._stop: Future[None] = Future()
        started: Future[str] = Future()

        async def run() -> None:
            try:
                async with _serving(path, allow_python, port) as address:
                    started.set_result(address)
                    await asyncio.wrap_future(self._stop)
            except BaseException as error:
                if started.done():
                    raise
                started.set_exception(error)

        self._thread = threading.Thread(
            target=lambda: asyncio.run(run()), name="workbench", daemon=True
        )
        self._thread.start()
        self.address = started.result()

    def wait(self) -> None:
        """Wait until the workbench is stopped, or for Ctrl-C."""
        while self._thread.is_alive():
            self._thread.join(0.5)

    def stop(self) -> None:
        """Stop serving and free the model."""
        with contextlib.suppress(InvalidStateError):  # stopped already
            self._stop.set_result(None)
        self._thread.join()

    def __enter__(self) -> RunningWorkbench:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start_workbench(
    path: str | Path, *, allow_python: bool = False, port: int = 0
) -> RunningWorkbench:
    """Export a problem, and serve a page on which its parameters are turned.

    Only this machine can reach it, and only who knows its address: a random token is part of it.

    Args:
        path: the problem file.
        allow_python: whether the Python file of `type = "python"` may be run.
        port: to listen on; 0 for any free one.

    Returns:
        The running workbench.

    Raises:
        ProblemError: if the problem file cannot be understood.
        OSError: if the port is taken.

    Example:
        >>> with start_workbench("ho3.toml") as workbench:  # doctest: +SKIP
        ...     webbrowser.open(workbench.address)
    """
    return RunningWorkbench(Path(path), allow_python, port)


@contextlib.asynccontextmanager
async def _serving(path: Path, allow_python: bool, port: int) -> AsyncIterator[str]:
    """Serve within the block; yields the address of the page."""
    with tempfile.TemporaryDirectory(prefix="eigenfit-workbench-") as folder:
        session = Session(path, Path(folder), allow_python)
        await asyncio.to_thread(session.read)
        model = ModelRest(MODEL, session.models)
        runner: web.AppRunner | None = None
        try:
            await model.take_newest()
            token = secrets.token_urlsafe(24)
            application = _Application(session, model, token).made()
            runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
            await runner.setup()
            await web.TCPSite(runner, _HOST, port).start()
            yield f"http://{_HOST}:{runner.addresses[0][1]}/{token}/"
        finally:
            if runner is not None:
                await runner.cleanup()
            await model.close()


class _Application:
    """The routes of a workbench, each below `/TOKEN/`."""

    def __init__(self, session: Session, model: ModelRest, token: str):
        self._session, self._model, self._token = session, model, token
        # The session is one; its changes come one after the other.
        self._turn = asyncio.Lock()

    def made(self) -> web.Application:
        """The aiohttp application."""
        application = web.Application(client_max_size=_MOST_BYTES, middlewares=[self._guard])
        add = application.router.add_route
        add("GET", "/{token}/", self._page)
        add("GET", "/{token}/static/{name}", self._file)
        add("GET", "/{token}/state", self._state)
        add("POST", "/{token}/change", self._change)
        add("POST", "/{token}/save", self._save)
        add("GET", "/{token}/report", self._report)
        add("*", "/{token}/v1/{path:.*}", self._ask_model)
        return application

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Answer 403 without the token or for another host, whether there is an answer or not."""
        given = request.path.removeprefix("/").split("/")[0].encode("utf-8", "replace")
        # A page of another site may have its own name point to this machine (DNS rebinding).
        named = request.url.host in (_HOST, "localhost")
        if not named or not secrets.compare_digest(given, self._token.encode()):
            return web.Response(
                status=403,
                text="The address has another host or token, or none. Take the whole address that "
                "`eigenfit workbench` printed.",
                headers=_HEADERS,
            )
        try:
            response = await handler(request)
        except web.HTTPException as error:
            error.headers.update(_HEADERS)
            raise
        response.headers.update(_HEADERS)
        return response

    async def _page(self, request: web.Request) -> web.Response:
        return _static("index.html")

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name == "plotly.js":
            return await asyncio.to_thread(_plotly)
        return _static(name)

    async def _state(self, request: web.Request) -> web.Response:
        return await self._answer(self._session.read)

    async def _change(self, request: web.Request) -> web.Response:
        given = await _body(request)
        return await self._answer(lambda: self._session.change(given))

    async def _save(self, request: web.Request) -> web.Response:
        given = await _body(request)
        return await self._answer(lambda: self._session.save(given))

    async def _answer(self, work: Callable[[], Mapping[str, Any]]) -> web.Response:
        """Do some work of the session; what cannot be understood is the list of its faults."""
        async with self._turn:
            try:
                answer = await asyncio.to_thread(work)
                await self._model.take_newest()
            except ProblemError as error:
                faults = [str(one) for one in error.faults]
                return web.json_response({"faults": faults}, status=422)
        return web.json_response(answer)

    async def _report(self, request: web.Request) -> web.Response:
        path = self._session.results / "report.html"
        try:
            text = await asyncio.to_thread(path.read_text, encoding="utf-8")
        except OSError:
            raise web.HTTPNotFound(text="There is no report yet; save first.") from None
        return web.Response(text=text, content_type="text/html")

    async def _ask_model(self, request: web.Request) -> web.StreamResponse:
        path = request.raw_path.split("/", 2)[2]
        return await self._model.respond(request, f"/{path}")


async def _body(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request."""
    try:
        found = json.loads(await request.text())
    except (ValueError, RecursionError) as error:
        raise web.HTTPBadRequest(text=f"The body must be JSON: {error}") from None
    if not isinstance(found, dict):
        raise web.HTTPBadRequest(text="The body must be a JSON object.")
    return found


def _static(name: str) -> web.Response:
    """A file of the page; only those that are there, by their names."""
    folder = files(__package__ or "") / "static"
    for path in folder.iterdir():
        kind = _KINDS.get(Path(path.name).suffix)
        if path.name == name and kind is not None:
            return web.Response(body=path.read_bytes(), content_type=kind, charset="utf-8")
    raise web.HTTPNotFound(text="There is no such file.")


def _plotly() -> web.Response:
    """plotly.js, as the package `plotly` brings it; 404 without the package."""
    try:
        path = files("plotly") / "package_data" / "plotly.min.js"
        body = path.read_bytes()
    except (ModuleNotFoundError, FileNotFoundError):
        raise web.HTTPNotFound(text="plotly is not installed.") from None
    return web.Response(body=body, content_type="text/javascript", charset="utf-8")
