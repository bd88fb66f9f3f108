"""The configuration messages of TensorFlow Serving that tensorflow-serving-api lacks.

Their definitions are written down here: fields, numbers and types are the public text format.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)

from .codes import Code, ServingError, invalid_argument

_INT64 = ".google.protobuf.Int64Value"
_STRING = ".google.protobuf.StringValue"
_OWN = ".tensorflow.serving."

# Message, then field, then number and type. A leading `*` means repeated.
_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "BatchingParameters": {
        "max_batch_size": (1, _INT64),
        "batch_timeout_micros": (2, _INT64),
        "max_enqueued_batches": (3, _INT64),
        "num_batch_threads": (4, _INT64),
        "thread_pool_name": (5, _STRING),
        "allowed_batch_sizes": (6, "*int64"),
        "pad_variable_length_inputs": (7, "bool"),
        "enable_large_batch_splitting": (8, ".google.protobuf.BoolValue"),
        "max_execution_batch_size": (9, _INT64),
    },
    "SSLConfig": {
        "server_key": (1, "string"),
        "server_cert": (2, "string"),
        "custom_ca": (3, "string"),
        "client_verify": (4, "bool"),
    },
    "PrometheusConfig": {"enable": (1, "bool"), "path": (2, "string")},
    "MonitoringConfig": {"prometheus_config": (1, _OWN + "PrometheusConfig")},
}
_SCALARS = {
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
}


def read_text(path: str | Path) -> str:
    """What a configuration file holds.

    Raises:
        ServingError: NOT_FOUND if it cannot be read, INVALID_ARGUMENT if it is no text.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ServingError(Code.NOT_FOUND, f"{path}; {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise invalid_argument(f"{path} is not text in UTF-8: {error.reason}") from None


def parse_text(name: str, text: str) -> Any:
    """A configuration message from its text form.

    Args:
        name: `BatchingParameters`, `SSLConfig` or `MonitoringConfig`.
        text: what the file holds.

    Returns:
        The message.

    Raises:
        ServingError: INVALID_ARGUMENT if the text is not such a message.

    Example:
        >>> parse_text("BatchingParameters", "max_batch_size { value: 8 }").max_batch_size.value
        8
    """
    try:
        return text_format.Parse(text, _CLASSES[name]())
    except text_format.ParseError as error:
        raise invalid_argument(
            f"Error parsing text-format tensorflow.serving.{name}: {error}"
        ) from None


def _classes() -> dict[str, Any]:
    file: Any = descriptor_pb2.FileDescriptorProto(
        name="eigenfit/serving/text_configs.proto",
        package="tensorflow.serving",
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            entry = message.field.add(name=field, number=number)
            entry.label = entry.LABEL_REPEATED if kind.startswith("*") else entry.LABEL_OPTIONAL
            kind = kind.lstrip("*")
            if kind in _SCALARS:
                entry.type = _SCALARS[kind]
            else:
                entry.type, entry.type_name = entry.TYPE_MESSAGE, kind
    # A pool of our own: one day tensorflow-serving-api may bring the same names.
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return {
        name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"tensorflow.serving.{name}")
        )
        for name in _MESSAGES
    }


_CLASSES = _classes()
