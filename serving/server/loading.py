"""Load a version directory and replay its warm-up requests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from ..messages import PredictionLog
from .batching import Runner
from .errors import as_serving_error, fault, invalid
from .options import ServerOptions
from .predict import Predictor
from .session import Session
from .versions import in_thread

_WARMUP = Path("assets.extra", "tf_serving_warmup_requests")
_MOST_RECORDS = 1000


def make_loader(options: ServerOptions, runner: Runner) -> Callable[[str], Awaitable[Predictor]]:
    """A function that loads the version in a directory and replays its warm-up requests.

    The function raises ServingError if loading or a request fails.
    """

    async def load(directory: str) -> Predictor:
        session = await in_thread(
            Session,
            directory,
            options.tensorflow_intra_op_parallelism,
            options.tensorflow_inter_op_parallelism,
        )
        predictor = Predictor(session, runner, options.max_batch_rows)
        try:
            path = Path(directory) / _WARMUP
            if options.enable_model_warmup and path.exists():
                for request in await in_thread(_requests, path):
                    name = request.model_spec.signature_name
                    await predictor.predict(name, request.inputs, request.output_filter)
        except BaseException:
            await in_thread(session.close)
            raise
        return predictor

    return load


def _requests(path: Path) -> list[Any]:
    """Read the PredictRequests of a warm-up file."""
    try:
        with tf.init_scope():
            records = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
    except tf.errors.OpError as error:
        message = f"{path} is no TFRecord file: {as_serving_error(error).message}"
        raise fault("DATA_LOSS", message) from None
    if len(records) > _MOST_RECORDS:
        raise invalid(f"{path} has {len(records)} warm-up records; at most {_MOST_RECORDS} may be")
    requests = []
    for record in records:
        try:
            log = PredictionLog.FromString(record)
        except Exception:  # the type differs between the implementations of protobuf
            raise invalid(f"A warm-up record of {path} is no PredictionLog") from None
        kind = log.WhichOneof("log_type")
        if kind != "predict_log":
            raise fault(
                "UNIMPLEMENTED",
                f"A warm-up record of {path} is {kind or 'empty'}; this server replays predict_log "
                "only. --enable_model_warmup=false replays none",
            )
        requests.append(log.predict_log.request)
    return requests
