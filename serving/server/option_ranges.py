"""Which numbers the options may have."""

from __future__ import annotations

import dataclasses
import math
import numbers
import threading
from typing import Any

from .codes import invalid_argument
from .options import ServerOptions

_INT32 = 2**31 - 1
_PORTS = 65535
# Python waits no longer; on Linux it is 292 years.
_LONGEST = int(threading.TIMEOUT_MAX)


@dataclasses.dataclass(frozen=True)
class NumberRange:
    """The values of one option.

    Attributes:
        lowest: the smallest; None for no limit.
        highest: the largest.
        hint: the value to choose for a common wish; may be empty.
        whole: whether fractions are refused.
        none: whether None is a value too.
    """

    lowest: int | None
    highest: float
    hint: str = ""
    whole: bool = True
    none: bool = False

    def allows(self, value: Any) -> bool:
        """Whether the option may have this value."""
        if value is None:
            return self.none
        kind: Any = numbers.Integral if self.whole else numbers.Real
        if not isinstance(value, kind) or isinstance(value, bool):
            return False
        # Written so that NaN is in no range.
        return (self.lowest is None or value >= self.lowest) and value <= self.highest

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number of seconds"
        limits = f"up to {self.highest}"
        if self.lowest is not None:
            limits = f"from {self.lowest} to {self.highest}"
        return f"{kind} {limits}"


# Values below 0 are allowed where they have a meaning. Those of the two polls and of the interval
# between retries mean what 0 means; that of the operations at a time, that they run in the thread
# of the request.
RANGES = {
    "model_config_file_poll_wait_seconds": NumberRange(
        None, _LONGEST, "0 never reads the file again.", whole=False
    ),
    "port": NumberRange(0, _PORTS, "0 takes any free port."),
    "rest_api_port": NumberRange(0, _PORTS, "Leave it out for no REST.", none=True),
    "rest_api_timeout_in_ms": NumberRange(1, _INT32),
    "grpc_max_threads": NumberRange(0, _INT32, "0 lets the server choose."),
    "rest_api_num_threads": NumberRange(0, _INT32, "0 lets the server choose."),
    "file_system_poll_wait_seconds": NumberRange(
        None, _LONGEST, "0 looks for versions at the start only.", whole=False
    ),
    "max_num_load_retries": NumberRange(0, _INT32, "0 tries each version once."),
    "load_retry_interval_micros": NumberRange(None, _LONGEST * 10**6, "0 does not wait."),
    "tensorflow_intra_op_parallelism": NumberRange(0, _INT32, "0 lets TensorFlow choose."),
    "tensorflow_inter_op_parallelism": NumberRange(-_INT32, _INT32, "0 lets TensorFlow choose."),
    "tensorflow_session_parallelism": NumberRange(0, _INT32, "0 lets TensorFlow choose."),
    "max_message_bytes": NumberRange(1, _INT32),
    "max_batch_rows": NumberRange(0, 2**63 - 1, "0 takes any number of rows."),
    "start_timeout_seconds": NumberRange(
        0, math.inf, "Leave it out to wait for ever.", whole=False, none=True
    ),
    "stop_grace_seconds": NumberRange(0, _LONGEST, "0 cuts requests off.", whole=False),
}


def check_ranges(options: ServerOptions) -> None:
    """Refuse numbers that no server could use, before anything is loaded.

    Raises:
        ServingError: INVALID_ARGUMENT, for the first option that is out of its range.
    """
    for name, allowed in RANGES.items():
        value = getattr(options, name)
        if not allowed.allows(value):
            hint = f" {allowed.hint}" if allowed.hint else ""
            raise invalid_argument(f"{name} must be {allowed}, got {value!r}.{hint}")
