"""The tensors of a REST predict request, in row form (`instances`) or column form (`inputs`)."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from .codes import ServingError, invalid_argument
from .json_arrays import array_of, build, fill, flatten, is_base64, shape_of
from .json_echo import echo
from .signatures import DEFAULT_SIGNATURE


class Form(enum.Enum):
    """How a request lists its rows; the response follows."""

    ROWS = "instances"
    COLUMNS = "inputs"


def signature_name_of(document: Mapping[str, Any]) -> str:
    """The signature that a request names; empty if it names none.

    Raises:
        ServingError: INVALID_ARGUMENT if the name is no string.
    """
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid_argument(
            f"JSON Value: {echo(document)} not formatted correctly. 'signature_name' key must be "
            "a string value."
        )
    return name


def input_types(signatures: Mapping[str, Any], name: str) -> dict[str, tf.DType]:
    """The dtypes of the inputs of a signature, by name.

    Raises:
        ServingError: INVALID_ARGUMENT if there is no such signature, or it has no inputs.
    """
    found = name or DEFAULT_SIGNATURE
    if found not in signatures:
        raise invalid_argument(f'Serving signature name: "{found}" not found in signature def')
    inputs = signatures[found].inputs
    if not inputs:
        raise invalid_argument(f"Failed to get input map for signature: {name or 'DEFAULT'}")
    return {key: tf.dtypes.as_dtype(inputs[key].dtype) for key in sorted(inputs)}


def inputs_of(
    document: Mapping[str, Any], dtypes: Mapping[str, tf.DType]
) -> tuple[dict[str, np.ndarray], Form]:
    """The arrays of a predict request.

    Args:
        document: the parsed body.
        dtypes: of the inputs of the signature, by name.

    Returns:
        The arrays by name, and the form that the request had.

    Raises:
        ServingError: INVALID_ARGUMENT (UNIMPLEMENTED for dtypes without a JSON form).
    """
    if "instances" in document and "inputs" in document:
        raise invalid_argument(
            f"JSON Value: {echo(document)} Not formatted correctly expecting only one of "
            "'inputs' or 'instances' keys to exist "
        )
    if "instances" in document:
        instances = document["instances"]
        if not isinstance(instances, list):
            raise invalid_argument(
                f"JSON Value: {echo(document)} Excepting 'instances' to be an list/array"
            )
        if not instances:
            raise invalid_argument(f"JSON Value: {echo(document)} No values in 'instances' array")
        return _rows(instances, dtypes), Form.ROWS
    if "inputs" in document:
        return _columns(document["inputs"], dtypes), Form.COLUMNS
    raise invalid_argument("Missing 'inputs' or 'instances' key")


def _columns(inputs: Any, dtypes: Mapping[str, tf.DType]) -> dict[str, np.ndarray]:
    if not _is_object(inputs):
        if len(dtypes) > 1:
            raise invalid_argument(
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                "required as per tensorinfo_map"
            )
        return {name: array_of(inputs, dtype) for name, dtype in dtypes.items()}
    for name in dtypes:
        if name not in inputs:
            raise invalid_argument(f"Missing named input: {name} in 'inputs' object.")
    return {name: array_of(inputs[name], dtype) for name, dtype in dtypes.items()}


def _rows(instances: list[Any], dtypes: Mapping[str, tf.DType]) -> dict[str, np.ndarray]:
    if len(dtypes) > 1 and not isinstance(instances[0], dict):
        raise invalid_argument(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map"
        )
    columns = _regular_columns(instances, dtypes)
    if columns is not None:
        try:
            return {name: array_of(column, dtypes[name]) for name, column in columns.items()}
        except ServingError:
            pass  # element by element, then, to say which one it is
    return _element_by_element(instances, dtypes)


def _regular_columns(
    instances: list[Any], dtypes: Mapping[str, tf.DType]
) -> dict[str, list[Any]] | None:
    """One list of values for each input, if that is what the rows amount to."""
    if _is_object(instances[0]):
        names = dtypes.keys()
        if not all(isinstance(row, dict) and row.keys() == names for row in instances):
            return None
        columns = {name: [row[name] for row in instances] for name in names}
    else:
        columns = {next(iter(dtypes)): instances}
    return columns if all(flatten(column) for column in columns.values()) else None


def _element_by_element(
    instances: list[Any], dtypes: Mapping[str, tf.DType]
) -> dict[str, np.ndarray]:
    as_objects = _is_object(instances[0])
    tensors: dict[str, _Rows] = {}
    for number, element in enumerate(instances):
        if _is_object(element) != as_objects:
            raise invalid_argument(_mixed(as_objects, number))
        pairs = element if as_objects else {next(iter(dtypes)): element}
        for name, value in pairs.items():
            try:
                if name not in dtypes:
                    raise invalid_argument(f"JSON object: does not have named input: {name}")
                tensors.setdefault(name, _Rows(dtypes[name])).add(value)
            except ServingError as error:
                key = f" key: {name}" if as_objects else ""
                raise invalid_argument(
                    f"Failed to process element: {number}{key} of 'instances' list. Error: {error}"
                ) from None
        if as_objects and pairs.keys() != dtypes.keys():
            raise invalid_argument(
                f"Failed to process element: {number} of 'instances' list. JSON object: "
                f"{echo(element)} keys must be equal to: {','.join(sorted(dtypes))}"
            )
    return {name: rows.array(len(instances)) for name, rows in tensors.items()}


class _Rows:
    """The values of one input, gathered row by row; the first row fixes the shape."""

    def __init__(self, dtype: tf.DType):
        self._dtype = dtype
        self._flat: list[Any] = []
        self._shape: Sequence[int] | None = None
        self._size = 0

    def add(self, value: Any) -> None:
        shape = shape_of(value)
        leaves: list[Any] = []
        fill(value, 0, shape, self._dtype, leaves)
        self._flat.extend(leaves)
        if self._shape is None:
            self._shape, self._size = shape, len(leaves)
        elif len(leaves) != self._size:
            raise invalid_argument(f"Expecting tensor size: {self._size} but got: {len(leaves)}")
        elif shape != self._shape:
            raise invalid_argument(
                f"Expecting shape {_brackets(self._shape)} but got: {_brackets(shape)}"
            )

    def array(self, rows: int) -> np.ndarray:
        return build(self._flat, [rows, *(self._shape or [])], self._dtype)


def _mixed(as_objects: bool, number: int) -> str:
    if as_objects:
        return f"Expecting object but got list at item {number} of input list"
    return f"Expecting value/list but got object at item {number} of input list"


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not is_base64(value)


def _brackets(shape: Sequence[int]) -> str:
    return "[" + ",".join(map(str, shape)) + "]"
