"""The options of the server, in Python and on the command line."""

from __future__ import annotations

import dataclasses
import math
import numbers
import threading
import typing
from typing import Any, TypeVar

_T = TypeVar("_T")
_INT32 = 2**31 - 1
_PORT = 65535
# The longest wait of Python; 292 years on Linux.
_LONGEST = int(threading.TIMEOUT_MAX)
_ANY = -math.inf


def _option(default: _T, text: str, low: float = 0, high: float = _INT32) -> _T:
    """A dataclass field with its help text and, for a number, its range."""
    metadata = {"help": text, "range": (low, high)}
    return typing.cast("_T", dataclasses.field(default=default, metadata=metadata))


@dataclasses.dataclass(frozen=True)
class ServerOptions:
    """The options of the server, named as the flags of `tensorflow_model_server` where it has them.

    `eigenfit serve --help` explains each. `rest_api_port=None` means no REST and 0 any free port;
    on the command line `--rest_api_port=0` means no REST.

    Raises:
        ValueError: for a number out of range.

    Example:
        >>> ServerOptions(model_base_path="/models/three_level", port=0).enable_batching
        False
    """

    model_base_path: str = _option(
        "",
        "Directory whose numbered directories are the versions of the one model. Not used with "
        "--model_config_file.",
    )
    model_name: str = _option("default", "Name of that model.")
    model_config_file: str = _option("", "A ModelServerConfig in text form, for several models.")
    model_config_file_poll_wait_seconds: float = _option(
        0.0, "How often to read that file again; 0 or less: never.", _ANY, _LONGEST
    )
    port: int = _option(8500, "Port of gRPC; 0: any free port.", 0, _PORT)
    rest_api_port: int | None = _option(None, "Port of REST; without it there is none.", 0, _PORT)
    rest_api_timeout_in_ms: int = _option(
        30000, "What a REST request may take, and before that its body to arrive.", 1
    )
    grpc_socket_path: str = _option("", "Also listen with gRPC on this Unix socket.")
    grpc_channel_arguments: str = _option("", "Arguments of gRPC: key=value,key=value.")
    grpc_max_threads: int = _option(
        0,
        "Requests that run at a time without batching, beside those of --rest_api_num_threads; "
        "both interfaces share them. 0: four for each core, at least 32.",
    )
    rest_api_num_threads: int = _option(0, "See --grpc_max_threads.")
    enable_batching: bool = _option(False, "Join requests that come at the same time in one run.")
    batching_parameters_file: str = _option("", "BatchingParameters in text form.")
    file_system_poll_wait_seconds: float = _option(
        1.0, "How often to look for new versions; 0 or less: only at the start.", _ANY, _LONGEST
    )
    monitoring_config_file: str = _option(
        "", "A MonitoringConfig in text form; switches on the page for Prometheus."
    )
    ssl_config_file: str = _option("", "An SSLConfig in text form; gRPC then speaks TLS only.")
    enable_grpc_healthcheck_service: bool = _option(False, "Answer grpc.health.v1.")
    max_num_load_retries: int = _option(5, "How often to try again to load a version.")
    load_retry_interval_micros: int = _option(
        60_000_000, "How long to wait before that; 0 or less: not at all.", _ANY, _LONGEST * 10**6
    )
    tensorflow_intra_op_parallelism: int = _option(
        0,
        "Threads within an operation; 0: as many as the machine has cores. The first model of a "
        "process decides for all.",
    )
    tensorflow_inter_op_parallelism: int = _option(
        0, "Operations at a time; the same holds. Less than 0: one.", -_INT32
    )
    enable_model_warmup: bool = _option(
        True, "Replay the warm-up requests of a version before it serves."
    )
    allow_version_labels_for_unavailable_models: bool = _option(
        False, "Accept a new label before its version is available."
    )
    host: str = _option("127.0.0.1", "Address to listen on; 0.0.0.0: all of them.")
    max_message_bytes: int = _option(_INT32, "Size of the largest request.", 1)
    max_batch_rows: int = _option(
        0, "Most rows in one tensor of a request; 0: any number.", 0, 2**63 - 1
    )
    start_timeout_seconds: float | None = _option(
        None, "How long the start may wait for the models; without it, for ever.", 0, math.inf
    )
    stop_grace_seconds: float = _option(
        30.0, "How long requests under way may take after SIGTERM or Ctrl-C.", 0, _LONGEST
    )

    def __post_init__(self) -> None:
        kinds = typing.get_type_hints(ServerOptions)
        for field in dataclasses.fields(self):
            value, kind = getattr(self, field.name), _plain_type(kinds[field.name])
            if kind not in (int, float) or (value is None and field.default is None):
                continue
            low, high = field.metadata["range"]
            number: Any = numbers.Integral if kind is int else numbers.Real
            fits = isinstance(value, number) and not isinstance(value, bool)
            if not (fits and low <= value <= high):  # NaN is in no range
                limits = f"up to {high}" if low == _ANY else f"from {low} to {high}"
                raise ValueError(
                    f"{field.name} must be {'a whole' if kind is int else 'a'} number {limits}, "
                    f"got {value!r}. {field.metadata['help']}"
                )


def _plain_type(hint: Any) -> type:
    """The type without None: `int` for `int | None`."""
    return next((each for each in typing.get_args(hint) if each is not type(None)), hint)
