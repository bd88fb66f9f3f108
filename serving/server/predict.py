"""Predict requests: check the inputs against the signature, run the graph, encode the outputs."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from grpc import StatusCode
from tensorflow.python.framework import tensor_util

from ..errors import ServingError
from .batching import Runner
from .errors import invalid
from .protos import TensorProto
from .session import Session

DEFAULT_SIGNATURE = "serving_default"
# TensorFlow's conversion of a string tensor with more dimensions to NumPy crashes the process.
MOST_DIMENSIONS = 32
# A short list of values is filled up, so 20 bytes could request terabytes; this is the limit.
_MOST_FILLED = 2**20


class Predictor:
    """A loaded model that answers predict requests.

    Args:
        session: the model.
        runner: runs its graph, with or without batching.
        most_rows: row limit of a tensor of a request; 0 for no limit.
    """

    def __init__(self, session: Session, runner: Runner, most_rows: int = 0):
        self.session = session
        self.signatures = session.signatures
        self._runner = runner
        self._most_rows = most_rows

    def signature(self, name: str) -> Any:
        """The SignatureDef with this name; `serving_default` if the name is empty.

        Raises:
            ServingError: FAILED_PRECONDITION if there is no such signature.
        """
        name = name or DEFAULT_SIGNATURE
        if name not in self.signatures:
            raise ServingError(
                StatusCode.FAILED_PRECONDITION,
                f"There is no signature {name!r}; this model has {', '.join(self.signatures)}",
            )
        return self.signatures[name]

    async def predict(
        self,
        signature_name: str,
        inputs: Mapping[str, Any],
        output_filter: Sequence[str] = (),
        deadline: float | None = None,
    ) -> tuple[dict[str, np.ndarray], float]:
        """Answer a predict request.

        Args:
            signature_name: empty for `serving_default`.
            inputs: TensorProtos or arrays, by name.
            output_filter: names of the outputs to compute; all when empty.
            deadline: by `time.monotonic()`; None for no limit.

        Returns:
            The arrays by output name, and the seconds of the run, waiting included.

        Raises:
            ServingError: for an invalid request, and for errors of TensorFlow.
        """
        signature = self.signature(signature_name)
        feeds = self._feeds(signature, inputs)
        names = _outputs(signature, output_filter)
        tensors = [signature.outputs[name].name for name in names]
        fetches = tuple(sorted(set(tensors)))
        began = time.perf_counter()
        arrays = await self._runner.run(self.session, feeds, fetches, deadline)
        seconds = time.perf_counter() - began
        by_tensor = dict(zip(fetches, arrays, strict=True))
        return {name: by_tensor[key] for name, key in zip(names, tensors, strict=True)}, seconds

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
                array = _decoded(name, array, info.dtype)
            if self._most_rows and array.ndim and len(array) > self._most_rows:
                raise invalid(
                    f"Input {name} has {len(array)} rows; this server takes {self._most_rows} "
                    "(max_batch_rows). Divide the request"
                )
            feeds[info.name] = array
        return feeds


def encoded(array: np.ndarray) -> Any:
    """Encode an array as a TensorProto with typed fields such as `double_val`.

    `tf.make_tensor_proto` would use `tensor_content`, which TensorFlow Serving does not send and
    many clients do not read. So this calls the parts of that function.

    Raises:
        ServingError: UNIMPLEMENTED for a dtype that has no typed field.
    """
    array = np.asarray(array)
    dtype: Any = tf.string if array.dtype.kind in "OSU" else tf.dtypes.as_dtype(array.dtype)
    append = tensor_util.GetNumpyAppendFn(array.dtype)
    if append is None:
        message = f"An output has the type {dtype.name}, which cannot be sent"
        raise ServingError(StatusCode.UNIMPLEMENTED, message)
    proto = TensorProto(dtype=dtype.as_datatype_enum)
    proto.tensor_shape.SetInParent()
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    append(proto, array.ravel())
    return proto


@functools.cache
def _value_fields(number: int) -> set[str]:
    """The names of the fields that may hold the values of a tensor of this DataType."""
    dtype: Any = tf.dtypes.as_dtype(number).as_numpy_dtype
    example = np.array([b"x" if dtype is object else 1], dtype)
    sent = {field.name for field, _ in encoded(example).ListFields()}
    return {"tensor_content", *sent} - {"dtype", "tensor_shape"}


def type_name(number: int) -> str:
    """The name of a DataType; its number if TensorFlow does not know it."""
    try:
        return tf.dtypes.as_dtype(number).name
    except TypeError:
        return f"number {number}"


def _decoded(name: str, proto: Any, dtype: int) -> np.ndarray:
    """Decode a TensorProto; raises ServingError INVALID_ARGUMENT if it is not valid."""
    if proto.dtype != dtype:
        raise invalid(
            f"Input {name} must have the type {type_name(dtype)}, got {type_name(proto.dtype)}"
        )
    sizes = [dim.size for dim in proto.tensor_shape.dim]
    if len(sizes) > MOST_DIMENSIONS or min(sizes, default=0) < 0:
        raise invalid(
            f"Input {name} must have at most {MOST_DIMENSIONS} dimensions of 0 or more, got "
            f"{len(sizes)}, the smallest of {min(sizes)}"
        )
    count = math.prod(sizes)
    if count > _MOST_FILLED and count > proto.ByteSize():
        raise invalid(f"Input {name} says that it has {count} values, which were not sent")
    try:
        # Without any value, make_ndarray would fill the tensor with zeros.
        if count and not any(field.name in _value_fields(dtype) for field, _ in proto.ListFields()):
            raise ValueError("there are none")
        return tf.make_ndarray(proto)
    except (TypeError, ValueError, OverflowError):
        raise invalid(
            f"Input {name} cannot be read: its values do not make a {type_name(dtype)} tensor of "
            f"the shape {sizes}"
        ) from None


def _outputs(signature: Any, output_filter: Sequence[str]) -> list[str]:
    """The names of the outputs to compute: those in the filter, in its order, or all."""
    unknown = set(output_filter) - set(signature.outputs)
    if unknown or len(set(output_filter)) < len(output_filter):
        raise invalid(
            f"output_filter must name some of {_join(signature.outputs)}, each once; got "
            f"{_join(output_filter)}"
        )
    return list(output_filter) or sorted(signature.outputs)


def _join(names: Any) -> str:
    return ", ".join(sorted(names)) or "none"
