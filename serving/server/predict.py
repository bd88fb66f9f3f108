"""One prediction: the checks, the run, the outputs by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .session_model import Runner
from .signatures import feeds_of, find_signature, outputs_of, verify_method_name


def predict(
    signatures: Mapping[str, Any],
    runner: Runner,
    signature_name: str,
    inputs: Mapping[str, Any],
    output_filter: Sequence[str] = (),
    timeout: float | None = None,
    check_method_name: bool = False,
) -> dict[str, np.ndarray]:
    """Answer a predict request.

    Args:
        signatures: the SignatureDefs of the model.
        runner: runs its graph.
        signature_name: may be empty.
        inputs: TensorProtos or arrays, by name.
        output_filter: names of outputs; all when empty.
        timeout: seconds; None for no limit.
        check_method_name: whether to refuse signatures with a method name of their own.

    Returns:
        Arrays by output name.

    Raises:
        ServingError: for a wrong request, and what TensorFlow reports.
    """
    signature = find_signature(signatures, signature_name)
    if check_method_name:
        verify_method_name(signature)
    feeds = feeds_of(signature, inputs)
    names = outputs_of(signature, output_filter)
    fetches = [signature.outputs[name].name for name in names]
    return dict(zip(names, runner.run(feeds, fetches, timeout), strict=True))
