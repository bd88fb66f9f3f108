"""Sends requests over HTTP, from any number of threads."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Iterator, Mapping
from typing import Any

# TensorFlow depends on requests, so it is there; tensorflow itself is not imported.
import requests
import urllib3

from .calls import Call
from .deadline import Deadline
from .rest_errors import from_exception, from_status
from .rest_messages import RestMessages
from .tls import TlsFiles

_CHUNK = 1 << 16


class RestTransport:
    """A transport for `RestMessages`.

    Args:
        messages: encodes and decodes.
        files: for https.
        headers: sent with each request.
        where: the model and the address, for messages.
    """

    def __init__(
        self, messages: RestMessages, files: TlsFiles, headers: Mapping[str, str], where: str
    ):
        self._messages = messages
        self._headers = {"Content-Type": "application/json", **headers}
        self._where = where
        # Given with each request: a session would let an environment variable come before them.
        root, key, certificate = files.root_certificates, files.client_key, files.client_certificate
        self._verify = True if root is None else str(root)
        self._certificate = None if key is None else (str(certificate), str(key))
        # A session is not made for several threads. Each request borrows one, with its connection.
        self._idle: queue.LifoQueue[requests.Session] = queue.LifoQueue()
        self._closed = False

    def send(self, call: Call, timeout: float | None) -> Any:
        """See `Transport.send`.

        The time is checked whenever a part of the answer arrives, so an answer that stops half way
        may hold the caller up to once more the timeout.
        """
        request = self._messages.request(call)
        deadline = Deadline(timeout)
        try:
            with self._session() as session:
                response = session.request(
                    request.method,
                    request.url,
                    data=request.body,
                    headers=self._headers,
                    timeout=urllib3.Timeout(total=timeout),  # pyright: ignore[reportArgumentType]  # requests takes it as it is
                    verify=self._verify,
                    cert=self._certificate,
                    allow_redirects=False,  # a POST would arrive as a GET
                    stream=True,
                )
                with response:
                    chunks = []
                    for chunk in response.iter_content(_CHUNK):
                        deadline.left_for(call, self._where)
                        chunks.append(chunk)
        except requests.RequestException as error:
            raise from_exception(call, error, self._where) from error
        body = b"".join(chunks)
        if response.status_code != 200:
            raise from_status(call, response.status_code, response.headers, body, self._where)
        return self._messages.answer(call, body)

    def close(self) -> None:
        """Close the idle connections, and each of the others when its request is done."""
        self._closed = True
        with contextlib.suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()

    @contextlib.contextmanager
    def _session(self) -> Iterator[requests.Session]:
        try:
            session = self._idle.get_nowait()
        except queue.Empty:
            session = requests.Session()
        try:
            yield session
        finally:
            self._idle.put(session)
            if self._closed:
                self.close()
