"""The configuration files: protocol buffers of TensorFlow Serving in text form.

The functions raise ServingError for what is wrong in a file.
"""

from __future__ import annotations

import math
import os
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

from ..errors import fault, invalid
from ..messages import ModelServerConfig

# The messages that tensorflow-serving-api lacks: number and type of each field. The wrappers have
# the text form of those of Google.
_FIELDS: dict[str, dict[str, tuple[int, str]]] = {
    "Int64Value": {"value": (1, "int64")},
    "BoolValue": {"value": (1, "bool")},
    "StringValue": {"value": (1, "string")},
    "BatchingParameters": {
        "max_batch_size": (1, "Int64Value"),
        "batch_timeout_micros": (2, "Int64Value"),
        "max_enqueued_batches": (3, "Int64Value"),
        "num_batch_threads": (4, "Int64Value"),
        "thread_pool_name": (5, "StringValue"),
        "allowed_batch_sizes": (6, "repeated int64"),
        "enable_large_batch_splitting": (8, "BoolValue"),
        "max_execution_batch_size": (9, "Int64Value"),
    },
    "SSLConfig": {
        "server_key": (1, "string"),
        "server_cert": (2, "string"),
        "custom_ca": (3, "string"),
        "client_verify": (4, "bool"),
    },
    "PrometheusConfig": {"enable": (1, "bool"), "path": (2, "string")},
    "MonitoringConfig": {"prometheus_config": (1, "PrometheusConfig")},
}


def _messages() -> dict[str, Any]:
    file: Any = descriptor_pb2.FileDescriptorProto(
        name="eigenfit/serving.proto", package="eigenfit", syntax="proto3"
    )
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            entry = message.field.add(name=field, number=number)
            *repeated, kind = kind.split()
            entry.label = entry.LABEL_REPEATED if repeated else entry.LABEL_OPTIONAL
            if kind in _FIELDS:
                entry.type, entry.type_name = entry.TYPE_MESSAGE, f".eigenfit.{kind}"
            else:
                entry.type = getattr(entry, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    classes = message_factory.GetMessageClassesForFiles([file.name], pool)
    return {name: classes[f"eigenfit.{name}"] for name in _FIELDS}


_MESSAGES = {"ModelServerConfig": ModelServerConfig, **_messages()}


class BatchingParameters(NamedTuple):
    """The parameters of request batching."""

    max_batch_size: int = 1000  # row limit of a request
    batch_timeout_micros: int = 0  # how long a batch waits for more when a thread is free
    max_enqueued_batches: int = 10  # batches of a queue that may wait; then requests are refused
    num_batch_threads: int = os.cpu_count() or 1  # batches that run at a time
    max_execution_batch_size: int = 0  # row limit of a run of several requests


def read_text(path: str) -> str:
    """Read a configuration file."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise fault("NOT_FOUND", f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise invalid(f"{path} is not text in UTF-8: {error.reason}") from None


def parse_text(name: str, text: str) -> Any:
    """Parse a message such as `SSLConfig` from its text form."""
    try:
        return text_format.Parse(text, _MESSAGES[name]())
    except text_format.ParseError as error:
        raise invalid(f"This is no {name} in text form: {error}") from None


def models_of(text: str) -> dict[str, Any]:
    """The ModelConfig messages in the text of a ModelServerConfig, by name."""
    config = parse_text("ModelServerConfig", text)
    if config.WhichOneof("config") != "model_config_list":
        raise invalid("The configuration of the models must be a model_config_list")
    models: dict[str, Any] = {}
    for model in config.model_config_list.config:
        policy = model.model_version_policy
        names_none = policy.HasField("specific") and not policy.specific.versions
        for right, wanted in [
            (model.name not in models, "a name of its own"),
            (PurePosixPath(model.base_path).is_absolute(), "an absolute base_path"),
            (model.model_platform == "tensorflow", "model_platform 'tensorflow'"),
            (not names_none, "a version in its specific policy"),
        ]:
            if not right:
                got = text_format.MessageToString(model, as_one_line=True)
                raise invalid(f"Model {model.name} must have {wanted}; got {got}")
        models[model.name] = model
    return models


def batching_of(text: str) -> BatchingParameters:
    """The parameters in the text of a BatchingParameters message."""
    message = parse_text("BatchingParameters", text)
    given = {
        name: getattr(message, name).value
        for name in BatchingParameters._fields
        if message.HasField(name)
    }
    largest = given.get("max_batch_size", BatchingParameters().max_batch_size)
    found = BatchingParameters(**{"max_execution_batch_size": largest, **given})
    for name, value in found._asdict().items():
        low = 0 if name == "batch_timeout_micros" else 1
        high = largest if name == "max_execution_batch_size" else math.inf
        if not low <= value <= high:
            raise invalid(f"{name} must be from {low} to {high}, got {value}")
    return found
