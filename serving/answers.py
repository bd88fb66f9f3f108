"""What the clients return: metadata, states of versions, and results as NumPy arrays.

The results have the fields of those of `eigenfit.solver`, as a test checks. They are separate types
because that imports TensorFlow, which takes seconds and which a REST client does not need.
"""

from __future__ import annotations

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
    """An input or an output of a signature."""

    shape: tuple[int | None, ...] | None  # None for an unknown dimension, and for any rank
    dtype: np.dtype | None  # None for what is no number, and for half precision

    def __str__(self) -> str:
        sizes = ["?" if size is None else str(size) for size in self.shape or ()]
        shape = "[...]" if self.shape is None else f"[{', '.join(sizes)}]"
        return f"{'unknown' if self.dtype is None else self.dtype.name}{shape}"


class SignatureInfo(NamedTuple):
    """The inputs and outputs of a signature, by name."""

    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]

    @property
    def by_rows(self) -> bool:
        """Whether the first dimension of all inputs and outputs is an unknown number of rows."""
        tensors = [*self.inputs.values(), *self.outputs.values()]
        return bool(self.inputs) and all(info.shape and info.shape[0] is None for info in tensors)

    def __str__(self) -> str:
        inputs, outputs = (
            ", ".join(f"{name}: {info}" for name, info in sorted(tensors.items()))
            for tensors in (self.inputs, self.outputs)
        )
        return f"({inputs}) -> ({outputs})"


class ModelMetadata(NamedTuple):
    """A version of a model and its signatures.

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


class FitResult(NamedTuple):
    """The answer for every row of a batch: `B` rows, `p` parameters, `n` levels, `m` targets.

    `eigenfit.solver.FitResult`, which describes the fields, with NumPy arrays. With `solutions`
    S > 1 the shapes are `[B, S, ...]`.
    """

    parameters: np.ndarray  # [B, p]
    eigenvalues: np.ndarray  # [B, n]
    residuals: np.ndarray  # [B, m]
    loss: np.ndarray  # [B]
    gradient_norm: np.ndarray  # [B]
    standard_errors: np.ndarray  # [B, p]
    steps: np.ndarray  # [B], int32
    status: np.ndarray  # [B], int32, see `eigenfit.solver.Status`
    cause: np.ndarray  # [B], int32, see `eigenfit.solver.Cause`
    starts: np.ndarray  # [B], int32
    agreeing: np.ndarray  # [B], int32


class Covariance(NamedTuple):
    """Covariance and standard errors: `eigenfit.solver.Covariance`, with NumPy arrays."""

    covariance: np.ndarray  # [B, p, p]
    standard_errors: np.ndarray  # [B, p]
    correlation: np.ndarray  # [B, p, p]
    rank: np.ndarray  # [B], int32
    condition_number: np.ndarray  # [B]


class VersionStatus(NamedTuple):
    """The state of a version of a model."""

    version: int
    state: str  # START, LOADING, AVAILABLE, UNLOADING or END; only AVAILABLE ones answer
    error_code: str = "OK"  # or the name of a `grpc.StatusCode` if loading failed
    error_message: str = ""  # the reason


def read_metadata(content: Any) -> ModelMetadata:
    """Read the decoded JSON of a metadata answer, or a gRPC message in the same form."""

    def tensors(definition: Any, which: str) -> dict[str, TensorInfo]:
        return {name: _info(tensor) for name, tensor in definition.get(which, {}).items()}

    specification = content["model_spec"]
    found = {
        name: SignatureInfo(tensors(definition, "inputs"), tensors(definition, "outputs"))
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
    """The signature with this name, if it has at least these inputs and outputs.

    With `inputs` it must be one of eigenfit, with rows in everything. `where` is for the message of
    the ServingError, FAILED_PRECONDITION, which lists the signatures of the model.
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
