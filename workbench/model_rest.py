"""The REST interface of the embedded server for one model, without a port of its own."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aiohttp import web
from yarl import URL

from ..serving.messages import ModelServerConfig
from ..serving.server.batching import Direct
from ..serving.server.metrics import Metrics
from ..serving.server.options import ServerOptions
from ..serving.server.predict import load
from ..serving.server.rest import RestApi
from ..serving.server.versions import Models

# A search of a large problem takes minutes; the page waits for it.
_TIMEOUT_MS = 3_600_000
_THREADS = 8


class ModelRest:
    """Answers `/v1/models/NAME...` for the newest version in a folder."""

    def __init__(self, name: str, folder: Path):
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="model")
        # Without the warm-up the page opens sooner; the first fit takes about a second longer.
        options = ServerOptions(rest_api_timeout_in_ms=_TIMEOUT_MS, enable_model_warmup=False)
        runner = Direct(self._threads)
        self._models = Models(lambda directory: load(directory, options, runner))
        made = ModelServerConfig().model_config_list.config.add(name=name, base_path=str(folder))
        self._configs = {name: made}
        self._rest = RestApi(self._models, Metrics(), None, options)

    async def take_newest(self) -> None:
        """Load the newest version, and wait until it answers.

        Raises:
            ServingError: if it cannot be loaded.
        """
        await self._models.configure(self._configs)
        await self._models.wait(math.inf)

    async def respond(self, request: web.Request, path: str) -> web.StreamResponse:
        """Answer a request as if it had come for this path, such as "/v1/models/problem"."""
        return await self._rest.respond(request.clone(rel_url=URL(path, encoded=True)))

    async def close(self) -> None:
        """Free the model."""
        await self._models.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
