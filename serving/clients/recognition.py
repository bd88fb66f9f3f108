"""Whether the model at the other end is one that eigenfit exported."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from .errors import ServingError
from .metadata import ModelMetadata, SignatureInfo

_NOT_OURS = "This is not a model of eigenfit, or one of another version of it"


def find_signature(metadata: ModelMetadata, name: str, where: str) -> SignatureInfo:
    """A signature of any model.

    Raises:
        ServingError: FAILED_PRECONDITION with a list of what the model offers, if there is none.
    """
    if name not in metadata.signatures:
        raise _refused(metadata, name, where, f"the model has no signature {name!r}")
    return metadata.signatures[name]


def eigenfit_signature(
    metadata: ModelMetadata,
    name: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    where: str,
) -> SignatureInfo:
    """A signature as `export_saved_model` writes it.

    Args:
        metadata: what the server says.
        name: of the signature.
        inputs: that it must have; others may be there.
        outputs: that it must have; others may be there.
        where: the model and the address, for messages.

    Returns:
        The signature.

    Raises:
        ServingError: FAILED_PRECONDITION with a list of what the model offers, if anything is
            missing.
    """
    if name not in metadata.signatures:
        raise _refused(metadata, name, where, f"{_NOT_OURS}: it has no signature {name!r}")
    signature = metadata.signatures[name]
    no_inputs = [wanted for wanted in inputs if wanted not in signature.inputs]
    no_outputs = [wanted for wanted in outputs if wanted not in signature.outputs]
    lacks = [f"the inputs {no_inputs}"] * bool(no_inputs)
    lacks += [f"the outputs {no_outputs}"] * bool(no_outputs)
    if lacks:
        reason = f"{_NOT_OURS}: its signature {name!r} lacks {' and '.join(lacks)}"
        raise _refused(metadata, name, where, reason)
    if not signature.by_rows:
        reason = f"{_NOT_OURS}: not everything in its signature {name!r} is [rows, ...]"
        raise _refused(metadata, name, where, reason)
    return signature


def _refused(metadata: ModelMetadata, name: str, where: str, reason: str) -> ServingError:
    code = grpc.StatusCode.FAILED_PRECONDITION
    return ServingError(code, f"{reason}. The server offers {metadata}", name, where)
