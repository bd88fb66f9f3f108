"""Metadata and status requests: the signatures of a model, and the states of its versions."""

from __future__ import annotations

from typing import Any

from . import protos
from .errors import invalid
from .versions import Models

NOT_SERVED = (
    "This server answers Predict, GetModelMetadata and GetModelStatus; Classify, Regress and "
    "MultiInference are not implemented: call Predict"
)


def metadata(models: Models, request: Any) -> Any:
    """The answer to a GetModelMetadataRequest. Raises ServingError."""
    asked = spec_of(request)
    if set(request.metadata_field) != {"signature_def"}:
        raise invalid(
            "metadata_field must be ['signature_def'], which is all that there is; got "
            f"{list(request.metadata_field)}"
        )
    with models.hold(*which(asked)) as (number, predictor):
        response = protos.GetModelMetadataResponse()
        response.model_spec.name = asked.name
        response.model_spec.version.value = number
        signatures = protos.SignatureDefMap()
        for name, signature in predictor.signatures.items():
            signatures.signature_def[name].CopyFrom(signature)
        response.metadata["signature_def"].Pack(signatures)
        return response


def status(models: Models, request: Any) -> Any:
    """The answer to a GetModelStatusRequest; a label is ignored. Raises ServingError."""
    asked = spec_of(request)
    number = asked.version.value if asked.HasField("version") else None
    response = protos.GetModelStatusResponse()
    for version in models.statuses(asked.name, number):
        entry = response.model_version_status.add(version=version.number, state=version.state)
        entry.status.SetInParent()
        if version.error is not None:
            entry.status.error_code = version.error.code.value[0]
            entry.status.error_message = version.error.message
    return response


def spec_of(request: Any) -> Any:
    """The ModelSpec of a request; raises ServingError if there is none."""
    if not request.HasField("model_spec"):
        raise invalid("The request has no model_spec")
    return request.model_spec


def which(spec: Any) -> tuple[str, int | None, str | None]:
    """Name, version and label of a ModelSpec, as arguments of `Models.hold`."""
    choice = spec.WhichOneof("version_choice")
    number = spec.version.value if choice == "version" else None
    return spec.name, number, spec.version_label if choice == "version_label" else None
