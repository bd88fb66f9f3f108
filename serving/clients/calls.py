"""What goes over the wire, and what comes back, before and after any encoding."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Mapping
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

import numpy as np

from .metadata import SignatureInfo


@dataclasses.dataclass(frozen=True)
class Call:
    """One request to the server.

    Attributes:
        kind: what is asked.
        signature: for a prediction, the signature's name.
        inputs: for a prediction, arrays by name.
        offered: for a prediction, what the server says about the signature. REST needs it: its
            answers hold neither dtypes nor the name of a single output.
    """

    kind: Literal["predict", "metadata", "status"]
    signature: str | None = None
    inputs: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    offered: SignatureInfo | None = None


class Prediction(NamedTuple):
    """The answer to a prediction.

    Attributes:
        outputs: arrays by name.
        version: of the model that answered; None where the protocol does not say.
    """

    outputs: dict[str, np.ndarray]
    version: int | None


class Transport(Protocol):
    """Sends one request, once."""

    def send(self, call: Call, timeout: float | None) -> Any:
        """The answer: a Prediction, a ModelMetadata or a tuple of VersionStatus.

        Raises:
            ServingError: for everything that goes wrong on the way or at the server.
        """
        ...


class AsyncTransport(Protocol):
    """The same as `Transport`, for an event loop."""

    async def send(self, call: Call, timeout: float | None) -> Any:
        """See `Transport.send`."""
        ...


_T = TypeVar("_T")

#: A method of a client without its input and output: it yields calls that may be sent side by side
#: and is given their answers in the same order. A call that the server refuses because of its
#: number of rows is answered by the error; any other error is thrown in. This way blocking and
#: asynchronous clients share everything that is not waiting.
Conversation = Generator[list[Call], list[Any], _T]
