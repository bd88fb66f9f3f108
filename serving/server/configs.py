"""The configuration files: protocol buffers of TensorFlow Serving in text form."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)
from grpc import StatusCode

from ..errors import ServingError
from .errors import invalid
from .protos import ModelServerConfig

# The messages that tensorflow-serving-api lacks: number and type by message and field.
_INT = ".google.protobuf.Int64Value"
_FIELDS: dict[str, dict[str, tuple[int, str]]] = {
    "BatchingParameters": {
        "max_batch_size": (1, _INT),
        "batch_timeout_micros": (2, _INT),
        "max_enqueued_batches": (3, _INT),
        "num_batch_threads": (4, _INT),
        "thread_pool_name": (5, ".google.protobuf.StringValue"),
        "allowed_batch_sizes": (6, "repeated int64"),
        "enable_large_batch_splitting": (8, ".google.protobuf.BoolValue"),
        "max_execution_batch_size": (9, _INT),
    },
    "SSLConfig": {
        "server_key": (1, "string"),
        "server_cert": (2, "string"),
        "custom_ca": (3, "string"),
        "client_verify": (4, "bool"),
    },
    "PrometheusConfig": {"enable": (1, "bool"), "path": (2, "string")},
    "MonitoringConfig": {"prometheus_config": (1, ".tensorflow.serving.PrometheusConfig")},
}


@dataclasses.dataclass(frozen=True)
class ModelSettings:
    """One model to serve.

    Attributes:
        name: of the model in requests.
        base_path: directory of its version directories.
        latest: number of newest versions to serve; 0: see `specific`.
        specific: versions to serve; empty for all.
        labels: version numbers by label.
    """

    name: str
    base_path: str
    latest: int = 1
    specific: tuple[int, ...] = ()
    labels: Mapping[str, int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class BatchingParameters:
    """The parameters of request batching.

    Attributes:
        max_batch_size: row limit of a request and, without `split`, of a run.
        batch_timeout_seconds: time that a batch waits for more requests when a thread is free.
        max_enqueued_batches: number of batches of a queue that may wait; then requests are refused.
        num_batch_threads: number of batches that run at a time.
        split: whether the rows of a request may be divided among batches.
        max_execution_batch_size: row limit of a run.
    """

    max_batch_size: int = 1000
    batch_timeout_seconds: float = 0.0
    max_enqueued_batches: int = 10
    num_batch_threads: int = os.cpu_count() or 1
    split: bool = False
    max_execution_batch_size: int = 1000


def read_text(path: str) -> str:
    """Read a configuration file.

    Raises:
        ServingError: NOT_FOUND if it cannot be read, INVALID_ARGUMENT if it is not UTF-8.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ServingError(StatusCode.NOT_FOUND, f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise invalid(f"{path} is not text in UTF-8: {error.reason}") from None


def parse_text(name: str, text: str) -> Any:
    """Parse a message such as `SSLConfig` from its text form.

    Raises:
        ServingError: INVALID_ARGUMENT if the text is not a valid message of this kind.

    Example:
        >>> parse_text("BatchingParameters", "max_batch_size { value: 8 }").max_batch_size.value
        8
    """
    try:
        return text_format.Parse(text, _MESSAGES[name]())
    except text_format.ParseError as error:
        raise invalid(f"This is no {name} in text form: {error}") from None


def models_of(config: Any) -> dict[str, ModelSettings]:
    """The models of a ModelServerConfig, by name.

    Raises:
        ServingError: INVALID_ARGUMENT for the first invalid entry.
    """
    if config.WhichOneof("config") != "model_config_list":
        raise invalid("The configuration of the models must be a model_config_list")
    models: dict[str, ModelSettings] = {}
    for model in config.model_config_list.config:
        if model.name in models:
            raise invalid(f"Model {model.name} is listed twice; names must differ")
        if not PurePosixPath(model.base_path).is_absolute():
            raise invalid(
                f"Model {model.name} has base_path {model.base_path!r}; it must be absolute"
            )
        if (model.model_platform or "tensorflow") != "tensorflow" or not (
            model.model_platform or model.model_type
        ):
            raise invalid(
                f"Model {model.name} has model_platform {model.model_platform!r}; it must be "
                "'tensorflow'"
            )
        policy = model.model_version_policy
        latest, specific = int(policy.latest.num_versions) or 1, ()
        if policy.WhichOneof("policy_choice") == "all":
            latest = 0
        elif policy.WhichOneof("policy_choice") == "specific":
            latest, specific = 0, tuple(policy.specific.versions)
            if not specific:
                raise invalid(f"Model {model.name}: a specific policy must name a version")
        labels = dict(model.version_labels)
        models[model.name] = ModelSettings(model.name, model.base_path, latest, specific, labels)
    return models


def batching_of(message: Any) -> BatchingParameters:
    """The parameters of a BatchingParameters message.

    Raises:
        ServingError: INVALID_ARGUMENT for a number out of range.
    """
    given: dict[str, int] = {
        name: getattr(message, name).value
        for name in ("max_batch_size", "max_enqueued_batches", "num_batch_threads")
        if message.HasField(name)
    }
    largest = given.get("max_batch_size", BatchingParameters.max_batch_size)
    split = message.enable_large_batch_splitting.value
    # Without splitting TensorFlow Serving ignores max_execution_batch_size.
    own = split and message.HasField("max_execution_batch_size")
    run = message.max_execution_batch_size.value if own else largest
    timeout = message.batch_timeout_micros.value
    for name, value, low, high in [
        *((name, value, 1, math.inf) for name, value in given.items()),
        ("batch_timeout_micros", timeout, 0, math.inf),
        ("max_execution_batch_size", run, 1, largest),
    ]:
        if not low <= value <= high:
            raise invalid(f"{name} must be from {low} to {high}, got {value}")
    return BatchingParameters(
        **given, batch_timeout_seconds=timeout / 1e6, split=split, max_execution_batch_size=run
    )


def _messages() -> dict[str, Any]:
    file: Any = descriptor_pb2.FileDescriptorProto(
        name="eigenfit/serving.proto",
        package="tensorflow.serving",
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            entry = message.field.add(name=field, number=number)
            repeated = kind.startswith("repeated ")
            entry.label = entry.LABEL_REPEATED if repeated else entry.LABEL_OPTIONAL
            kind = kind.removeprefix("repeated ")
            if kind.startswith("."):
                entry.type, entry.type_name = entry.TYPE_MESSAGE, kind
            else:
                entry.type = getattr(entry, f"TYPE_{kind.upper()}")
    # A separate pool, in case a later tensorflow-serving-api defines the same names.
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    own = {
        name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"tensorflow.serving.{name}")
        )
        for name in _FIELDS
    }
    return {"ModelServerConfig": ModelServerConfig, **own}


_MESSAGES = _messages()
