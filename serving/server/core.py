"""What every request does, whichever way it came: find the model, let it answer, count."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from . import protos
from .answers import ANSWERS, Answer
from .codes import Code, ServingError, as_serving_error, invalid_argument
from .manager import ModelManager
from .metrics import ServerMetrics
from .model_config import settings_of
from .stopwatch import Stopwatch


class ServerCore:
    """The requests of both interfaces, as functions from message to message.

    Args:
        manager: has the models.
        metrics: counts requests.
    """

    def __init__(self, manager: ModelManager, metrics: ServerMetrics):
        self.manager = manager
        self.metrics = metrics

    def infer(self, kind: str, request: Any, timeout: float | None, entrypoint: str) -> Any:
        """Answer an inference request.

        Args:
            kind: one of `ANSWERS`.
            request: the message.
            timeout: seconds; None for no limit.
            entrypoint: `GRPC` or `REST`, for the metrics.

        Returns:
            The response message.

        Raises:
            ServingError: whatever is wrong with the request. Other exceptions leave as they are:
                `as_serving_error` tells what they mean.
        """
        if kind == "multi_inference_log":
            if not request.tasks:
                raise invalid_argument("ModelSpec has no name specified.")
            spec = request.tasks[0].model_spec
        else:
            spec = _model_spec(request)
        return self.answer(ANSWERS[kind], kind, spec, request, timeout, entrypoint)

    def answer(
        self,
        function: Answer,
        kind: str,
        spec: Any,
        request: Any,
        timeout: float | None,
        entrypoint: str,
    ) -> Any:
        """Let a version answer with the given function; the other arguments as for `infer`."""
        # Only models that exist are counted: a client that makes up names must not fill the memory.
        with self.manager.use(*name_version_label(spec)) as served:
            watch = Stopwatch(served.loaded)
            started = time.perf_counter()
            status = Code.OK
            try:
                return function(watch, served.version, request, timeout)
            except Exception as error:
                # No name for what is raised: it would keep itself until the collector runs.
                status = as_serving_error(error).code
                raise
            finally:
                seconds = time.perf_counter() - started
                self.metrics.count(spec.name, kind, entrypoint, status, seconds, watch.seconds)

    def metadata(self, request: Any) -> Any:
        """Answer a GetModelMetadataRequest; raises ServingError."""
        spec = _model_spec(request)
        if not request.metadata_field:
            raise invalid_argument(
                "GetModelMetadataRequest must specify at least one metadata_field"
            )
        for field in request.metadata_field:
            if field != "signature_def":
                raise invalid_argument(f"Metadata field {field} is not supported")
        with self.manager.use(*name_version_label(spec)) as served:
            response = protos.GetModelMetadataResponse()
            response.model_spec.name = spec.name
            response.model_spec.version.value = served.version
            signatures = protos.SignatureDefMap()
            for name, signature in served.loaded.signatures.items():
                signatures.signature_def[name].CopyFrom(signature)
            response.metadata["signature_def"].Pack(signatures)
            return response

    def status(self, request: Any) -> Any:
        """Answer a GetModelStatusRequest; raises ServingError. A label in it is ignored."""
        spec = _model_spec(request)
        version = spec.version.value if spec.HasField("version") else None
        response = protos.GetModelStatusResponse()
        for served in self.manager.statuses(spec.name, version):
            entry = response.model_version_status.add(version=served.version, state=served.state)
            if served.error is None:
                entry.status.SetInParent()
            else:
                entry.status.error_code = served.error.code
                entry.status.error_message = served.error.message
        return response

    def reload(self, request: Any, timeout: float | None, is_wanted: Callable[[], bool]) -> Any:
        """Answer a ReloadConfigRequest when the new models are available.

        A failure is an error of the call, as it is with `tensorflow_model_server`.

        Args:
            request: the message.
            timeout: seconds to wait for the models; None for no limit.
            is_wanted: see `ModelManager.reload`.

        Returns:
            The response message.

        Raises:
            ServingError: see `ModelManager.reload`; for a wrong configuration.
        """
        before = self.metrics.values(request.metric_names)
        self.manager.reload(settings_of(request.config), timeout, is_wanted)
        response = protos.ReloadConfigResponse()
        response.status.SetInParent()
        for name, value in self.metrics.values(request.metric_names).items():
            response.metric.add(name=name).int64_value_increase = value - before.get(name, 0)
        return response


def name_version_label(spec: Any) -> tuple[str, int | None, str | None]:
    """What a ModelSpec asks for.

    Raises:
        ServingError: INVALID_ARGUMENT without a name.
    """
    if not spec.name:
        raise invalid_argument("ModelSpec has no name specified.")
    choice = spec.WhichOneof("version_choice")
    version = spec.version.value if choice == "version" else None
    label = spec.version_label if choice == "version_label" else None
    return spec.name, version, label


def _model_spec(request: Any) -> Any:
    if not request.HasField("model_spec"):
        raise ServingError(Code.INVALID_ARGUMENT, "Missing ModelSpec")
    return request.model_spec
