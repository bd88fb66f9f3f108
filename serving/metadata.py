"""The metadata of a model on a server: signatures, versions and their states."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import grpc
import numpy as np

from .errors import ServingError

# TensorFlow's names of NumPy dtypes, without importing TensorFlow.
_SAME = [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
_SAME += ["bool", "complex64", "complex128"]
_DTYPES = {f"DT_{name.upper()}": np.dtype(name) for name in _SAME}
_DTYPES |= {"DT_FLOAT": np.dtype("float32"), "DT_DOUBLE": np.dtype("float64")}


class TensorInfo(NamedTuple):
    """An input or an output of a signature.

    Attributes:
        shape: with None for an unknown dimension; None alone if the rank is unknown.
        dtype: None for what is no number, and for half precision.
    """

    shape: tuple[int | None, ...] | None
    dtype: np.dtype | None

    def __str__(self) -> str:
        sizes = ["?" if size is None else str(size) for size in self.shape or ()]
        shape = "[...]" if self.shape is None else f"[{', '.join(sizes)}]"
        return f"{'unknown' if self.dtype is None else self.dtype.name}{shape}"


@dataclasses.dataclass(frozen=True)
class SignatureInfo:
    """The inputs and outputs of a signature.

    Attributes:
        inputs: by name.
        outputs: by name.
        optional: names of inputs with default values, which only gRPC reports.
    """

    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]
    optional: frozenset[str] = frozenset()

    @property
    def by_rows(self) -> bool:
        """Whether the first dimension of all inputs and outputs is an unknown number of rows.

        False with default values, because their number of rows is fixed.
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
        version: number of the version.
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
    """The state of a version of a model.

    Attributes:
        version: number of the version.
        state: START, LOADING, AVAILABLE, UNLOADING or END; only AVAILABLE ones answer.
        error_code: OK, or the name of a `grpc.StatusCode` if loading failed.
        error_message: the reason.
    """

    version: int
    state: str
    error_code: str = "OK"
    error_message: str = ""


def read_metadata(content: Any, *, with_defaults: bool = False) -> ModelMetadata:
    """Read the decoded JSON of a metadata answer.

    Args:
        content: the answer of REST, or the gRPC message in the same form.
        with_defaults: whether inputs with default values are optional, as they are in gRPC only.
    """

    def tensors(definition: Any, which: str) -> dict[str, TensorInfo]:
        return {name: _info(tensor) for name, tensor in definition.get(which, {}).items()}

    specification = content["model_spec"]
    found = {
        name: SignatureInfo(
            inputs=tensors(definition, "inputs"),
            outputs=tensors(definition, "outputs"),
            optional=frozenset(definition.get("defaults", {}) if with_defaults else ()),
        )
        for name, definition in content["metadata"]["signature_def"]["signature_def"].items()
        if not name.startswith("__")  # the initialization of the model
    }
    return ModelMetadata(specification["name"], int(specification["version"]), found)


def read_status(content: Any) -> tuple[VersionStatus, ...]:
    """Read the decoded JSON of a status answer; versions newest first."""
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
    """Find a signature and check that it has the required inputs and outputs.

    Args:
        metadata: of the model.
        name: of the signature.
        where: the model and the address, for error messages.
        inputs: names that it must have at least; empty for any model.
        outputs: names that it must have at least.

    Raises:
        ServingError: FAILED_PRECONDITION, with the signatures of the model, if anything is missing.
    """
    signature = metadata.signatures.get(name)
    if signature is None:
        reason = f"there is no signature {name!r}"
    else:
        lacking = [each for each in inputs if each not in signature.inputs]
        lacking += [each for each in outputs if each not in signature.outputs]
        if not lacking and (not inputs or signature.by_rows):
            return signature
        reason = f"the signature {name!r} lacks {lacking}"
        if not lacking:
            reason = f"not everything in the signature {name!r} is [rows, ...]"
    if inputs:
        reason = f"this is not a model of eigenfit, or one of another version of it: {reason}"
    message = f"{reason}. The server offers {metadata}"
    raise ServingError(grpc.StatusCode.FAILED_PRECONDITION, message, name, where)


def _info(tensor: Any) -> TensorInfo:
    shape = tensor.get("tensor_shape", {})
    sizes = [int(dimension["size"]) for dimension in shape.get("dim", [])]
    known = tuple(None if size < 0 else size for size in sizes)
    return TensorInfo(None if shape.get("unknown_rank") else known, _DTYPES.get(tensor["dtype"]))
