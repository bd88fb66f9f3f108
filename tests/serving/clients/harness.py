"""The four clients behind one blocking interface, so that one test tests them all."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

from eigenfit.serving import AsyncGrpcClient, AsyncRestClient, GrpcClient, RestClient

from .fake_grpc import start_fake_grpc
from .fake_rest import start_fake_rest

KINDS = ["grpc", "rest", "async grpc", "async rest"]
# Any: tests call the asynchronous clients through `_Awaiting`, and with wrong arguments.
CLIENTS: dict[str, Any] = {
    "grpc": GrpcClient,
    "rest": RestClient,
    "async grpc": AsyncGrpcClient,
    "async rest": AsyncRestClient,
}


class _Awaiting:
    """Awaits each method of an asynchronous client on a loop of its own."""

    def __init__(self, client, runner):
        self.client = client
        self.runner = runner

    def __getattr__(self, name):
        method = getattr(self.client, name)
        return lambda *args, **kwargs: self.runner.run(_call(method, args, kwargs))


async def _call(method, args, kwargs):
    return await method(*args, **kwargs)


@contextlib.contextmanager
def serve(kind, model, **options: Any) -> Iterator[int]:
    """The fake server that clients of a kind speak with; yields its port."""
    if "grpc" in kind:
        server, port = start_fake_grpc(model, **options)
        try:
            yield port
        finally:
            model.stopped.set()
            server.stop(None).wait()
    else:
        server, port = start_fake_rest(model, **options)
        try:
            yield port
        finally:
            model.stopped.set()
            server.shutdown()
            server.server_close()


@contextlib.contextmanager
def connect(kind, port, model_name="levels", **settings: Any) -> Iterator[Any]:
    """A client of the kind, whose methods can be called as if they did not have to be awaited."""
    settings = {"timeout": 20.0, "backoff": 0.01} | settings
    client = CLIENTS[kind](f"127.0.0.1:{port}", model_name, **settings)
    if not kind.startswith("async"):
        with client:
            yield client
        return
    with asyncio.Runner() as runner:
        try:
            yield _Awaiting(client, runner)
        finally:
            runner.run(client.close())


@contextlib.contextmanager
def client_of(kind, model, **settings: Any) -> Iterator[Any]:
    """A server for the model and a client for the server."""
    with serve(kind, model) as port, connect(kind, port, model.name, **settings) as client:
        yield client
