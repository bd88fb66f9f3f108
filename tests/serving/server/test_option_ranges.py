"""Numbers that the options may not have stop the start, before anything is loaded."""

import dataclasses
import math
import re
import signal
import typing
from typing import Any

import numpy as np
import pytest

from eigenfit.serving.server import Code, ServerOptions, ServingError, start_server
from eigenfit.serving.server.command import main
from eigenfit.serving.server.option_ranges import RANGES, check_ranges

# Without the check these would wait for a model that never comes, and say so.
NO_MODEL = {"model_base_path": "/no/such/model", "start_timeout_seconds": 0.1}


def test_every_number_has_a_range():
    hints = typing.get_type_hints(ServerOptions)
    kinds = (int, float, int | None, float | None)
    numeric = {each.name for each in dataclasses.fields(ServerOptions) if hints[each.name] in kinds}
    assert numeric == set(RANGES)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("port", 99999, "a whole number from 0 to 65535, got 99999. 0 takes any free port."),
        ("port", -1, "a whole number from 0 to 65535, got -1."),
        ("rest_api_port", 70000, "from 0 to 65535, got 70000. Leave it out for no REST."),
        ("rest_api_port", -1, "from 0 to 65535, got -1."),
        ("rest_api_timeout_in_ms", 0, "from 1 to 2147483647, got 0."),
        ("grpc_max_threads", -1, "got -1. 0 lets the server choose."),
        ("rest_api_num_threads", -1, "got -1. 0 lets the server choose."),
        ("max_num_load_retries", -1, "got -1. 0 tries each version once."),
        ("load_retry_interval_micros", 2**63, "a whole number up to "),
        ("tensorflow_intra_op_parallelism", -1, "got -1. 0 lets TensorFlow choose."),
        ("tensorflow_inter_op_parallelism", 2**31, "got 2147483648."),
        ("tensorflow_session_parallelism", -1, "got -1. 0 lets TensorFlow choose."),
        ("max_message_bytes", 0, "from 1 to 2147483647, got 0."),
        ("max_batch_rows", -1, "got -1. 0 takes any number of rows."),
        ("model_config_file_poll_wait_seconds", math.nan, "a number of seconds up to "),
        ("file_system_poll_wait_seconds", math.inf, "a number of seconds up to "),
        ("start_timeout_seconds", -0.5, "from 0 to inf, got -0.5. Leave it out to wait for ever."),
        ("stop_grace_seconds", -1.0, "got -1.0. 0 cuts requests off."),
    ],
)
def test_out_of_range(name, value, told, monkeypatch, caplog):
    """In Python and as a flag: the same words, in one message without a traceback."""
    given: dict[str, Any] = NO_MODEL | {name: value}
    with pytest.raises(ServingError, match=f"{name} must be .*{re.escape(told)}") as caught:
        start_server(ServerOptions(**given))
    assert caught.value.code is Code.INVALID_ARGUMENT
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert main([f"--{each}={number}" for each, number in given.items()]) == 1
    (record,) = [each for each in caplog.records if each.levelname == "ERROR"]
    assert str(caught.value) in record.getMessage()
    assert record.exc_info is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "8500"),
        ("port", 8500.0),
        ("port", None),
        ("grpc_max_threads", True),
        ("stop_grace_seconds", "1"),
    ],
)
def test_no_number(name, value):
    given: dict[str, Any] = NO_MODEL | {name: value}
    with pytest.raises(ServingError, match=re.escape(f"got {value!r}.")):
        start_server(ServerOptions(**given))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"port": 0, "rest_api_port": 65535},
        {"port": np.int64(8500), "stop_grace_seconds": 0},
        {"rest_api_port": None, "start_timeout_seconds": None},
        {"start_timeout_seconds": math.inf},
        # tensorflow_model_server has these too.
        {"file_system_poll_wait_seconds": -1, "model_config_file_poll_wait_seconds": -1.0},
        {"load_retry_interval_micros": -1},
        {"tensorflow_inter_op_parallelism": -1},
    ],
)
def test_in_range(options):
    check_ranges(ServerOptions(**options))
