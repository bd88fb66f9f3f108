"""The REST interface: paths, JSON requests and answers, errors as HTTP statuses."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import re
import time
import urllib.parse
from collections.abc import Mapping
from typing import Any

import numpy as np
from aiohttp import web

from .. import messages
from ..errors import HTTP_STATUS, as_serving_error, fault, invalid
from .grpc_api import NOT_SERVED, metadata, status
from .metrics import Metrics
from .options import ServerOptions
from .versions import Models

# Matches the whole path, query string included.
_PATH = re.compile(
    r"/v1/models(?:/(?P<model>[^/:]+)(?:/versions/(?P<version>\d{1,19})|/labels/(?P<label>[^/:]+))?"
    r"(?P<what>/metadata|:predict|:classify|:regress)?)?",
    re.ASCII,
)
_LARGEST_VERSION = 2**63 - 1
# Limit of a body, also uncompressed: a few bytes of gzip can become gigabytes.
_MOST_BYTES = 100 * 2**20
# By kind of dtype, the Python types of the JSON values.
_JSON: dict[str, tuple[type, ...]] = {"f": (int, float), "i": (int,), "u": (int,), "b": (bool,)}


class RestApi:
    """Answers HTTP requests; the Prometheus page is at `metrics_path`, unless that is None."""

    def __init__(
        self, models: Models, metrics: Metrics, metrics_path: str | None, options: ServerOptions
    ):
        self._models = models
        self._metrics = metrics
        self._metrics_path = metrics_path
        self._options = options
        self._timeout = options.rest_api_timeout_in_ms / 1e3
        self._under_way = 0
        self.port = 0

    async def start(self) -> None:
        """Open the port; raises ServingError if that is not possible."""
        limit = min(self._options.max_message_bytes, _MOST_BYTES)
        application = web.Application(client_max_size=limit)
        application.router.add_route("*", "/{path:.*}", self.respond)
        # `stop` waits for requests itself; the rest is aborted after 1 s.
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        host, port = self._options.host, self._options.rest_api_port
        self._site = web.TCPSite(self._runner, host, port)
        try:
            await self._site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise fault("UNAVAILABLE", f"Cannot listen on {host}:{port}: {error}") from None
        self.port = self._runner.addresses[0][1]

    async def stop(self, grace: float) -> None:
        """Accept no more requests; abort those under way after `grace` seconds."""
        await self._site.stop()
        limit = time.monotonic() + grace
        while self._under_way and time.monotonic() < limit:
            await asyncio.sleep(0.01)
        await self._runner.cleanup()

    async def respond(self, request: web.Request) -> web.Response:
        """Answer a request by its path; errors become HTTP statuses."""
        path = request.raw_path
        if path == self._metrics_path:
            return web.Response(body=self._metrics.page(), content_type="text/plain")
        self._under_way += 1
        try:
            return _json(await self._answer(request.method, path, request))
        except web.HTTPException as error:
            return _json({"error": error.text or ""}, error.status)
        except Exception as error:
            problem = as_serving_error(error)
            return _json({"error": problem.message}, HTTP_STATUS.get(problem.code, 500))
        finally:
            self._under_way -= 1

    async def _answer(self, method: str, path: str, request: web.Request) -> Any:
        """The answer to a request, before it becomes JSON. Raises ServingError."""
        match = _PATH.fullmatch(path)
        if match is None:
            code = "INVALID_ARGUMENT" if path.startswith("/v1/") else "NOT_FOUND"
            raise fault(code, f"There is no {method} {path[:200]}")
        body = await self._body(request)
        deadline = time.monotonic() + self._timeout
        what = match["what"] or ""
        if method != ("POST" if what.startswith(":") else "GET"):
            raise invalid(f"There is no {method} {path[:200]}; see docs/serving.md for the paths")
        if match["model"] is None:
            raise invalid("The path names no model: /v1/models/NAME")
        if what in (":classify", ":regress"):
            raise fault("UNIMPLEMENTED", NOT_SERVED)
        name, label = (
            part and urllib.parse.unquote(part, "utf-8", "replace")
            for part in match.group("model", "label")
        )
        number = None if match["version"] is None else int(match["version"])
        if number is not None and number > _LARGEST_VERSION:
            raise invalid(f"A version is at most {_LARGEST_VERSION}")
        which = name, number, label
        if what == ":predict":
            return await self._predict(which, body, deadline)
        if not what:
            return messages.as_json(status(self._models, *which), keep_names=False)
        answer = messages.as_json(metadata(self._models, *which))
        del answer["metadata"]["signature_def"]["@type"]
        return answer

    async def _predict(
        self, which: tuple[str, int | None, str | None], body: bytes, deadline: float
    ) -> dict[str, Any]:
        document = _document(body)
        with (
            self._models.hold(*which) as (_, predictor),
            self._metrics.count(which[0], "REST", deadline) as ran,
        ):
            signature_name = document.get("signature_name", "")
            if not isinstance(signature_name, str):
                raise invalid("signature_name must be a string")
            inputs = _inputs(document, predictor.signature(signature_name).inputs)
            outputs, seconds = await predictor.predict(signature_name, inputs, deadline=deadline)
            ran(seconds)
            return _answer_of(outputs, by_rows="instances" in document)

    async def _body(self, request: web.Request) -> bytes:
        """Read the body, uncompressed. Raises HTTPException if it is late, too large or damaged."""
        try:
            async with asyncio.timeout(self._timeout):
                return await request.read()
        except TimeoutError:
            text = "The body did not arrive in time (rest_api_timeout_in_ms)"
            raise web.HTTPRequestTimeout(text=text) from None
        except (web.RequestPayloadError, ConnectionError):
            text = "The body is cut off, or its chunks or its compression are wrong"
            raise web.HTTPBadRequest(text=text) from None


def _json(answer: Any, status: int = 200) -> web.Response:
    # Messages may quote the request, which need not be UTF-8; `json` escapes that.
    body = json.dumps(answer).encode()
    return web.Response(status=status, body=body, content_type="application/json")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:40]} is too large")
    return number


_DECODER = json.JSONDecoder(parse_float=_finite)


def _document(body: bytes) -> dict[str, Any]:
    """Parse the JSON object of a body; text after it is ignored."""
    try:
        document, _ = _DECODER.raw_decode(body.decode("utf-8-sig").lstrip(" \t\r\n"))
    except RecursionError:
        raise invalid("The body has too many brackets in each other") from None
    except ValueError as error:
        raise invalid(f"The body is not JSON: {str(error)[:200]}") from None
    if not isinstance(document, dict):
        raise invalid("The body must be a JSON object with 'instances' or 'inputs'")
    return document


def _inputs(document: Mapping[str, Any], infos: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The arrays of a predict request, in row form (`instances`) or column form (`inputs`)."""
    if ("instances" in document) == ("inputs" in document):
        raise invalid("Send either 'instances', a list of rows, or 'inputs', an object of columns")
    dtypes = {name: messages.DTYPES.get(infos[name].dtype) for name in sorted(infos)}
    names = ", ".join(dtypes)
    for name, dtype in dtypes.items():
        if dtype is None or dtype.kind not in _JSON:
            # As in TensorFlow Serving, any error in a row is INVALID_ARGUMENT.
            code = "UNIMPLEMENTED" if "inputs" in document else "INVALID_ARGUMENT"
            raise fault(code, f"Input {name} is not of real numbers; use gRPC")
    if "inputs" in document:
        columns = document["inputs"]
        if not isinstance(columns, dict):
            columns = dict.fromkeys(dtypes, columns) if len(dtypes) == 1 else {}
        missing = [name for name in dtypes if name not in columns]
        if missing:
            raise invalid(f"'inputs' must be an object with {names}; missing: {missing}")
    else:
        rows = document["instances"]
        if not isinstance(rows, list) or not rows:
            raise invalid("'instances' must be a list with at least one row")
        if len(dtypes) == 1 and not any(isinstance(row, dict) for row in rows):
            columns = {names: rows}
        else:
            for number, row in enumerate(rows):
                if not isinstance(row, dict) or row.keys() != dtypes.keys():
                    raise invalid(
                        f"Row {number} of 'instances' must be an object with {names} and nothing "
                        "else"
                    )
            columns = {name: [row[name] for row in rows] for name in dtypes}
    return {name: _array(name, columns[name], dtype) for name, dtype in dtypes.items()}


