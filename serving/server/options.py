"""The options of the server, in Python and on the command line."""

from __future__ import annotations

import argparse
import dataclasses
import math
import numbers
import sys
import typing
from collections.abc import Sequence
from typing import TypeVar

_T = TypeVar("_T")
_INT32 = 2**31 - 1
_PORT = 65535


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
        0.0, "How often to read that file again; 0: never.", high=math.inf
    )
    port: int = _option(8500, "Port of gRPC; 0: any free port.", high=_PORT)
    rest_api_port: int | None = _option(None, "Port of REST; without it there is none.", 0, _PORT)
    rest_api_timeout_in_ms: int = _option(
        30000, "What a REST request may take, and before that its body to arrive.", 1
    )
    enable_batching: bool = _option(False, "Join requests that come at the same time in one run.")
    batching_parameters_file: str = _option("", "BatchingParameters in text form.")
    file_system_poll_wait_seconds: float = _option(
        1.0, "How often to look for new versions; 0: only at the start.", high=math.inf
    )
    monitoring_config_file: str = _option(
        "", "A MonitoringConfig in text form; switches on the page for Prometheus."
    )
    ssl_config_file: str = _option("", "An SSLConfig in text form; gRPC then speaks TLS only.")
    enable_grpc_healthcheck_service: bool = _option(False, "Answer grpc.health.v1.")
    tensorflow_intra_op_parallelism: int = _option(
        0,
        "Threads within an operation; 0: as many as the machine has cores. The first model of a "
        "process decides for all.",
    )
    tensorflow_inter_op_parallelism: int = _option(
        0, "Operations at a time; the same holds. -1: one.", -1
    )
    enable_model_warmup: bool = _option(
        True, "Replay the warm-up requests of a version before it serves."
    )
    host: str = _option("127.0.0.1", "Address to listen on; 0.0.0.0: all of them.")
    max_message_bytes: int = _option(_INT32, "Size of the largest request.", 1)
    max_batch_rows: int = _option(
        0, "Most rows in one tensor of a request; 0: any number.", 0, 2**63 - 1
    )
    start_timeout_seconds: float = _option(
        math.inf, "How long the start may wait for the models.", high=math.inf
    )
    stop_grace_seconds: float = _option(
        30.0, "How long requests under way may take after SIGTERM or Ctrl-C.", high=math.inf
    )

    def __post_init__(self) -> None:
        kinds = {"int": numbers.Integral, "int | None": numbers.Integral, "float": numbers.Real}
        for field in dataclasses.fields(self):
            value, (low, high) = getattr(self, field.name), field.metadata["range"]
            kind = kinds.get(str(field.type))
            if kind is None or value is field.default:
                continue
            fits = isinstance(value, kind) and not isinstance(value, bool)
            if not (fits and low <= value <= high):  # NaN is in no range
                whole = "a number" if kind is numbers.Real else "a whole number"
                raise ValueError(
                    f"{field.name} must be {whole} from {low} to {high}, got {value!r}. "
                    f"{field.metadata['help']}"
                )


def parse_options(arguments: Sequence[str]) -> ServerOptions:
    """The options on a command line; every field of `ServerOptions` is a flag with its name.

    As in `tensorflow_model_server`, a switch may have a value: `--enable_batching=true`. Ends the
    process with an explanation if a flag is wrong, or after `--help`.
    """
    parser = argparse.ArgumentParser(
        "eigenfit serve",
        description="Serve exported models as TensorFlow Serving does, over gRPC and REST.",
        allow_abbrev=False,
    )
    kinds = {"int": int, "int | None": int, "float": float, "bool": _as_bool, "str": str}
    for field in dataclasses.fields(ServerOptions):
        switch = {"nargs": "?", "const": True} if field.type == "bool" else {}
        text = f"{field.metadata['help']} Default: {field.default!r}."
        kind, name = kinds[str(field.type)], f"--{field.name}"
        parser.add_argument(name, type=kind, default=field.default, help=text, **switch)
    values = vars(parser.parse_args(arguments))
    values["rest_api_port"] = values["rest_api_port"] or None
    try:
        return ServerOptions(**values)
    except ValueError as error:
        parser.error(str(error))


def _as_bool(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise ValueError(text)
    return text.lower() in ("true", "1")


def main(arguments: Sequence[str]) -> int:
    """Run the embedded server with these flags; returns the exit status."""
    options = parse_options(arguments)
    try:
        from . import serve
    except ModuleNotFoundError as missing:
        sys.exit(f"eigenfit: {missing}")
    return serve(options)
