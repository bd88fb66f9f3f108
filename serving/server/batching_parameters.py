"""The parameters of batching, from their text form."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from .codes import invalid_argument
from .text_configs import parse_text


@dataclasses.dataclass(frozen=True)
class BatchingParameters:
    """How requests are joined.

    Attributes:
        max_batch_size: the most rows that one request may have, and, unless
            `max_execution_batch_size` says otherwise, that one run may have.
        batch_timeout_seconds: how long a batch waits for more requests when a thread is free.
        max_enqueued_batches: how many batches may wait; beyond that requests are refused.
        num_batch_threads: how many batches run at a time.
        allowed_batch_sizes: batches are filled up to the next of these sizes; any when empty.
        enable_large_batch_splitting: requests may be split among batches.
        max_execution_batch_size: the most rows of one run when requests are split.
    """

    max_batch_size: int = 1000
    batch_timeout_seconds: float = 0.0
    max_enqueued_batches: int = 10
    num_batch_threads: int = dataclasses.field(default_factory=lambda: os.cpu_count() or 1)
    allowed_batch_sizes: tuple[int, ...] = ()
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int = 1000

    def __post_init__(self) -> None:
        for name in ("max_batch_size", "max_enqueued_batches", "num_batch_threads"):
            if getattr(self, name) < 1:
                raise invalid_argument(f"{name} must be positive; was {getattr(self, name)}")
        if self.batch_timeout_seconds < 0:
            raise invalid_argument("batch_timeout_micros must be non-negative")
        if not 1 <= self.max_execution_batch_size <= self.max_batch_size:
            raise invalid_argument(
                "max_execution_batch_size must be from 1 to max_batch_size; was "
                f"{self.max_execution_batch_size}"
            )
        self._check_sizes()

    def _check_sizes(self) -> None:
        sizes = self.allowed_batch_sizes
        if not sizes:
            return
        if list(sizes) != sorted(set(sizes)) or sizes[0] < 1:
            raise invalid_argument("allowed_batch_sizes entries must be monotonically increasing")
        if sizes[-1] != self.max_execution_batch_size:
            name = "max_batch_size"
            if self.enable_large_batch_splitting:
                name = "max_execution_batch_size"
            raise invalid_argument(
                f"Last entry in allowed_batch_sizes must match {name}; last entry was "
                f"{sizes[-1]}; expected {self.max_execution_batch_size}"
            )

    def padded_size(self, rows: int) -> int:
        """The size to which a batch is filled up.

        Example:
            >>> BatchingParameters(max_batch_size=8, max_execution_batch_size=8).padded_size(3)
            3
        """
        return next((size for size in self.allowed_batch_sizes if size >= rows), rows)


def parse_batching_parameters(text: str) -> BatchingParameters:
    """The parameters from text such as `max_batch_size { value: 8 }`.

    Raises:
        ServingError: INVALID_ARGUMENT if the text is wrong or the numbers do not fit together.
    """
    message = parse_text("BatchingParameters", text)
    if message.pad_variable_length_inputs:
        raise invalid_argument(
            "pad_variable_length_inputs is not supported: it pads with the first entry of a "
            "tensor, which a model cannot tell from data. Send tensors of one shape."
        )
    given: dict[str, Any] = {
        name: getattr(message, name).value
        for name in (
            "max_batch_size",
            "max_enqueued_batches",
            "num_batch_threads",
            "enable_large_batch_splitting",
        )
        if message.HasField(name)
    }
    given["batch_timeout_seconds"] = message.batch_timeout_micros.value / 1e6
    given["allowed_batch_sizes"] = tuple(message.allowed_batch_sizes)
    largest = given.get("max_batch_size", BatchingParameters.max_batch_size)
    splits = given.get("enable_large_batch_splitting", False)
    # Without splitting TensorFlow Serving does not look at max_execution_batch_size.
    own = splits and message.HasField("max_execution_batch_size")
    given["max_execution_batch_size"] = message.max_execution_batch_size.value if own else largest
    return BatchingParameters(**given)
