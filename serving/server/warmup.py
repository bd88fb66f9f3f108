"""The warm-up requests that a SavedModel brings along, replayed before it is served."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from .codes import Code, ServingError, as_serving_error, invalid_argument
from .protos import PredictionLog

_FILE = Path("assets.extra", "tf_serving_warmup_requests")
_MOST_RECORDS = 1000
Replay = Callable[[str, Any], None]


def warm_up(directory: str, replay: Replay) -> int:
    """Replay the warm-up requests of a version.

    Args:
        directory: of the version. Without a file of requests nothing happens.
        replay: takes the kind (`predict_log` and so on) and the request; raises if it fails.

    Returns:
        How many requests there were.

    Raises:
        ServingError: if the file is wrong or any request fails; then the version must not be
            served.
    """
    path = Path(directory) / _FILE
    if not path.exists():
        return 0
    count = 0
    for record in _records(path):
        if count == _MOST_RECORDS:
            raise invalid_argument(
                f"Number of warmup records exceeds the maximum ({_MOST_RECORDS}) at {path}"
            )
        _replay_one(record, path, replay)
        count += 1
    return count


def _records(path: Path) -> Any:
    try:
        with tf.init_scope():
            for record in tf.data.TFRecordDataset(str(path)):
                yield record.numpy()
    except tf.errors.OpError as error:
        raise ServingError(
            Code.DATA_LOSS,
            f"{as_serving_error(error).message} Please verify your warmup data is in TFRecord "
            f"format: {path}",
        ) from None


def _replay_one(record: bytes, path: Path, replay: Replay) -> None:
    log = PredictionLog()
    try:
        log.ParseFromString(record)
    except Exception:  # protobuf has several kinds, which differ between its implementations
        raise invalid_argument(
            f"Failed to parse warmup record: {record!r:.200} from {path}"
        ) from None
    kind = log.WhichOneof("log_type")
    if kind not in ("predict_log", "classify_log", "regress_log", "multi_inference_log"):
        raise ServingError(
            Code.UNIMPLEMENTED, f"Unsupported log_type for warmup: {kind or 'LOG_TYPE_NOT_SET'}"
        )
    replay(kind, getattr(log, kind).request)
