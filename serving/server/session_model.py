"""A SavedModel in a C++ session, the way TensorFlow Serving runs it."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

# The public Session.run casts what is fed and refuses shapes that the signature does not have.
# TensorFlow Serving does neither, so a graph would be asked different questions here and there.
from tensorflow.python.client import pywrap_tf_session
from tensorflow.python.saved_model import loader_impl

from .codes import Code, ServingError, as_serving_error
from .free_memory import free_memory

_native: Any = pywrap_tf_session


class Runner(Protocol):
    """Runs a graph: a session, or a batcher in front of it."""

    def run(
        self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str], timeout: float | None
    ) -> list[np.ndarray]:
        """Compute some tensors.

        Args:
            feeds: arrays by tensor name such as `serving_default_x:0`.
            fetches: tensor names.
            timeout: seconds; None for no limit.

        Returns:
            One array for each fetch.

        Raises:
            ServingError: what TensorFlow reported.
        """
        ...


class SessionModel:
    """A loaded SavedModel. No Python of its author runs: only the graph, in C++.

    Attributes:
        signatures: its SignatureDefs by name.
    """

    def __init__(
        self,
        directory: str,
        intra_op_threads: int = 0,
        inter_op_threads: int = 0,
        tags: Sequence[str] = (tf.saved_model.SERVING,),
    ):
        """Load a version directory; raises ServingError if that fails."""
        config = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=intra_op_threads,
            inter_op_parallelism_threads=inter_op_threads,
        )
        _check_directory(directory)
        self._graph = tf.Graph()
        self._session = tf.compat.v1.Session(graph=self._graph, config=config)
        try:
            with self._graph.as_default():
                # The same as tf.compat.v1.saved_model.load, which tells users not to use it.
                meta_graph: Any = loader_impl.SavedModelLoader(directory).load(
                    self._session, list(tags)
                )
            # Otherwise the first request would do it.
            self._session._extend_graph()
        except Exception as error:
            self._session.close()
            raise _loading_error(error, directory, tags) from error
        self.signatures: dict[str, Any] = dict(meta_graph.signature_def)
        self._outputs: dict[str, Any] = {}

    def run(
        self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str], timeout: float | None
    ) -> list[np.ndarray]:
        """See `Runner.run`. Calls may overlap."""
        options = None
        try:
            fed = {self._output(name): array for name, array in feeds.items()}
            fetched = [self._output(name) for name in fetches]
            options = _run_options(timeout)
            return _native.TF_SessionRun_wrapper(
                self._session._session, options, fed, fetched, [], None
            )
        except Exception as error:
            raise as_serving_error(error) from None
        finally:
            if options is not None:
                _native.TF_DeleteBuffer(options)

    def close(self) -> None:
        """Free the session. No call may be under way."""
        self._session.close()
        self._outputs.clear()
        del self._session, self._graph
        free_memory()

    def _output(self, name: str) -> Any:
        found = self._outputs.get(name)
        if found is None:
            try:
                found = self._graph.get_tensor_by_name(name)._as_tf_output()
            except (KeyError, ValueError):
                raise ServingError(
                    Code.NOT_FOUND, f"Tensor {name} not found in the graph"
                ) from None
            self._outputs[name] = found
        return found


def _run_options(timeout: float | None) -> Any:
    """RunOptions in the form of the C interface; None when there is nothing to say."""
    if timeout is None:
        return None
    # 0 would mean "no limit".
    options = tf.compat.v1.RunOptions(timeout_in_ms=max(1, int(timeout * 1000)))
    return _native.TF_NewBufferFromString(options.SerializeToString())


def _check_directory(directory: str) -> None:
    names = ("saved_model.pb", "saved_model.pbtxt")
    if not any((pathlib.Path(directory) / name).exists() for name in names):
        raise ServingError(
            Code.NOT_FOUND,
            f"Could not find SavedModel .pb or .pbtxt at supplied export directory path: "
            f"{directory}. Check that the directory exists and that you have the right "
            "permissions for accessing it.",
        )


def _loading_error(error: Exception, directory: str, tags: Sequence[str]) -> ServingError:
    if isinstance(error, RuntimeError) and "associated with tags" in str(error):
        return ServingError(
            Code.NOT_FOUND,
            f"Could not find meta graph def matching supplied tags: {{ {' '.join(tags)} }}. To "
            "inspect available tag-sets in the SavedModel, please use the SavedModel CLI: "
            "`saved_model_cli`",
        )
    if isinstance(error, OSError):  # what the Python loader says of a file that is no SavedModel
        return ServingError(Code.DATA_LOSS, f"Can't parse {directory}/saved_model.pb: {error}")
    return as_serving_error(error)
