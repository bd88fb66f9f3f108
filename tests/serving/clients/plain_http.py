"""An HTTP server that answers everything alike and knows nothing of TensorFlow Serving."""

from __future__ import annotations

import contextlib
import http.server
import threading

from .harness import connect


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
