"""Classify, Regress and MultiInference: tf.Examples in, classes or numbers out.

A signature made for predict rarely fits; then the answers are the errors of
`tensorflow_model_server`, in its order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .codes import Code, ServingError, invalid_argument
from .protos import ClassificationResult, Example, RegressionResult
from .session_model import Runner
from .signatures import CLASSIFY, DEFAULT_SIGNATURE, REGRESS


def find_example_signature(signatures: Mapping[str, Any], name: str) -> Any:
    """The SignatureDef with this name, which may be empty.

    Raises:
        ServingError: INVALID_ARGUMENT if there is none.
    """
    name = name or DEFAULT_SIGNATURE
    if name not in signatures:
        raise invalid_argument(f"No signature was found with the name: {name}")
    return signatures[name]


def classify_tensors(signature: Any, check_method_name: bool) -> tuple[str, list[str]]:
    """The tensor to feed and the tensors to fetch for a classification.

    Raises:
        ServingError: INVALID_ARGUMENT if the signature is none for classifying.
    """
    if check_method_name and signature.method_name != CLASSIFY:
        raise invalid_argument(
            f"Expected classification signature method_name to be {CLASSIFY}. Was: "
            f"{signature.method_name}"
        )
    if len(signature.inputs) != 1:
        raise invalid_argument("Expected one input Tensor.")
    if len(signature.outputs) not in (1, 2):
        raise invalid_argument(
            f"Expected one or two output Tensors, found {len(signature.outputs)}"
        )
    if "inputs" not in signature.inputs:
        raise invalid_argument(f"No classification inputs found in SignatureDef: {signature}")
    outputs = [key for key in ("classes", "scores") if key in signature.outputs]
    if not outputs:
        raise invalid_argument(
            "Expected classification signature outputs to contain at least one of "
            f'"classes" or "scores". Signature was: {signature}'
        )
    return signature.inputs["inputs"].name, [signature.outputs[key].name for key in outputs]


def regress_tensors(signature: Any, check_method_name: bool) -> tuple[str, list[str]]:
    """The tensor to feed and the tensor to fetch for a regression.

    Raises:
        ServingError: INVALID_ARGUMENT if the signature is none for regressing.
    """
    if check_method_name and signature.method_name != REGRESS:
        raise invalid_argument(
            f"Expected regression signature method_name to be {REGRESS}. Was: "
            f"{signature.method_name}"
        )
    if len(signature.inputs) != 1:
        raise invalid_argument("Expected one input Tensor.")
    if len(signature.outputs) != 1:
        raise invalid_argument("Expected one output Tensor.")
    if "inputs" not in signature.inputs:
        raise invalid_argument(f"No regression inputs found in SignatureDef: {signature}")
    if "outputs" not in signature.outputs:
        raise invalid_argument(f"No regression outputs found in SignatureDef: {signature}")
    return signature.inputs["inputs"].name, [signature.outputs["outputs"].name]


def run_examples(
    runner: Runner, examples: Any, feed: str, fetches: list[str], timeout: float | None
) -> tuple[int, dict[str, np.ndarray]]:
    """Feed serialized tf.Examples.

    Args:
        runner: runs the graph.
        examples: the Input message of the request.
        feed: a tensor name.
        fetches: tensor names.
        timeout: seconds; None for no limit.

    Returns:
        How many examples there were, and the arrays by tensor name.

    Raises:
        ServingError: INVALID_ARGUMENT for no examples; what TensorFlow reports.
    """
    kind = examples.WhichOneof("kind")
    if kind == "example_list_with_context":
        given = examples.example_list_with_context
        serialized = [_with_context(example, given.context) for example in given.examples]
    else:
        serialized = [example.SerializeToString() for example in examples.example_list.examples]
    if not serialized:
        raise invalid_argument("Input is empty.")
    outputs = runner.run({feed: np.array(serialized, object)}, fetches, timeout)
    return len(serialized), dict(zip(fetches, outputs, strict=True))


def classification_result(signature: Any, count: int, arrays: Mapping[str, np.ndarray]) -> Any:
    """The arrays as a ClassificationResult.

    Raises:
        ServingError: INVALID_ARGUMENT if shapes or dtypes are not those of classes and scores.
    """
    found = {
        key: arrays[signature.outputs[key].name]
        for key in ("classes", "scores")
        if key in signature.outputs
    }
    for key, array in found.items():
        if array.ndim != 2:
            raise invalid_argument(
                f"Expected Tensor shape: [batch_size num_classes] but got {_shape(array)}"
            )
        wanted, kind = ("DT_STRING", "OS") if key == "classes" else ("DT_FLOAT", "f")
        if array.dtype.kind not in kind or (key == "scores" and array.dtype != np.float32):
            raise invalid_argument(f"Expected {key} Tensor of {wanted}. Got: {array.dtype}")
        if array.shape[0] != count:
            raise invalid_argument(
                f"Expected {key} output batch size of {count}. Got: {array.shape[0]}"
            )
    widths = [array.shape[1] for array in found.values()]
    if len(set(widths)) > 1:
        raise invalid_argument(
            f"Tensors class and score should match in dim_size(1). Got {widths[0]} vs. {widths[1]}"
        )
    result = ClassificationResult()
    for row in range(count):
        classes = result.classifications.add().classes
        for column in range(widths[0]):
            entry = classes.add()
            if "classes" in found:
                entry.label = found["classes"][row, column].decode("utf-8", "replace")
            if "scores" in found:
                entry.score = float(found["scores"][row, column])
    return result


def regression_result(signature: Any, count: int, arrays: Mapping[str, np.ndarray]) -> Any:
    """The array as a RegressionResult.

    Raises:
        ServingError: INVALID_ARGUMENT if its shape or dtype is not that of a regression.
    """
    array = arrays[signature.outputs["outputs"].name]
    if not (array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1)):
        raise invalid_argument(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got "
            f"{_shape(array)}"
        )
    if array.shape[0] != count:
        raise invalid_argument(
            f"Input batch size did not match output batch size: {count} vs. {array.shape[0]}"
        )
    if array.dtype != np.float32:
        raise invalid_argument(f"Expected output Tensor of DT_FLOAT.  Got: {array.dtype}")
    result = RegressionResult()
    for value in array.ravel().tolist():
        result.regressions.add(value=value)
    return result


def task_tensors(
    method_name: str, signature: Any, check_method_name: bool
) -> tuple[str, list[str]]:
    """The tensors of one task of a MultiInference.

    Raises:
        ServingError: UNIMPLEMENTED for another method; see the two methods.
    """
    if method_name == CLASSIFY:
        return classify_tensors(signature, check_method_name)
    if method_name == REGRESS:
        return regress_tensors(signature, check_method_name)
    raise ServingError(Code.UNIMPLEMENTED, f"Unsupported signature method_name: {method_name}")


def _with_context(example: Any, context: Any) -> bytes:
    # The features of the example win over those of the context.
    merged = Example()
    merged.CopyFrom(context)
    for name, feature in example.features.feature.items():
        merged.features.feature[name].CopyFrom(feature)
    return merged.SerializeToString()


def _shape(array: np.ndarray) -> str:
    return "[" + ",".join(str(size) for size in array.shape) + "]"
