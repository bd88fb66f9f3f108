"""What a server says about a model: its signatures, its versions and their states."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import grpc
import numpy as np

from .errors import ServingError

# TensorFlow's names of the dtypes that NumPy has, without importing TensorFlow.
_SAME = [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
_SAME += ["bool", "complex64", "complex128"]
_DTYPES = {f"DT_{name.upper()}": np.dtype(name) for name in _SAME} | {
    "DT_HALF": np.dtype("float16"),
    "DT_FLOAT": np.dtype("float32"),
    "DT_DOUBLE": np.dtype("float64"),
    "DT_STRING": np.dtype("object"),
}


class TensorInfo(NamedTuple):
    """An input or an output of a signature.

    Attributes:
        shape: None for a dimension that may have any size; None alone if the rank may be any.
        dtype: objects (bytes) for strings; None for a type that NumPy does not have.
    """

    shape: tuple[int | None, ...] | None
    dtype: np.dtype | None

    def __str__(self) -> str:
        sizes = ["?" if size is None else str(size) for size in self.shape or ()]
        shape = "[...]" if self.shape is None else f"[{', '.join(sizes)}]"
        return f"{'unknown' if self.dtype is None else self.dtype.name}{shape}"


@dataclasses.dataclass(frozen=True)
class SignatureInfo:
    """A signature: what it takes and what it answers, by name.

    Attributes:
        inputs: by name.
        outputs: by name.
        optional: the inputs that the model has default values for. Only gRPC knows them.
    """

    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]
    optional: frozenset[str] = frozenset()

    @property
    def by_rows(self) -> bool:
        """Whether the first dimension of everything is a free number of rows.

        Not with default values, which the server does not fit to the number of rows.
        """
        if self.optional:
            return False
        tensors = [*self.inputs.values(), *self.outputs.values()]
        return bool(self.inputs) and all(info.shape and info.shape[0] is None for info in tensors)

    def __str__(self) -> str:
        inputs, outputs = (
            ", ".join(f"{name}: {info}" for name, info in sorted(tensors.items()))
            for tensors in (self.inputs, self.outputs)
        )
        return f"({inputs}) -> ({outputs})"


@dataclasses.dataclass(frozen=True)
class ModelMetadata:
    """A version of a model and its signatures.

    Attributes:
        name: of the model.
        version: its number.
        signatures: by name.

    Example:
        >>> levels = TensorInfo((None, 3), np.dtype("float64"))
        >>> print(ModelMetadata("m", 1, {"f": SignatureInfo({"x": levels}, {"y": levels})}))
        model 'm', version 1
          f(x: float64[?, 3]) -> (y: float64[?, 3])
    """

    name: str
    version: int
    signatures: Mapping[str, SignatureInfo]

    def __str__(self) -> str:
        lines = [f"  {name}{signature}" for name, signature in sorted(self.signatures.items())]
        return "\n".join([f"model {self.name!r}, version {self.version}", *lines])


class VersionStatus(NamedTuple):
    """A version of a model, as the server sees it.

    Attributes:
        version: its number.
        state: START, LOADING, AVAILABLE, UNLOADING or END; only AVAILABLE answers.
        error_code: OK, or the name of a `grpc.StatusCode` if it could not be loaded.
        error_message: why.
    """

    version: int
    state: str
    error_code: str = "OK"
    error_message: str = ""


def read_metadata(content: Any, *, with_defaults: bool = False) -> ModelMetadata:
    """The answer to `/metadata`, as decoded JSON; gRPC's message in the same form.

    Only gRPC lets inputs that have default values be left out (`with_defaults`).
    """
    specification = content["model_spec"]
    signatures = content["metadata"]["signature_def"]["signature_def"]
    found = {
        name: SignatureInfo(
            inputs={key: _info(tensor) for key, tensor in definition.get("inputs", {}).items()},
            outputs={key: _info(tensor) for key, tensor in definition.get("outputs", {}).items()},
            optional=frozenset(definition.get("defaults", {}) if with_defaults else ()),
        )
        for name, definition in signatures.items()
        if not name.startswith("__")  # the initialization of the model, not for callers
    }
    return ModelMetadata(specification["name"], int(specification["version"]), found)


def read_status(content: Any) -> tuple[VersionStatus, ...]:
    """The answer about all versions, as decoded JSON, newest first."""
    versions = [
        VersionStatus(int(each["version"]), each["state"], **each.get("status", {}))
        for each in content["model_version_status"]
    ]
    return tuple(sorted(versions, reverse=True))


def find_signature(
    metadata: ModelMetadata,
    name: str,
    where: str,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
) -> SignatureInfo:
    """A signature, of any model or as `export_saved_model` writes it.

    Args:
        metadata: what the server says.
        name: of the signature.
        where: the model and the address, for messages.
        inputs: that it must have to be one of eigenfit; others may be there.
        outputs: that it must have; others may be there.

    Raises:
        ServingError: FAILED_PRECONDITION with a list of what the model offers, if anything is
            missing.
    """
    signature, missing = metadata.signatures.get(name), []
    if signature is None:
        reason = (
            f"it has no signature {name!r}" if inputs else f"the model has no signature {name!r}"
        )
    else:
        for what, wanted, there in (
            ("inputs", inputs, signature.inputs),
            ("outputs", outputs, signature.outputs),
        ):
            lacking = [each for each in wanted if each not in there]
            missing += [f"the {what} {lacking}"] * bool(lacking)
        if not missing and (signature.by_rows or not inputs):
            return signature
        reason = f"not everything in its signature {name!r} is [rows, ...]"
        if missing:
            reason = f"its signature {name!r} lacks {' and '.join(missing)}"
    if inputs:
        reason = f"This is not a model of eigenfit, or one of another version of it: {reason}"
    message = f"{reason}. The server offers {metadata}"
    raise ServingError(grpc.StatusCode.FAILED_PRECONDITION, message, name, where)


def _info(tensor: Any) -> TensorInfo:
    shape = tensor.get("tensor_shape", {})
    sizes = [int(dimension["size"]) for dimension in shape.get("dim", [])]
    known = tuple(None if size < 0 else size for size in sizes)
    return TensorInfo(None if shape.get("unknown_rank") else known, _DTYPES.get(tensor["dtype"]))
