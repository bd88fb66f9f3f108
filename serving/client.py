"""The base class of both clients: everything but the protocol.

The metadata of the model are requested once and cached. A server may replace the model at any time,
so they are requested again when an argument does not fit them, when a request fails, and when
another version answers.
"""

from __future__ import annotations

import abc
import concurrent.futures
import math
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self, TypedDict, TypeVar

import numpy as np
from grpc import StatusCode

from .answers import (
    Covariance,
    FitResult,
    ModelMetadata,
    SignatureInfo,
    VersionStatus,
    find_signature,
)
from .arguments import Arrays, as_array, covariance_inputs, signature_inputs, weights_of
from .errors import ServingError, is_busy

_BASIC = ("targets", "initial", "weights", "tolerance", "max_steps")
# The arguments that are PEM files of a TLS connection.
_CERTIFICATES = ("root_certificates", "client_key", "client_certificate")
# Attempts to get all pieces of a call from the same version of the model.
_ROUNDS = 3
_LONGEST_PAUSE = 5.0

_T = TypeVar("_T")
_Path = str | os.PathLike[str]


class Settings(TypedDict, total=False):
    """The keyword arguments of `Client`; `GrpcClient` describes them."""

    version: int | None
    label: str | None
    timeout: float | None
    retries: int
    backoff: float
    max_batch_rows: int | None
    max_concurrency: int
    root_certificates: _Path | None
    client_key: _Path | None
    client_certificate: _Path | None
    headers: Mapping[str, str] | None


class Request(NamedTuple):
    """A prediction to send; `offered` describes the signature on the server."""

    signature: str
    offered: SignatureInfo
    inputs: Mapping[str, np.ndarray]

    @property
    def rows(self) -> int | None:
        """The number of rows; None for a signature whose inputs and outputs have none in common."""
        return len(next(iter(self.inputs.values()))) if self.offered.by_rows else None

    def divided(self, most: int | None) -> list[Request]:
        """Requests of `most` rows, in order; the last may have fewer. None: a single one.

        They are full rather than equal, so that a server that pads requests pads only the last.
        """
        if self.rows is None or most is None:
            return [self]
        return [
            self._replace(inputs={n: a[start : start + most] for n, a in self.inputs.items()})
            for start in range(0, self.rows, most)
        ]


class Prediction(NamedTuple):
    """The answer to a prediction; `version` is None where the protocol does not give it."""

    outputs: dict[str, np.ndarray]
    version: int | None


