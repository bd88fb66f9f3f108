"""Load a version; answer predict requests: check inputs, run the graph, choose the outputs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from ..errors import as_serving_error, fault, invalid
from ..messages import PredictionLog, read_tensor
from .batching import Runner
from .options import ServerOptions
from .session import Session

DEFAULT_SIGNATURE = "serving_default"
_WARMUP = Path("assets.extra", "tf_serving_warmup_requests")


class Predictor:
    """A loaded model that answers predict requests; a tensor may have `most_rows`, if not 0."""

    def __init__(self, session: Session, runner: Runner, most_rows: int = 0):
        self.session = session
        self.signatures = session.signatures
        self._runner = runner
        self._most_rows = most_rows

    def signature(self, name: str) -> Any:
        """The SignatureDef with this name, by default `serving_default`; or FAILED_PRECONDITION."""
        name = name or DEFAULT_SIGNATURE
        if name not in self.signatures:
            known = ", ".join(self.signatures)
            message = f"There is no signature {name!r}; this model has {known}"
            raise fault("FAILED_PRECONDITION", message)
        return self.signatures[name]

    async def predict(
        self,
        signature_name: str,
        inputs: Mapping[str, Any],
        output_filter: Sequence[str] = (),
        deadline: float | None = None,
    ) -> tuple[dict[str, np.ndarray], float]:
        """The arrays by output name, and the seconds of the run, waiting included.

        The inputs are TensorProtos or arrays by name. An empty `output_filter` asks for all
        outputs. The deadline is a time of `time.monotonic()`.
        """
        signature = self.signature(signature_name)
        feeds = self._feeds(signature, inputs)
        unknown = set(output_filter) - set(signature.outputs)
        if unknown or len(set(output_filter)) < len(output_filter):
            raise invalid(
                f"output_filter must name some of {_join(signature.outputs)}, each once; got "
                f"{_join(output_filter)}"
            )
        wanted = {
            name: signature.outputs[name].name
            for name in output_filter or sorted(signature.outputs)
        }
        fetches = tuple(sorted(set(wanted.values())))
        began = time.perf_counter()
        arrays = await self._runner.run(self.session, feeds, fetches, deadline)
        seconds = time.perf_counter() - began
        by_tensor = dict(zip(fetches, arrays, strict=True))
        return {name: by_tensor[tensor] for name, tensor in wanted.items()}, seconds

    def _feeds(self, signature: Any, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """The arrays to feed, by tensor name: the inputs, or the defaults of the signature."""
        known = set(signature.inputs)
        unknown, missing = set(inputs) - known, known - set(inputs) - set(signature.defaults)
        if unknown or missing:
            raise invalid(
                f"The signature takes the inputs {_join(known)}"
                + (f"; missing: {_join(missing)}" if missing else "")
                + (f"; not known: {_join(unknown)}" if unknown else "")
            )
        feeds = {}
        for name in sorted(known):
            info = signature.inputs[name]
            array = inputs[name] if name in inputs else signature.defaults[name]
            if not isinstance(array, np.ndarray):
                array = read_tensor(f"Input {name}", array, info.dtype)
            if self._most_rows and array.ndim and len(array) > self._most_rows:
                raise invalid(
                    f"Input {name} has {len(array)} rows; this server takes {self._most_rows} "
                    "(max_batch_rows). Divide the request"
                )
            feeds[info.name] = array
        return feeds


async def load(directory: str, options: ServerOptions, runner: Runner) -> Predictor:
    """Load a version directory and replay its warm-up requests; an error of one is an error."""
    session = await asyncio.to_thread(
        Session,
        directory,
        options.tensorflow_intra_op_parallelism,
        options.tensorflow_inter_op_parallelism,
    )
    predictor = Predictor(session, runner, options.max_batch_rows)
    try:
        path = Path(directory) / _WARMUP
        if options.enable_model_warmup and path.exists():
            for request in await asyncio.to_thread(_warmup_requests, path):
                name = request.model_spec.signature_name
                await predictor.predict(name, request.inputs, request.output_filter)
    except BaseException:
        await asyncio.to_thread(session.close)
        raise
    return predictor


def _warmup_requests(path: Path) -> list[Any]:
    """Read the PredictRequests of a warm-up file."""
    try:
        with tf.init_scope():
            records = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
        logs = [PredictionLog.FromString(record) for record in records]
    except (tf.errors.OpError, DecodeError) as error:
        reason = as_serving_error(error).message if isinstance(error, tf.errors.OpError) else error
        raise fault("DATA_LOSS", f"{path} holds no PredictionLogs: {reason}") from None
    for log in logs:
        if (kind := log.WhichOneof("log_type")) != "predict_log":
            raise fault(
                "UNIMPLEMENTED",
                f"A warm-up record of {path} is {kind or 'empty'}; this server replays predict_log "
                "only. --enable_model_warmup=false replays none",
            )
    return [log.predict_log.request for log in logs]


def _join(names: Any) -> str:
    return ", ".join(sorted(names)) or "none"