def _array(name: str, value: Any, dtype: Any) -> np.ndarray:
    """Convert nested JSON lists to the array of an input."""
    allowed = _JSON[dtype.kind]
    shape: list[int] = []
    leaves = [value]
    while leaves and list in (kinds := set(map(type, leaves))):
        lengths = {len(leaf) for leaf in leaves} if kinds == {list} else set()
        if len(lengths) != 1 or len(shape) == messages.MOST_DIMENSIONS:
            raise invalid(
                f"Input {name}: the lists in each other must be equally long, and at most "
                f"{messages.MOST_DIMENSIONS} deep"
            )
        shape += lengths
        leaves = list(itertools.chain.from_iterable(leaves))
    if not set(map(type, leaves)) <= set(allowed):
        wrong = next(leaf for leaf in leaves if type(leaf) not in allowed)
        raise invalid(f"Input {name} must be of {dtype}, got {json.dumps(wrong)[:100]}")
    try:
        with np.errstate(over="ignore"):  # overflow of float32 gives infinity
            return np.asarray(leaves, dtype).reshape(shape)
    except OverflowError:
        raise invalid(f"Input {name} has a number that is too large for {dtype}") from None


def _answer_of(outputs: Mapping[str, np.ndarray], by_rows: bool) -> dict[str, Any]:
    """The outputs in row or column form; a single output has no name."""
    shapes = {name: array.shape for name, array in outputs.items()}
    lengths = {shape[:1] for shape in shapes.values()}
    if by_rows and (len(lengths) > 1 or () in lengths):
        raise invalid(
            "The outputs do not have one row each for all; ask with 'inputs' instead of "
            f"'instances'. Their shapes: {shapes}"
        )
    for name, array in outputs.items():
        if array.dtype not in messages.DTYPES.values() or array.dtype.kind not in _JSON:
            raise invalid(f"Output {name} is of {array.dtype}, which JSON cannot write; use gRPC")
    values = {name: array.tolist() for name, array in sorted(outputs.items())}
    key = "predictions" if by_rows else "outputs"
    if len(values) == 1:
        return {key: next(iter(values.values()))}
    if not by_rows:
        return {key: values}
    return {
        key: [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    }
