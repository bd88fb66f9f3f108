"""What the fake servers serve: signatures of TensorFlow Serving's kind, with faults on demand."""

from __future__ import annotations

import dataclasses
import importlib
import threading
import time
from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from eigenfit.serving import messages

FIT_OUTPUTS = {
    "parameters": ([-1, 3], np.float64),
    "eigenvalues": ([-1, 3], np.float64),
    "residuals": ([-1, 3], np.float64),
    "loss": ([-1], np.float64),
    "gradient_norm": ([-1], np.float64),
    "standard_errors": ([-1, 3], np.float64),
    "steps": ([-1], np.int32),
    "status": ([-1], np.int32),
    "cause": ([-1], np.int32),
    "starts": ([-1], np.int32),
    "agreeing": ([-1], np.int32),
}
TARGETS = {"targets": ([-1, 3], np.float64)}
FIT_INPUTS = TARGETS | {
    "initial": ([-1, 3], np.float64),
    "weights": ([-1, 3], np.float64),
    "tolerance": ([-1], np.float64),
    "max_steps": ([-1], np.int32),
}


class Fault(Exception):
    """What the server answers instead."""

    def __init__(self, code: grpc.StatusCode, message: str):
        super().__init__(message)
        self.code = code
        self.message = message


@dataclasses.dataclass
class FakeModel:
    """A model and how its server behaves.

    Attributes:
        definitions: SignatureDef by name.
        compute: signature and arrays by name to arrays by name.
        batch_limit: of request batching; a request with no rows is then held for ever (here: until
            the server stops), as the real server does.
        faults: the next requests fail with these, one each.
        delay: seconds that each request takes.
        version: of the model.
        write_tensor: how gRPC answers are written, if not rightly.
        requests: (signature, inputs) of each prediction that was let in or failed.
        asked: (what, headers) of every request: "POST path", or "Method version_choice" over gRPC.
        connections: those over HTTP that are open.
    """

    definitions: dict[str, Any]
    compute: Callable[[str, dict[str, np.ndarray]], dict[str, np.ndarray]]
    name: str = "levels"
    batch_limit: int | None = None
    faults: list[Fault] = dataclasses.field(default_factory=list)
    delay: float = 0.0
    version: int = 1
    write_tensor: Any = messages.write_tensor
    requests: list[tuple[str, dict[str, np.ndarray]]] = dataclasses.field(default_factory=list)
    asked: list[tuple[str, dict[str, Any]]] = dataclasses.field(default_factory=list)
    connections: set[int] = dataclasses.field(default_factory=set)
    metadata_requests: int = 0
    at_a_time: int = 0
    most_at_a_time: int = 0
    lock: Any = dataclasses.field(default_factory=threading.Lock)
    stopped: threading.Event = dataclasses.field(default_factory=threading.Event)

    @property
    def sizes(self) -> list[int]:
        """The number of rows of each request."""
        return [len(next(iter(inputs.values()))) for _, inputs in self.requests]

    def check_spec(self, name: str, version: int | None) -> None:
        if name != self.name:
            raise Fault(
                grpc.StatusCode.NOT_FOUND, f"Servable not found for request: Latest({name})"
            )
        if version not in (None, self.version):
            specific = f"Servable not found for request: Specific({name}, {version})"
            raise Fault(grpc.StatusCode.NOT_FOUND, specific)

    def predict(self, signature: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        with self.lock:
            self.requests.append((signature, inputs))
            fault = self.faults.pop(0) if self.faults else None
            self.at_a_time += 1
            self.most_at_a_time = max(self.most_at_a_time, self.at_a_time)
        try:
            if self.delay:
                self.stopped.wait(self.delay)
            if fault is not None:
                raise fault
            return self._answer(signature, inputs)
        finally:
            with self.lock:
                self.at_a_time -= 1

    def _answer(self, signature: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        if signature not in self.definitions:
            message = f'Serving signature key "{signature}" not found.'
            raise Fault(grpc.StatusCode.FAILED_PRECONDITION, message)
        if self.batch_limit is not None:
            rows = len(next(iter(inputs.values())))
            if rows == 0:
                self.stopped.wait()
            if rows > self.batch_limit:
                message = (
                    f"Task size {rows} is larger than maximum input batch size {self.batch_limit}"
                )
                raise Fault(grpc.StatusCode.INVALID_ARGUMENT, message)
        try:
            return self.compute(signature, inputs)
        except tf.errors.InvalidArgumentError as error:
            raise Fault(grpc.StatusCode.INVALID_ARGUMENT, error.message) from None


def module(name: str) -> Any:
    return importlib.import_module(f"tensorflow_serving.apis.{name}")


def metadata_response(model: FakeModel) -> Any:
    model.metadata_requests += 1
    response = module("get_model_metadata_pb2").GetModelMetadataResponse()
    response.model_spec.name = model.name
    response.model_spec.version.value = model.version
    signatures = module("get_model_metadata_pb2").SignatureDefMap()
    for name, each in model.definitions.items():
        signatures.signature_def[name].CopyFrom(each)
    response.metadata["signature_def"].Pack(signatures)
    return response


def status_response(model: FakeModel) -> Any:
    """A newer version that could not be loaded, and the one that answers."""
    response = module("get_model_status_pb2").GetModelStatusResponse()
    newest = response.model_version_status.add(version=model.version + 1, state=50)
    newest.status.error_code = 5
    newest.status.error_message = "it was not there"
    response.model_version_status.add(version=model.version, state=30)
    return response


def definition(inputs: dict[str, Any], outputs: dict[str, Any]) -> Any:
    """A SignatureDef from {name: (sizes, dtype)}."""
    made = meta_graph_pb2.SignatureDef(method_name="tensorflow/serving/predict")
    for target, tensors in ((made.inputs, inputs), (made.outputs, outputs)):
        for name, (sizes, dtype) in tensors.items():
            known: Any = tf.as_dtype(dtype)
            target[name].dtype = known.as_datatype_enum
            target[name].tensor_shape.CopyFrom(tf.TensorShape(sizes_of(sizes)).as_proto())
    return made


def sizes_of(sizes):
    return None if sizes is None else [None if size < 0 else size for size in sizes]


def pretended(more: tuple[str, ...] = ()) -> FakeModel:
    """Looks like a model of eigenfit and does arithmetic, so it needs no time to be built.

    Args:
        more: further inputs of `fit`, such as lower and upper.
    """
    extra = {name: ([-1, 3], np.float64) for name in more}
    definitions = {
        "serving_default": definition(TARGETS, FIT_OUTPUTS),
        "fit": definition(FIT_INPUTS | extra, FIT_OUTPUTS),
        "spectrum": definition(
            {"parameters": ([-1, 3], np.float64)}, {"eigenvalues": ([-1, 3], np.float64)}
        ),
        "matrix": definition(
            {"parameters": ([-1, 3], np.float64)}, {"matrix": ([-1, 3, 3], np.complex128)}
        ),
        "__saved_model_init_op": definition({}, {"__saved_model_init_op": (None, np.int32)}),
    }
    return FakeModel(definitions, pretend)


def pretend(signature: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Each row's answer holds numbers of that row only."""
    if signature == "spectrum":
        return {"eigenvalues": 3.0 * inputs["parameters"]}
    if signature == "matrix":
        return {"matrix": 1j * inputs["parameters"][:, :, None] * inputs["parameters"][:, None, :]}
    targets = inputs["targets"]
    total = targets.sum(axis=1)
    return {
        "parameters": 2.0 * targets,
        "eigenvalues": targets + 1.0,
        "residuals": targets / 3.0,
        "loss": total,
        "gradient_norm": np.full_like(total, np.inf),
        "standard_errors": np.full_like(targets, np.nan),
        "steps": np.isfinite(targets).sum(axis=1).astype(np.int32),
        "status": np.ones(len(targets), np.int32),
        "cause": np.zeros(len(targets), np.int32),
        "starts": np.ones(len(targets), np.int32),
        "agreeing": np.ones(len(targets), np.int32),
    }


def wait_until(condition, seconds=5.0):
    """Whether the condition became true in time."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    return condition()