class Client(abc.ABC):
    """A model on a server. Thread-safe, and a context manager.

    Each call of a method has `timeout` seconds in all, retries included. The first call requests
    the metadata of the model. `GrpcClient` and `RestClient` describe the arguments.
    """

    def __init__(self, address: str, model_name: str, settings: Settings):
        if not isinstance(model_name, str) or not model_name:
            raise ValueError(f"model_name must be a name, got {model_name!r}.")
        known = _checked(settings)
        self._certificates = [known[name] for name in _CERTIFICATES]
        self._headers = dict(known["headers"] or {})
        self._model_name, self._version, self._label = model_name, known["version"], known["label"]
        self._timeout, self._retries = known["timeout"], known["retries"]
        self._backoff, self._most_rows = known["backoff"], known["max_batch_rows"]
        self._max_concurrency = known["max_concurrency"]
        self._where = f"model {model_name!r} at {address}"
        self._closed = False
        # Replaced atomically and never mutated, so threads may share it.
        self._metadata: ModelMetadata | None = None

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
            **more: `sigma`, the inverse of `weights`, instead of them; and what the solver was
                exported with: `lower`, `upper`, `prior_mean`, `prior_sigma`, `[B, p]` each,
                `sides`, `[B, m]`, `conditions`, `[B, K, d]`. NaN and None mean its defaults.

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
        alone = set(arrays) == {"targets"}
        name, needed = ("serving_default", ("targets",)) if alone else ("fit", _BASIC)
        outputs = self._answer("fit", name, arrays, needed, FitResult._fields)
        if not outputs["status"].all():
            message = (
                "a row has the status 0, which is none: the server loses the numbers. TensorFlow "
                "Serving does so over REST if it was started with "
                "--enable_serialization_as_tensor_content; leave that out, or use GrpcClient"
            )
            raise self._error(StatusCode.INTERNAL, message, name)
        return FitResult(*(outputs[field] for field in FitResult._fields))

    def spectrum(self, parameters: Any, **more: Any) -> np.ndarray:
        """The eigenvalues of A(x).

        Args:
            parameters: x, `[B, p]`.
            **more: other inputs of the signature, such as `conditions`, see `fit`.

        Returns:
            The levels `[B, n]`, ascending.

        Raises:
            ValueError: for a shape or dtype that does not fit the model.
            ServingError: see `fit`.

        Example:
            >>> client.spectrum([[0.0, 0.0, 1.0]]).round(6).tolist()
            [[-1.0, 0.0, 1.0]]
        """
        arrays = {"parameters": as_array("parameters", parameters)} | _given(more)
        names = (("parameters",), ("eigenvalues",))
        return self._answer("spectrum", "spectrum", arrays, *names)["eigenvalues"]

    def covariance(
        self, parameters: Any, weights: Any = None, targets: Any = None, **more: Any
    ) -> Covariance:
        """The covariance of parameters, from the Jacobian at them.

        Args:
            parameters: `[B, p]`, where a fit ended.
            weights: 1 / sigma of each level, in the forms of `fit`; 0 where none was observed.
            targets: `[B, m]`, the observed levels; NaN sets the weight to 0. The covariance is not
                scaled by their residual, unless the model needs them (`Matched`, a robust loss):
                then it is that of a fit to them, as in `SpectralSolver.covariance`.
            **more: see `spectrum`.

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
        arrays |= _given({"weights": weights, "targets": targets} | more)
        names = (("parameters", "weights"), Covariance._fields)
        outputs = self._answer("covariance", "covariance", arrays, *names, covariance_inputs)
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
        if not isinstance(inputs, Mapping):
            raise ValueError(
                'predict: inputs must be a dict by name such as {"parameters": [[1.0, 2.0]]}, '
                f"got {type(inputs).__name__}."
            )
        arrays = {name: as_array(name, value) for name, value in inputs.items()}
        return self._answer("predict", signature, arrays)

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

    # The methods of a protocol: each sends one request, once, before the deadline, a time of
    # `time.monotonic()`, and raises ServingError for every failure of the connection or the server.

    @abc.abstractmethod
    def _send_prediction(self, request: Request, deadline: float) -> Prediction: ...

    @abc.abstractmethod
    def _send_metadata(self, deadline: float) -> ModelMetadata: ...

    @abc.abstractmethod
    def _send_status(self, deadline: float) -> tuple[VersionStatus, ...]: ...

    def _begin(self) -> float:
        """The deadline of a call that begins now."""
        if self._closed:
            raise ValueError(f"The client is closed ({self._where}). Make a new one.")
        return math.inf if self._timeout is None else time.monotonic() + self._timeout

    def _left(self, deadline: float, signature: str | None) -> float | None:
        """Seconds left for a request; None for no limit. Raises ServingError when none are left."""
        left = deadline - time.monotonic()
        if left <= 0:
            message = f"the timeout of {self._timeout:g} s was over before the answer was there"
            raise self._error(StatusCode.DEADLINE_EXCEEDED, message, signature)
        return None if left == math.inf else left

    def _with_retries(self, send: Callable[[float], _T], deadline: float) -> _T:
        """Send a request, again after errors that are retryable, while there are retries and time.

        Refusals of a server without a free thread, which does not look at the request, do not count
        as retries; but `retries=0` allows none at all.
        """
        attempts = in_line = 0
        while True:
            try:
                return send(deadline)
            except ServingError as error:
                attempts += 1
                in_line += is_busy(error.code, error.message)
                used_up = self._retries == 0 or attempts - in_line > self._retries
                if not error.retryable or (used_up and attempts == 1):
                    raise
                pause = pause_before(attempts, self._backoff)
                if not used_up and time.monotonic() + pause < deadline:
                    time.sleep(pause)
                    continue
                reason = "" if used_up else "; the timeout leaves no time for another attempt"
                message = f"{error.message} (attempts: {attempts}{reason})"
                raise self._error(error.code, message, error.signature, True) from error

    def _error(
        self, code: StatusCode, message: str, signature: str | None, retryable: bool = False
    ) -> ServingError:
        return ServingError(code, message, signature, self._where, retryable)

    def _ask_metadata(self, deadline: float) -> ModelMetadata:
        self._metadata = self._with_retries(self._send_metadata, deadline)
        return self._metadata

    def _answer(
        self,
        what: str,
        signature: str,
        arrays: Arrays,
        needed: Sequence[str] = (),
        returned: Sequence[str] = (),
        convert: Callable[..., dict[str, np.ndarray]] = signature_inputs,
    ) -> dict[str, np.ndarray]:
        """The outputs of a signature; `needed` and `returned` are those of a model of eigenfit."""

        def prepare(metadata: ModelMetadata) -> Request:
            offered = find_signature(metadata, signature, self._where, needed, returned)
            return Request(signature, offered, convert(what, offered, arrays, fill=bool(needed)))

        deadline, kept = self._begin(), self._metadata
        metadata = self._ask_metadata(deadline) if kept is None else kept
        try:
            request = prepare(metadata)
        except (ValueError, ServingError):
            if kept is None:
                raise
            metadata = self._ask_metadata(deadline)
            request = prepare(metadata)
        if request.rows == 0:
            # Never sent: with batching TensorFlow Serving would wait for rows forever.
            return {
                name: np.empty([size or 0 for size in info.shape or (0,)], info.dtype)
                for name, info in request.offered.outputs.items()
            }
        try:
            answers = self._one_version(request, deadline)
        except ServingError:
            self._metadata = None
            raise
        if answers[0].version not in (None, metadata.version):
            self._metadata = None
        if len(answers) == 1:
            return answers[0].outputs
        return {
            name: np.concatenate([answer.outputs[name] for answer in answers])
            for name in answers[0].outputs
        }

    def _one_version(self, request: Request, deadline: float) -> list[Prediction]:
        """The answers of all pieces, from one version of the model if the protocol gives it."""
        pieces = request.divided(self._most_rows)
        for _ in range(_ROUNDS):
            answers = side_by_side(
                lambda piece: self._piece(piece, deadline), pieces, self._max_concurrency
            )
            if len({answer.version for answer in answers}) == 1:
                return answers
        message = "the server changed the version of the model again and again; call once more"
        raise self._error(StatusCode.ABORTED, message, request.signature)

    def _piece(self, request: Request, deadline: float) -> Prediction:
        """Send one piece, and check that the answer has every output and every row."""
        answer = self._with_retries(lambda until: self._send_prediction(request, until), deadline)
        missing = sorted(set(request.offered.outputs) - set(answer.outputs))
        problem = f"the answer lacks the outputs {missing}" if missing else ""
        for output, array in answer.outputs.items():
            if request.rows is not None and array.shape[:1] != (request.rows,):
                shape = list(array.shape)
                problem = f"output {output!r} has shape {shape} for {request.rows} rows"
        if problem:
            raise self._error(StatusCode.INTERNAL, problem, request.signature)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def pause_before(retry: int, backoff: float) -> float:
    """Seconds to wait before a retry, numbered from 1: u * min(backoff * 2**(retry - 1), 5).

    u is uniform in [0.5, 1], so that many clients do not return to a restarted server at once.
    """
    return random.uniform(0.5, 1.0) * min(backoff * 2.0 ** (retry - 1), _LONGEST_PAUSE)


def side_by_side(ask: Callable[[Any], _T], questions: list[Any], at_a_time: int) -> list[_T]:
    """Call `ask` for all questions in threads; answers in order, the first exception is raised."""
    if len(questions) == 1 or at_a_time == 1:
        return [ask(question) for question in questions]
    pool = concurrent.futures.ThreadPoolExecutor(min(at_a_time, len(questions)))
    try:
        return list(pool.map(ask, questions))
    finally:
        # After an error, cancel what has not been sent.
        pool.shutdown(wait=False, cancel_futures=True)


def _given(arguments: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {name: as_array(name, value) for name, value in arguments.items() if value is not None}


def _is_whole(value: Any, least: int) -> bool:
    integral = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return integral and bool(value >= least)


def _is_positive(value: Any) -> bool:
    real = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    return real and bool(0 < value < math.inf)


def _is_file(value: Any) -> bool:
    return value is None or (isinstance(value, (str, os.PathLike)) and Path(value).is_file())


# The default of each setting, the check of a value, and what it must be.
_SETTINGS: dict[str, tuple[Any, Callable[[Any], bool], str]] = {
    "version": (None, lambda v: v is None or _is_whole(v, 0), "a whole number from 0 or None"),
    "label": (None, lambda v: v is None or (isinstance(v, str) and v != ""), "a name or None"),
    "timeout": (60.0, lambda v: v is None or _is_positive(v), "seconds above 0 or None"),
    "retries": (4, lambda v: _is_whole(v, 0), "a whole number from 0"),
    "backoff": (0.2, _is_positive, "seconds above 0"),
    "max_batch_rows": (1000, lambda v: v is None or _is_whole(v, 1), "a whole number or None"),
    "max_concurrency": (4, lambda v: _is_whole(v, 1), "a whole number from 1"),
    "headers": (None, lambda v: v is None or isinstance(v, Mapping), "a dict of text or None"),
    **dict.fromkeys(_CERTIFICATES, (None, _is_file, "the path of a PEM file or None")),
}


def _checked(settings: Settings) -> dict[str, Any]:
    """All settings; TypeError for an unknown one, ValueError for the first that is invalid."""
    if unknown := sorted(settings.keys() - _SETTINGS.keys()):
        raise TypeError(f"A client has no argument {unknown[0]!r}; it has {', '.join(_SETTINGS)}.")
    known: dict[str, Any] = {name: default for name, (default, *_) in _SETTINGS.items()}
    known.update(settings)
    for name, (_, holds, wanted) in _SETTINGS.items():
        if not holds(known[name]):
            raise ValueError(f"{name} must be {wanted}, got {known[name]!r}.")
    if known["version"] is not None and known["label"] is not None:
        raise ValueError(
            f"version or label must be None, got version {known['version']!r} and label "
            f"{known['label']!r}: a label names a version already."
        )
    if (known["client_key"] is None) != (known["client_certificate"] is None):
        missing = "client_key" if known["client_key"] is None else "client_certificate"
        raise ValueError(
            f"{missing} must be given too: a client shows a key and its certificate together."
        )
    return known
