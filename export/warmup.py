"""Warm-up requests, which a server replays before a model is available.

TensorFlow Serving reads `assets.extra/tf_serving_warmup_requests`, a TFRecord file of
`PredictionLog` messages, runs every request, and refuses the model if one fails. Otherwise the
first request of each signature would wait for TensorFlow to prepare its graph.
"""

# pyright: reportAttributeAccessIssue=false
# Protobuf creates the message classes at import; Pyright cannot see them.

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from ..solver import SpectralSolver
from .examples import example_inputs
from .signatures import Signature

#: The file that TensorFlow Serving reads, inside a version directory.
WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
#: Rows of the requests. Few, because a server with batching refuses a request with more rows than
#: its `max_batch_size`, and with it the model.
WARMUP_ROWS = (1, 2, 4)


def write_warmup(
    directory: Path, signatures: Mapping[str, Signature], solver: SpectralSolver
) -> None:
    """Write a request for every signature and every number of rows in `WARMUP_ROWS`.

    Args:
        directory: a version directory.
        signatures: of the model, by name.
        solver: makes the example rows.
    """
    path = directory / WARMUP_FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for rows in WARMUP_ROWS:
            examples = example_inputs(solver, rows)
            for name, signature in signatures.items():
                request = predict_pb2.PredictRequest()
                request.model_spec.name = "warmup"  # not read; only the signature name is
                request.model_spec.signature_name = name
                for spec in signature.inputs:
                    tensor = tf.make_tensor_proto(examples[str(spec.name)].numpy())
                    request.inputs[str(spec.name)].CopyFrom(tensor)
                log = prediction_log_pb2.PredictLog(request=request)
                writer.write(prediction_log_pb2.PredictionLog(predict_log=log).SerializeToString())


def read_warmup(directory: Path) -> list[predict_pb2.PredictRequest]:
    """The warm-up requests of a version directory, in order; empty if it has none."""
    path = directory / WARMUP_FILE
    if not path.exists():
        return []
    records = tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    return [log.predict_log.request for log in logs]


def replay_warmup(directory: Path, reloaded: Any) -> int:
    """Run every warm-up request, as a server does.

    Args:
        directory: a version directory.
        reloaded: the loaded SavedModel in it.

    Returns:
        The number of requests.

    Raises:
        RuntimeError: if a request fails.
    """
    requests = read_warmup(directory)
    for number, request in enumerate(requests):
        name = request.model_spec.signature_name
        inputs = {key: tf.constant(tf.make_ndarray(t)) for key, t in request.inputs.items()}
        try:
            reloaded.signatures[name](**inputs)
        except Exception as error:
            raise RuntimeError(
                f"export_saved_model: warm-up request {number} of signature {name!r} fails, so a "
                f"server would refuse the model. Nothing was published. {error}"
            ) from error
    return len(requests)
