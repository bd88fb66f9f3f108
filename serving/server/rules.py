"""What the flags say about answers: the same for every model."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Rules:
    """How strict the server is, and how it writes.

    Attributes:
        check_method_names: whether the method name of a signature must fit the request.
        tensor_content: whether the answers to Predict have their values as bytes.
    """

    check_method_names: bool = False
    tensor_content: bool = False
