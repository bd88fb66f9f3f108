"""The base class of both clients: everything but the protocol.

The metadata of the model are requested once and cached. A server may replace the model at any time,
so they are requested again when an argument does not fit them, when a request fails, and when
another version answers.
"""

from __future__ import annotations

import abc
import concurrent.futures
import os
import types
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Self, TypeVar

import grpc
import numpy as np

from .answers import Covariance, FitResult
from .arguments import as_array, covariance_inputs, named_inputs, row_inputs, weights_of
from .errors import ServingError, row_limit
from .metadata import ModelMetadata, SignatureInfo, VersionStatus, find_signature
from .pieces import count_rows, empty_outputs, join, split
from .retries import Deadline, with_retries
from .settings import CERTIFICATES, check_settings

_BASIC = ("targets", "initial", "weights", "tolerance", "max_steps")
# Attempts to get all pieces of a call from the same version of the model.
_ROUNDS = 3

_T = TypeVar("_T")


class Request(NamedTuple):
    """A prediction to send; `offered` describes the signature on the server."""

    signature: str
    offered: SignatureInfo
    inputs: Mapping[str, np.ndarray]


class Prediction(NamedTuple):
    """The answer to a prediction; `version` is None where the protocol does not give it."""

    outputs: dict[str, np.ndarray]
    version: int | None


