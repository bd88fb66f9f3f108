"""Both clients, each with the fake server that it speaks with."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from typing import Any

from eigenfit.serving import GrpcClient, RestClient

from .fake_grpc import start_fake_grpc
from .fake_rest import start_fake_rest

KINDS = ["grpc", "rest"]
CLIENTS: dict[str, Any] = {"grpc": GrpcClient, "rest": RestClient}


@contextlib.contextmanager
def serve(kind, model, **options: Any) -> Iterator[int]:
    """The fake server that clients of a kind speak with; yields its port."""
    if kind == "grpc":
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
    """A client of the kind."""
    settings = {"timeout": 20.0, "backoff": 0.01} | settings
    with CLIENTS[kind](f"127.0.0.1:{port}", model_name, **settings) as client:
        yield client


@contextlib.contextmanager
def client_of(kind, model, **settings: Any) -> Iterator[Any]:
    """A server for the model and a client for the server."""
    with serve(kind, model) as port, connect(kind, port, model.name, **settings) as client:
        yield client


@contextlib.contextmanager
def rest_client_of(answer, **settings):
    """A REST client of a server whose GET is `answer(handler)`; yields it and the paths asked."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, format, *args):
            pass

        def do_GET(self):
            asked.append(self.path)
            answer(self)

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        with connect("rest", server.server_address[1], **settings) as client:
            yield client, asked
        server.shutdown()


def send(handler, status, body, **headers):
    """Answer with a status, a body and headers."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)
