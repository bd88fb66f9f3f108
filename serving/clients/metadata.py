"""What a server says about a model: its signatures, its versions and their states."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np


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
    error_code: str
    error_message: str
