"""The methods of the clients that wait for their answers."""

from __future__ import annotations

import abc
import types
from collections.abc import Mapping
from typing import Any, Self, TypeVar

import numpy as np

from .answers import Covariance, FitResult
from .base import ClientBase
from .blocking import converse
from .calls import Conversation, Transport
from .metadata import ModelMetadata, VersionStatus

_T = TypeVar("_T")


class BlockingClient(ClientBase, abc.ABC):
    """A model on a server. May be used by several threads at a time, and as a context manager.

    Each method makes one deadline of `timeout` seconds for everything it does, retries included.
    The first call asks the server for the metadata of the model.
    """

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

        With targets alone this asks the signature `serving_default`, otherwise `fit`. The answer
        for a row does not depend on the others, nor on how the rows are divided into requests.

        Args:
            targets: `[B, m]`, the observed levels; NaN where a level was not observed, or None in
                a list.
            initial: `[B, p]`, where to start; NaN entries, and None, leave it to the solver.
            weights: `[B, m]`, 1 / sigma of each target, or one number or `[m]` for all rows; NaN
                and None mean the default of the model.
            tolerance: one number or `[B]`; NaN and None mean the default of the model.
            max_steps: one whole number or `[B]`; 0 and None mean the default of the model, which
                is also the most it makes.
            **more: `sigma`, the inverse of `weights`, instead of them; and other inputs of the
                signature `fit`, `[B, p]` each: `lower` and `upper` if the solver was exported with
                bounds, `prior_mean` and `prior_sigma` if with priors. NaN entries, and None, mean
                those of the solver.

        Returns:
            A `FitResult` of NumPy arrays in the dtype of the model. A row that cannot be fitted
            has a negative status and NaN; it never raises.

        Raises:
            ValueError: for shapes, dtypes and names that do not fit the model.
            ServingError: if the server cannot be reached in time, refuses, or is not serving a
                model of eigenfit.

        Example:
            >>> fit = client.fit([[1.0, 2.0, 4.0], [1.0, float("nan"), 4.0]])
            >>> fit.status.tolist()
            [1, 1]
        """
        first = {"targets": targets, "initial": initial, "weights": weights}
        given = first | {"tolerance": tolerance, "max_steps": max_steps} | more
        return self._hold(self._conversations.fit(given))

    def spectrum(self, parameters: Any) -> np.ndarray:
        """The eigenvalues of the matrix.

        Args:
            parameters: `[B, p]`.

        Returns:
            `[B, n]`, ascending.

        Raises:
            ValueError: for a shape or dtype that does not fit the model.
            ServingError: see `fit`.

        Example:
            >>> client.spectrum([[0.0, 0.0, 1.0]]).round(6).tolist()
            [[-1.0, 0.0, 1.0]]
        """
        return self._hold(self._conversations.spectrum(parameters))

    def covariance(self, parameters: Any, weights: Any = None, targets: Any = None) -> Covariance:
        """How sure parameters are, from the linearized fit at them.

        Args:
            parameters: `[B, p]`, where a fit ended.
            weights: 1 / sigma of each level, in the forms of `fit`; 0 where none was observed.
            targets: `[B, m]`, the observed levels, NaN where there is none: those have the weight
                0. They scale nothing, unless the model needs them (`Matched`, a robust loss): then
                it answers for a fit to them, as `SpectralSolver.covariance` does.

        Returns:
            A `Covariance` of NumPy arrays.

        Raises:
            ValueError: for shapes and dtypes that do not fit the model, or if targets are needed.
            ServingError: see `fit`.

        Example:
            >>> client.covariance([[0.0, 1.0, 2.0]], weights=[[10.0, 10.0, 10.0]]).rank.tolist()
            [3]
        """
        return self._hold(self._conversations.covariance(parameters, weights, targets))

    def predict(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Ask any signature, of any model.

        Args:
            signature: its name, for example "matrix".
            inputs: arrays by name. They are divided into several requests only if the first
                dimension of every input and output of the signature is free.

        Returns:
            Arrays by name.

        Raises:
            ValueError: for names, shapes and dtypes that do not fit the signature.
            ServingError: see `fit`; also if there is no such signature.

        Example:
            >>> client.predict("matrix", {"parameters": [[2.0, 1.0, 0.0]]})["matrix"].tolist()
            [[[2.0, 1.0, 0.0], [1.0, 2.0, 1.0], [0.0, 1.0, 2.0]]]
        """
        return self._hold(self._conversations.predict(signature, inputs))

    def metadata(self) -> ModelMetadata:
        """The signatures of the model with the shapes and dtypes of their inputs and outputs.

        Returns:
            A `ModelMetadata`; `print` shows it as a list.

        Raises:
            ServingError: see `fit`.

        Example:
            >>> print(client.metadata().signatures["spectrum"])
            (parameters: float64[?, 3]) -> (eigenvalues: float64[?, 3])
        """
        return self._hold(self._conversations.metadata())

    def status(self) -> tuple[VersionStatus, ...]:
        """The versions of the model and their states, newest first.

        Returns:
            That of its version for a client with a version; otherwise all, also for a client with
            a label, for TensorFlow Serving does not look up labels here.

        Raises:
            ServingError: see `fit`.

        Example:
            >>> [version.version for version in client.status() if version.state == "AVAILABLE"]
            [1]
        """
        return self._hold(self._conversations.status())

    @abc.abstractmethod
    def close(self) -> None:
        """Close the connections. Later calls raise ValueError; closing again does nothing."""

    @abc.abstractmethod
    def _transport(self) -> Transport: ...

    def _hold(self, conversation: Conversation[_T]) -> _T:
        self._check_open()
        return converse(conversation, **self._how(self._transport()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        self.close()
