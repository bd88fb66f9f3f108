"""The gRPC services: messages in, messages out, errors as status."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from . import protos
from .codes import ServingError, as_serving_error
from .core import ServerCore

_LONGEST_MESSAGE = 1024
_CUT = "...TRUNCATED"
# grpcio reports "no deadline" as a very long time.
_FOR_EVER = 3600.0 * 24 * 365


def truncated(message: str) -> str:
    """The message as gRPC sends it: a status travels in a header, which must be short.

    Bytes count, not characters: clients refuse headers beyond 8 kB, and each byte may become three.
    """
    data = message.encode("utf-8", "replace")
    if len(data) <= _LONGEST_MESSAGE:
        return message
    return data[:_LONGEST_MESSAGE].decode("utf-8", "ignore") + _CUT


class PredictionService(protos.prediction_service.PredictionServiceServicer):
    """Predict, Classify, Regress, MultiInference and GetModelMetadata."""

    def __init__(self, core: ServerCore):
        self._core = core

    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:
        """One prediction."""
        return self._infer("predict_log", request, context)

    def Classify(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Classes of tf.Examples."""
        return self._infer("classify_log", request, context)

    def Regress(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Numbers for tf.Examples."""
        return self._infer("regress_log", request, context)

    def MultiInference(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Several of the two above, in one run."""
        return self._infer("multi_inference_log", request, context)

    def GetModelMetadata(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The signatures of a model."""
        return _answer(context, lambda: self._core.metadata(request))

    def _infer(self, kind: str, request: Any, context: grpc.ServicerContext) -> Any:
        timeout = _time_left(context)
        return _answer(context, lambda: self._core.infer(kind, request, timeout, "GRPC"))


class ModelService(protos.model_service.ModelServiceServicer):
    """GetModelStatus and HandleReloadConfigRequest."""

    def __init__(self, core: ServerCore):
        self._core = core

    def GetModelStatus(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The states of the versions of a model."""
        return _answer(context, lambda: self._core.status(request))

    def HandleReloadConfigRequest(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Serve other models."""
        # Past its deadline, or when the client has gone, the call must not keep its thread.
        context.add_callback(self._core.manager.wake)
        timeout = _time_left(context)
        return _answer(context, lambda: self._core.reload(request, timeout, context.is_active))


def _time_left(context: grpc.ServicerContext) -> float | None:
    left = context.time_remaining()
    return None if left is None or left > _FOR_EVER else left


def _answer(context: grpc.ServicerContext, function: Callable[[], Any]) -> Any:
    try:
        return function()
    except Exception as error:
        # Without a name, which would keep the error, and the request, until the collector runs.
        _abort(context, as_serving_error(error))


def _abort(context: grpc.ServicerContext, problem: ServingError) -> None:
    context.abort(grpc.StatusCode[problem.code.name], truncated(problem.message))
