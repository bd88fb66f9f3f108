"""Requests that a server replays before it says that a model is ready.

TensorFlow Serving reads `assets.extra/tf_serving_warmup_requests`, a TFRecord file of
`PredictionLog` messages, runs every request, and refuses the model if one fails. Without them the
first real request of each signature would wait for TensorFlow to prepare its graph.
"""

# pyright: reportAttributeAccessIssue=false
# Protobuf makes the message classes when the module is imported; Pyright cannot see them.

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from ..solver import SpectralSolver
from .examples import example_inputs
from .signatures import Signature

#: Where TensorFlow Serving looks for the requests, inside a version directory.
WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
#: Rows of the requests: one, and a few. A server with batching refuses a request, and with it the
#: model, if it has more rows than its `max_batch_size`, so they are few.
WARMUP_ROWS = (1, 2, 4)


def write_warmup(
    directory: Path, signatures: Mapping[str, Signature], solver: SpectralSolver
) -> None:
    """Write requests for every signature at every number of rows.

    Args:
        directory: a version directory.
        signatures: what the model offers, by name.
        solver: makes the rows.
    """
    path = directory / WARMUP_FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for rows in WARMUP_ROWS:
            examples = example_inputs(solver, rows)
            for name, signature in signatures.items():
                request = predict_pb2.PredictRequest()
                request.model_spec.name = "warmup"  # only the signature is looked at
                request.model_spec.signature_name = name
                for spec in signature.inputs:
                    tensor = tf.make_tensor_proto(examples[str(spec.name)].numpy())
                    request.inputs[str(spec.name)].CopyFrom(tensor)
                log = prediction_log_pb2.PredictLog(request=request)
                writer.write(prediction_log_pb2.PredictionLog(predict_log=log).SerializeToString())


def read_warmup(directory: Path) -> list[predict_pb2.PredictRequest]:
    """The requests in a version directory, in order; none if there is no such file."""
    path = directory / WARMUP_FILE
    if not path.exists():
        return []
    records = tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    return [log.predict_log.request for log in logs]


def replay_warmup(directory: Path, reloaded: Any) -> int:
    """Run every request, as a server does.

    Args:
        directory: a version directory.
        reloaded: the model in it.

    Returns:
        How many requests were run.

    Raises:
        RuntimeError: if one fails.
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
