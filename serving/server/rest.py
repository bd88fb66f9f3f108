"""The REST interface: paths, JSON requests and answers, errors as HTTP statuses."""

from __future__ import annotations

import asyncio
import base64
import binascii
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
from ..errors import HTTP_STATUS
from .errors import as_serving_error, fault, invalid
from .grpc_api import NOT_SERVED, metadata, status
from .metrics import Metrics
from .options import ServerOptions
from .tensors import MOST_DIMENSIONS, type_name
from .versions import Models

# Matches the whole path, query string included.
_PATH = re.compile(
    r"/v1/models(?:/(?P<model>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
    r"(?P<what>/metadata|:predict|:classify|:regress)?)?",
    re.IGNORECASE | re.ASCII,
)
_LARGEST_VERSION = 2**63 - 1
# Limit of an uncompressed body: a few bytes of gzip can become gigabytes.
_MOST_INFLATED = 100 * 2**20
# The DataTypes that JSON can express, and the Python types of their JSON values.
_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("float32", "float64"), (int, float)),
    **dict.fromkeys(("int8", "int16", "int32", "int64", "uint8", "uint32", "uint64"), (int,)),
    "bool": (bool,),
    "string": (str, dict),
}


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
        application = web.Application(client_max_size=self._options.max_message_bytes)
        application.router.add_route("*", "/{path:.*}", self._respond)
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

    async def _respond(self, request: web.Request) -> web.Response:
        path = request.raw_path
        if request.method == "OPTIONS":
            asked = re.match(r"https?://", request.headers.get("Origin", ""))
            return web.Response(status=200 if asked else 400)
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
            code = "INVALID_ARGUMENT" if path[:4].lower() == "/v1/" else "NOT_FOUND"
            raise fault(code, f"There is no {method} {path[:200]}")
        body = await self._body(request)
        deadline = time.monotonic() + self._timeout
        what = (match["what"] or "").lower()
        if method != ("POST" if what.startswith(":") else "GET"):
            raise invalid(f"There is no {method} {path[:200]}; see docs/serving.md for the paths")
        if match["model"] is None:
            raise invalid("The path names no model: /v1/models/NAME")
        if what in (":classify", ":regress"):
            raise fault("UNIMPLEMENTED", NOT_SERVED)
        name = urllib.parse.unquote(match["model"], "utf-8", "replace")
        label = match["label"] and urllib.parse.unquote(match["label"], "utf-8", "replace")
        # Python refuses to parse thousands of digits.
        digits = match["version"] and match["version"].lstrip("0")[:20]
        number = None if digits is None else int(digits or "0")
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
        limit = self._options.max_message_bytes
        if "Content-Encoding" in request.headers:
            limit = min(limit, _MOST_INFLATED)
        try:
            async with asyncio.timeout(self._timeout):
                return await request.clone(client_max_size=limit).read()
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
    names = sorted(infos)
    for name in names:
        if type_name(infos[name].dtype) not in _TYPES:
            # As in TensorFlow Serving, any error in a row is INVALID_ARGUMENT.
            code = "UNIMPLEMENTED" if "inputs" in document else "INVALID_ARGUMENT"
            raise fault(code, f"Input {name} has a type for which JSON has no form; use gRPC")
    if "inputs" in document:
        columns = document["inputs"]
        if not _is_object(columns):
            columns = dict.fromkeys(names, columns) if len(names) == 1 else {}
        missing = [name for name in names if name not in columns]
        if missing:
            raise invalid(f"'inputs' must be an object with {', '.join(names)}; missing: {missing}")
        return {name: _array(name, columns[name], infos[name].dtype) for name in names}
    rows = document["instances"]
    if not isinstance(rows, list) or not rows:
        raise invalid("'instances' must be a list with at least one row")
    if any(map(_is_object, rows)) or len(names) != 1:
        for number, row in enumerate(rows):
            if not _is_object(row) or row.keys() != set(names):
                raise invalid(
                    f"Row {number} of 'instances' must be an object with {', '.join(names)} and "
                    "nothing else"
                )
        return {n: _array(n, [row[n] for row in rows], infos[n].dtype) for n in names}
    return {names[0]: _array(names[0], rows, infos[names[0]].dtype)}


def _array(name: str, value: Any, number: int) -> np.ndarray:
    """Convert nested JSON lists to the array of an input."""
    dtype = type_name(number)
    allowed = _TYPES[dtype]
    shape: list[int] = []
    leaves = [value]
    while leaves and list in (kinds := set(map(type, leaves))):
        if kinds != {list} or len(set(map(len, leaves))) > 1 or len(shape) == MOST_DIMENSIONS:
            raise invalid(
                f"Input {name}: the lists in each other must be equally long, and at most "
                f"{MOST_DIMENSIONS} deep"
            )
        shape.append(len(leaves[0]))
        leaves = list(itertools.chain.from_iterable(leaves))
    if not set(map(type, leaves)) <= set(allowed):
        wrong = next(leaf for leaf in leaves if type(leaf) not in allowed)
        raise invalid(f"Input {name} must be of {dtype}, got {json.dumps(wrong)[:100]}")
    try:
        if dtype == "string":
            return np.array([_bytes(name, leaf) for leaf in leaves], object).reshape(shape)
        with np.errstate(over="ignore"):  # overflow of float32 gives infinity
            return np.asarray(leaves, dtype).reshape(shape)
    except OverflowError:
        raise invalid(f"Input {name} has a number that is too large for {dtype}") from None


def _bytes(name: str, leaf: Any) -> bytes:
    """The bytes of a string, or of `{"b64": "..."}`, whose padding may be missing."""
    try:
        if isinstance(leaf, str):
            return leaf.encode("utf-8")
        text = "".join(leaf["b64"].split()).rstrip("=")
        if len(leaf) == 1:
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (KeyError, AttributeError, binascii.Error, ValueError):
        pass
    raise invalid(f'Input {name}: bytes are written as UTF-8 or as {{"b64": "..."}}')


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and list(value) != ["b64"]


def _answer_of(outputs: Mapping[str, np.ndarray], by_rows: bool) -> dict[str, Any]:
    """The outputs in row or column form; a single output has no name."""
    shapes = {name: array.shape[:1] for name, array in outputs.items()}
    if by_rows and (len(set(shapes.values())) > 1 or () in shapes.values()):
        raise invalid(
            "The outputs do not have one row each for all; ask with 'inputs' instead of "
            f"'instances'. Their shapes: { {name: each.shape for name, each in outputs.items()} }"
        )
    values = {name: _values(name, array) for name, array in sorted(outputs.items())}
    key = "predictions" if by_rows else "outputs"
    if len(values) == 1:
        return {key: next(iter(values.values()))}
    if not by_rows:
        return {key: values}
    return {
        key: [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    }


def _values(name: str, array: np.ndarray) -> Any:
    array = np.asarray(array)
    if array.dtype.kind in "OS":
        texts = [_text(each, name.endswith("_bytes")) for each in array.ravel().tolist()]
        array = np.array([*texts, None], object)[:-1].reshape(array.shape)
    elif array.dtype.kind not in "biu" and array.dtype not in (np.float32, np.float64):
        raise invalid(
            f"Output {name} has the type {array.dtype}, which JSON cannot write; use gRPC"
        )
    return array.tolist()


def _text(value: bytes, as_base64: bool) -> Any:
    if not as_base64:
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            pass
    return {"b64": base64.b64encode(value).decode("ascii")}