class Client(abc.ABC):
    """A model on a server. Thread-safe, and a context manager.

    Each call of a method has `timeout` seconds in all, retries included. The first call requests
    the metadata of the model. `GrpcClient` and `RestClient` describe the arguments.
    """

    def __init__(
        self,
        address: str,
        model_name: str,
        *,
        version: int | None = None,
        label: str | None = None,
        timeout: float | None = 60.0,
        retries: int = 4,
        backoff: float = 0.2,
        max_batch_rows: int | None = 1000,
        max_concurrency: int = 4,
        root_certificates: str | os.PathLike[str] | None = None,
        client_key: str | os.PathLike[str] | None = None,
        client_certificate: str | os.PathLike[str] | None = None,
        headers: Mapping[str, str] | None = None,
    ):
        settings = {name: value for name, value in locals().items() if name != "self"}
        check_settings(settings)
        self._certificates = [settings[name] for name in CERTIFICATES]
        self._headers = dict(headers or {})
        self._model_name, self._version, self._label = model_name, version, label
        self._timeout, self._retries, self._backoff = timeout, retries, backoff
        self._max_concurrency = max_concurrency
        self._where = f"model {model_name!r} at {address}"
        self._closed = False
        # Both are replaced atomically and never mutated, so threads may share them.
        self._metadata: ModelMetadata | None = None
        self._most_rows = max_batch_rows

    def fit(
        self,
        targets: Any,
        initial: Any = None,
        weights: Any = None,
        tolerance: Any = None,
        max_steps: Any = None,
        **more: Any,
    ) -> FitResult:
        """Find parameters whose spectrum matches the targets, for every row.

        Targets alone use the signature `serving_default`, other arguments `fit`. The answer for a
        row depends neither on the other rows nor on how they are divided into requests.

        Args:
            targets: `[B, m]`, the observed levels; NaN (or None in a list) for a level that was not
                observed.
            initial: `[B, p]`, starting points; for NaN and None the solver chooses.
            weights: `[B, m]`, 1 / sigma of each target, or one number or `[m]` for all rows; NaN
                and None mean the default of the model.
            tolerance: one number or `[B]`; NaN and None mean the default of the model.
            max_steps: one integer or `[B]`; 0 and None mean the default of the model, which is
                also the largest number of steps.
            **more: `sigma`, the inverse of `weights`, instead of them; and other inputs of the
                signature `fit`, `[B, p]` each: `lower` and `upper` if the solver was exported with
                bounds, `prior_mean` and `prior_sigma` if with priors. NaN and None mean those of
                the solver.

        Returns:
            A `FitResult` of NumPy arrays in the dtype of the model. A row that cannot be fitted
            raises nothing; it has a negative status and NaN.

        Raises:
            ValueError: for shapes, dtypes and names that do not fit the model.
            ServingError: if the server cannot be reached in time, refuses the request, or does not
                serve a model of eigenfit.

        Example:
            >>> fit = client.fit([[1.0, 2.0, 4.0], [1.0, float("nan"), 4.0]])
            >>> fit.status.tolist()
            [1, 1]
        """
        first = {"targets": targets, "initial": initial, "weights": weights}
        arrays = _given(first | {"tolerance": tolerance, "max_steps": max_steps} | more)
        if "targets" not in arrays:
            raise ValueError("fit: targets must be numbers [rows, levels], got None.")
        if "sigma" in arrays:
            if "weights" in arrays:
                raise ValueError(
                    "fit: sigma and weights = 1 / sigma say the same; give one of them."
                )
            arrays["weights"] = weights_of(arrays.pop("sigma"))
        name = "serving_default" if set(arrays) == {"targets"} else "fit"

        def prepare(metadata: ModelMetadata) -> Request:
            needed = ("targets",) if name == "serving_default" else _BASIC
            offered = find_signature(metadata, name, self._where, needed, FitResult._fields)
            return Request(name, offered, row_inputs("fit", offered, arrays))

        outputs = self._answer(prepare)
        return FitResult(*(outputs[field] for field in FitResult._fields))

    def spectrum(self, parameters: Any) -> np.ndarray:
        """The eigenvalues of A(x).

        Args:
            parameters: x, `[B, p]`.

        Returns:
            The levels `[B, n]`, ascending.

        Raises:
            ValueError: for a shape or dtype that does not fit the model.
            ServingError: see `fit`.

        Example:
            >>> client.spectrum([[0.0, 0.0, 1.0]]).round(6).tolist()
            [[-1.0, 0.0, 1.0]]
        """
        arrays = {"parameters": as_array("parameters", parameters)}

        def prepare(metadata: ModelMetadata) -> Request:
            names = (("parameters",), ("eigenvalues",))
            offered = find_signature(metadata, "spectrum", self._where, *names)
            return Request("spectrum", offered, row_inputs("spectrum", offered, arrays))

        return self._answer(prepare)["eigenvalues"]

    def covariance(self, parameters: Any, weights: Any = None, targets: Any = None) -> Covariance:
        """The covariance of parameters, from the Jacobian at them.

        Args:
            parameters: `[B, p]`, where a fit ended.
            weights: 1 / sigma of each level, in the forms of `fit`; 0 where none was observed.
            targets: `[B, m]`, the observed levels; NaN sets the weight to 0. The covariance is not
                scaled by their residual, unless the model needs them (`Matched`, a robust loss):
                then it is that of a fit to them, as in `SpectralSolver.covariance`.

        Returns:
            A `Covariance` of NumPy arrays.

        Raises:
            ValueError: for shapes and dtypes that do not fit the model, or if targets are needed.
            ServingError: see `fit`.

        Example:
            >>> client.covariance([[0.0, 1.0, 2.0]], weights=[[10.0, 10.0, 10.0]]).rank.tolist()
            [3]
        """
        arrays = {"parameters": as_array("parameters", parameters)}
        arrays |= _given({"weights": weights, "targets": targets})

        def prepare(metadata: ModelMetadata) -> Request:
            names = (("parameters", "weights"), Covariance._fields)
            offered = find_signature(metadata, "covariance", self._where, *names)
            return Request("covariance", offered, covariance_inputs(offered, arrays))

        outputs = self._answer(prepare)
        return Covariance(*(outputs[field] for field in Covariance._fields))

    def predict(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Call any signature of any model.

        Args:
            signature: its name, for example "matrix".
            inputs: arrays by name. They are divided into several requests only if the first
                dimension of every input and output of the signature is unknown (None).

        Returns:
            Arrays by name.

        Raises:
            ValueError: for names, shapes and dtypes that do not fit the signature.
            ServingError: see `fit`; also if there is no such signature.

        Example:
            >>> client.predict("matrix", {"parameters": [[2.0, 1.0, 0.0]]})["matrix"].tolist()
            [[[2.0, 1.0, 0.0], [1.0, 2.0, 1.0], [0.0, 1.0, 2.0]]]
        """
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

        def prepare(metadata: ModelMetadata) -> Request:
            offered = find_signature(metadata, signature, self._where)
            return Request(signature, offered, named_inputs("predict", offered, arrays))

        return self._answer(prepare)

    def metadata(self) -> ModelMetadata:
        """The signatures of the model with the shapes and dtypes of their inputs and outputs.

        Returns:
            A `ModelMetadata`; `print` lists the signatures.

        Raises:
            ServingError: see `fit`.

        Example:
            >>> print(client.metadata().signatures["spectrum"])
            (parameters: float64[?, 3]) -> (eigenvalues: float64[?, 3])
        """
        return self._ask_metadata(self._begin())

    def status(self) -> tuple[VersionStatus, ...]:
        """The versions of the model and their states, newest first.

        Returns:
            One status for a client with a version, else all. A label is ignored, because
            TensorFlow Serving does not look up labels here.

        Raises:
            ServingError: see `fit`.

        Example:
            >>> [version.version for version in client.status() if version.state == "AVAILABLE"]
            [1]
        """
        return self._with_retries(self._send_status, self._begin())

    @abc.abstractmethod
    def close(self) -> None:
        """Close the connections. Later calls raise ValueError; closing again does nothing."""

    # The methods of a protocol: each sends one request, once, within the deadline, and raises
    # ServingError for every failure of the connection or the server.

    @abc.abstractmethod
    def _send_prediction(self, request: Request, deadline: Deadline) -> Prediction: ...

    @abc.abstractmethod
    def _send_metadata(self, deadline: Deadline) -> ModelMetadata: ...

    @abc.abstractmethod
    def _send_status(self, deadline: Deadline) -> tuple[VersionStatus, ...]: ...

    def _check_numbers(
        self, outputs: Mapping[str, np.ndarray], metadata: ModelMetadata, deadline: Deadline
    ) -> None:
        """Raise ServingError if the protocol lost the numbers of an answer; only REST can."""
        del outputs, metadata, deadline

    def _begin(self) -> Deadline:
        if self._closed:
            raise ValueError(f"The client is closed ({self._where}). Make a new one.")
        return Deadline(self._timeout)

    def _left(self, deadline: Deadline, signature: str | None) -> float | None:
        """Seconds left for a request; None for no limit. Raises ServingError when none are left."""
        left = deadline.remaining()
        if left is not None and left <= 0:
            message = f"the timeout of {self._timeout:g} s was over before the answer was there"
            raise self._error(grpc.StatusCode.DEADLINE_EXCEEDED, message, signature)
        return left

    def _with_retries(self, send: Callable[[Deadline], _T], deadline: Deadline) -> _T:
        return with_retries(lambda: send(deadline), deadline, self._retries, self._backoff)

    def _error(
        self, code: grpc.StatusCode, message: str, signature: str | None, retryable: bool = False
    ) -> ServingError:
        return ServingError(code, message, signature, self._where, retryable)

    def _ask_metadata(self, deadline: Deadline) -> ModelMetadata:
        self._metadata = self._with_retries(self._send_metadata, deadline)
        return self._metadata

    def _answer(self, prepare: Callable[[ModelMetadata], Request]) -> dict[str, np.ndarray]:
        deadline, kept = self._begin(), self._metadata
        metadata = self._ask_metadata(deadline) if kept is None else kept
        try:
            request = prepare(metadata)
        except (ValueError, ServingError):
            if kept is None:
                raise
            metadata = self._ask_metadata(deadline)
            request = prepare(metadata)
        if request.offered.by_rows and count_rows(request.inputs) == 0:
            return empty_outputs(request.offered)
        try:
            answers = self._one_version(request, deadline)
        except ServingError:
            self._metadata = None
            raise
        if answers[0].version not in (None, metadata.version):
            self._metadata = None
        outputs = join([answer.outputs for answer in answers])
        self._check_numbers(outputs, metadata, deadline)
        return outputs

    def _one_version(self, request: Request, deadline: Deadline) -> list[Prediction]:
        """The answers of all pieces, from one version of the model if the protocol gives it."""
        for _ in range(_ROUNDS):
            answers = self._pieces(request, deadline)
            if len({answer.version for answer in answers}) == 1:
                return answers
        message = "the server changed the version of the model again and again; call once more"
        raise self._error(grpc.StatusCode.ABORTED, message, request.signature)

    def _pieces(self, request: Request, deadline: Deadline) -> list[Prediction]:
        # Inputs without a common row dimension cannot be divided.
        if not request.offered.by_rows:
            return [self._piece(request, deadline)]
        requests = [
            request._replace(inputs=inputs) for inputs in split(request.inputs, self._most_rows)
        ]
        answers = side_by_side(
            lambda each: self._piece_or_refusal(each, deadline), requests, self._max_concurrency
        )
        done: list[Prediction] = []
        for each, answer in zip(requests, answers, strict=True):
            if isinstance(answer, ServingError):
                self._learn(answer, each)
                done += self._pieces(each, deadline)
            else:
                done.append(answer)
        return done

    def _piece_or_refusal(self, request: Request, deadline: Deadline) -> Prediction | ServingError:
        """The answer, or the error of a server that takes fewer rows; other errors are raised."""
        try:
            return self._piece(request, deadline)
        except ServingError as error:
            if row_limit(error) is None:
                raise
            return error

    def _learn(self, error: ServingError, request: Request) -> None:
        """Adopt the row limit in the error of a server; raise the error if it has none."""
        limit = row_limit(error)
        if limit is None or count_rows(request.inputs) <= limit:
            raise error
        self._most_rows = limit if self._most_rows is None else min(limit, self._most_rows)

    def _piece(self, request: Request, deadline: Deadline) -> Prediction:
        """Send one piece, and check that the answer has every output and every row."""
        answer = self._with_retries(lambda until: self._send_prediction(request, until), deadline)
        missing = sorted(set(request.offered.outputs) - set(answer.outputs))
        problem = f"the answer lacks the outputs {missing}" if missing else ""
        rows = count_rows(request.inputs) if request.offered.by_rows else None
        for output, array in answer.outputs.items():
            if rows is not None and (array.ndim == 0 or len(array) != rows):
                problem = f"output {output!r} has shape {list(array.shape)} for {rows} rows"
        if problem:
            raise self._error(grpc.StatusCode.INTERNAL, problem, request.signature)
        return answer

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self._where}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        self.close()


def side_by_side(ask: Callable[[Any], _T], questions: list[Any], at_a_time: int) -> list[_T]:
    """Call `ask` for all questions in threads; answers in order, the first exception is raised."""
    if len(questions) == 1 or at_a_time == 1:
        return [ask(question) for question in questions]
    pool = concurrent.futures.ThreadPoolExecutor(min(at_a_time, len(questions)))
    try:
        futures = [pool.submit(ask, question) for question in questions]
        finished, _ = concurrent.futures.wait(
            futures, return_when=concurrent.futures.FIRST_EXCEPTION
        )
        for future in finished:
            future.result()  # raises the first exception
        return [future.result() for future in futures]
    finally:
        # After an error, cancel what has not been sent.
        pool.shutdown(wait=False, cancel_futures=True)


def _given(arguments: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {name: as_array(name, value) for name, value in arguments.items() if value is not None}
