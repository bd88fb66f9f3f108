"""What each method of a client says to the server, without the waiting.

The metadata of the model are asked once and kept. A server may replace the model at any time, so
they are asked again when an argument does not fit what was kept, when a request fails, and when
another version answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import grpc
import numpy as np

from .answers import Covariance, FitResult
from .arguments import as_array, as_dtype, named_inputs, row_inputs, weights_of
from .calls import Call, Conversation, Prediction
from .errors import ServingError, row_limit
from .metadata import ModelMetadata, SignatureInfo, VersionStatus
from .pieces import count_rows, empty_outputs, join, split
from .recognition import eigenfit_signature, find_signature
from .zeros import KNOWN_SIGNATURE, all_zeros, known_question, lost_numbers

_BASIC = ("targets", "initial", "weights", "tolerance", "max_steps")
# More changes of version than this during one call are no accident.
_ROUNDS = 3

_Prepared = tuple[str, SignatureInfo, dict[str, np.ndarray]]


class Conversations:
    """What a client knows about its model, and one generator for each of its methods.

    Args:
        where: the model and the address, for messages.
        most_rows: rows in a request; None for any number. A server that takes fewer is believed.
        doubts_zeros: whether an answer of zeros makes the client ask something that it knows.
    """

    def __init__(self, where: str, most_rows: int | None, doubts_zeros: bool = False):
        self._where = where
        self._doubts_zeros = doubts_zeros
        self._believed: int | None = None  # the version whose zeros are right
        # Both are replaced in one step and never changed, so threads may share them.
        self._metadata: ModelMetadata | None = None
        self._most_rows = most_rows

    def fit(self, given: Mapping[str, Any]) -> Conversation[FitResult]:
        """A fit; arguments that are None are not given."""
        arrays = {name: as_array(name, value) for name, value in _without_none(given)}
        if "targets" not in arrays:
            raise ValueError("fit: targets must be numbers [rows, levels], got None.")
        if "sigma" in arrays:
            if "weights" in arrays:
                raise ValueError(
                    "fit: sigma and weights = 1 / sigma say the same; give one of them."
                )
            arrays["weights"] = weights_of(arrays.pop("sigma"))
        name = "serving_default" if set(arrays) == {"targets"} else "fit"

        def prepare(metadata: ModelMetadata) -> _Prepared:
            needed = ("targets",) if name == "serving_default" else _BASIC
            signature = self._ours(metadata, name, needed, FitResult._fields)
            return name, signature, row_inputs("fit", signature, arrays)

        outputs = yield from self._answer(prepare)
        return FitResult(*(outputs[field] for field in FitResult._fields))

    def spectrum(self, parameters: Any) -> Conversation[np.ndarray]:
        """The eigenvalues for given parameters."""
        arrays = {"parameters": as_array("parameters", parameters)}

        def prepare(metadata: ModelMetadata) -> _Prepared:
            signature = self._ours(metadata, "spectrum", ("parameters",), ("eigenvalues",))
            return "spectrum", signature, row_inputs("spectrum", signature, arrays)

        outputs = yield from self._answer(prepare)
        return outputs["eigenvalues"]

    def covariance(self, parameters: Any, weights: Any, targets: Any) -> Conversation[Covariance]:
        """How sure given parameters are."""
        optional = _without_none({"weights": weights, "targets": targets})
        arrays = {name: as_array(name, value) for name, value in optional}
        arrays = {"parameters": as_array("parameters", parameters)} | arrays

        def prepare(metadata: ModelMetadata) -> _Prepared:
            needed = ("parameters", "weights")
            signature = self._ours(metadata, "covariance", needed, Covariance._fields)
            return "covariance", signature, _covariance_inputs(signature, arrays)

        outputs = yield from self._answer(prepare)
        return Covariance(*(outputs[field] for field in Covariance._fields))

    def predict(
        self, signature: str, inputs: Mapping[str, Any]
    ) -> Conversation[dict[str, np.ndarray]]:
        """Any signature of any model."""
        if not isinstance(signature, str) or not signature:
            raise ValueError(
                f'predict: signature must be a name such as "matrix", got {signature!r}.'
            )
        if not isinstance(inputs, Mapping):
            raise ValueError(
                'predict: inputs must be a dict by name such as {"parameters": [[1.0, 2.0]]}, '
                f"got {type(inputs).__name__}."
            )
        arrays = {name: as_array(name, value) for name, value in inputs.items()}

        def prepare(metadata: ModelMetadata) -> _Prepared:
            offered = find_signature(metadata, signature, self._where)
            return signature, offered, named_inputs("predict", offered, arrays)

        return (yield from self._answer(prepare))

    def metadata(self) -> Conversation[ModelMetadata]:
        """The signatures, asked now."""
        (metadata,) = yield [Call("metadata")]
        self._metadata = metadata
        return metadata

    def status(self) -> Conversation[tuple[VersionStatus, ...]]:
        """The versions, newest first."""
        (versions,) = yield [Call("status")]
        return tuple(sorted(versions, reverse=True))

    def _ours(self, metadata: ModelMetadata, name: str, *needed: Any) -> SignatureInfo:
        return eigenfit_signature(metadata, name, *needed, where=self._where)

    def _answer(
        self, prepare: Callable[[ModelMetadata], _Prepared]
    ) -> Conversation[dict[str, np.ndarray]]:
        kept = self._metadata
        metadata = kept if kept is not None else (yield from self.metadata())
        try:
            prepared = prepare(metadata)
        except (ValueError, ServingError):
            if kept is None:
                raise
            metadata = yield from self.metadata()
            prepared = prepare(metadata)
        name, signature, inputs = prepared
        if signature.by_rows and count_rows(inputs) == 0:
            return empty_outputs(signature)
        try:
            answers = yield from self._one_version(name, signature, inputs)
        except ServingError:
            self._metadata = None
            raise
        if answers[0].version not in (None, metadata.version):
            self._metadata = None
        outputs = join([answer.outputs for answer in answers])
        if self._doubts_zeros and all_zeros(outputs) and self._believed != metadata.version:
            yield from self._ask_what_is_known(metadata)
            self._believed = metadata.version
        return outputs

    def _ask_what_is_known(self, metadata: ModelMetadata) -> Conversation[None]:
        """Raise if the server answers zeros to a question whose answer is another."""
        inputs = known_question(metadata)
        if inputs is None:
            return
        signature = metadata.signatures[KNOWN_SIGNATURE]
        (answer,) = yield from self._one_version(KNOWN_SIGNATURE, signature, inputs)
        if all_zeros(answer.outputs):
            raise lost_numbers(self._where)

    def _one_version(
        self, name: str, signature: SignatureInfo, inputs: Mapping[str, np.ndarray]
    ) -> Conversation[list[Prediction]]:
        """The answers of all pieces, from the same version as far as the protocol tells."""
        for _ in range(_ROUNDS):
            answers = yield from self._pieces(name, signature, inputs)
            if len({answer.version for answer in answers}) == 1:
                return answers
        message = "the server changed the version of the model again and again; call once more"
        raise ServingError(grpc.StatusCode.ABORTED, message, name, self._where)

    def _pieces(
        self, name: str, signature: SignatureInfo, inputs: Mapping[str, np.ndarray]
    ) -> Conversation[list[Prediction]]:
        # Without rows there is nothing to divide: inputs may be scalars, differ in length, or none.
        pieces = split(inputs, self._most_rows) if signature.by_rows else [dict(inputs)]
        answers = yield [Call("predict", name, piece, signature) for piece in pieces]
        done: list[Prediction] = []
        for piece, answer in zip(pieces, answers, strict=True):
            if isinstance(answer, ServingError):
                self._learn(answer, piece, signature)
                done += yield from self._pieces(name, signature, piece)
            else:
                done.append(self._checked(answer, name, signature, piece))
        return done

    def _learn(
        self, error: ServingError, piece: Mapping[str, np.ndarray], signature: SignatureInfo
    ) -> None:
        """Take the limit from the message of a server that refused a piece for its size."""
        limit = row_limit(error)
        if limit is None or not signature.by_rows or count_rows(piece) <= limit:
            raise error
        self._most_rows = limit if self._most_rows is None else min(limit, self._most_rows)

    def _checked(
        self,
        answer: Prediction,
        name: str,
        signature: SignatureInfo,
        piece: Mapping[str, np.ndarray],
    ) -> Prediction:
        """The answer, if it has every output with a row for each row that was sent."""
        missing = sorted(set(signature.outputs) - set(answer.outputs))
        problem = f"the answer lacks the outputs {missing}" if missing else ""
        rows = count_rows(piece) if signature.by_rows else None
        for output, array in answer.outputs.items():
            if rows is not None and (array.ndim == 0 or len(array) != rows):
                problem = f"output {output!r} has shape {list(array.shape)} for {rows} rows"
        if problem:
            raise ServingError(grpc.StatusCode.INTERNAL, problem, name, self._where)
        return answer


def _without_none(given: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in given.items() if value is not None]


def _covariance_inputs(
    signature: SignatureInfo, arrays: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The weights of the model where none are given, and 0 where there is no level."""
    arrays = dict(arrays)
    targets = arrays.get("targets")
    if targets is None and "weights" not in arrays and "targets" not in signature.inputs:
        raise ValueError(
            "covariance: parameters alone do not say what was observed, and how well; pass weights "
            "(1 / sigma of each level, 0 where none was observed), or targets."
        )
    if "targets" not in signature.inputs:
        arrays.pop("targets", None)
    elif targets is None:
        raise ValueError(
            "covariance: pass targets; in this model what a level counts depends on them."
        )
    inputs = row_inputs("covariance", signature, arrays)
    weights = inputs["weights"]
    if targets is not None:
        targets = as_dtype("targets", targets, weights.dtype)
        if targets.shape != weights.shape:
            raise ValueError(
                f"covariance: targets must have the shape of the weights, {list(weights.shape)}, "
                f"got {list(targets.shape)}."
            )
        weights = np.where(np.isnan(targets), np.zeros_like(weights), weights)
    return inputs | {"weights": weights}
