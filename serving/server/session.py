"""A SavedModel in a C++ session, as in TensorFlow Serving."""

from __future__ import annotations

import ctypes
import gc
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

# The public Session.run casts inputs and refuses shapes that differ from the signature. TensorFlow
# Serving does neither, so the private function is used to behave in the same way.
from tensorflow.python.client import pywrap_tf_session
from tensorflow.python.saved_model import loader_impl

from ..errors import as_serving_error, fault, late

_native: Any = pywrap_tf_session


class Session:
    """A loaded SavedModel; runs only its graph, in C++, and no Python code of the model.

    Attributes:
        signatures: its SignatureDefs, by name.
    """

    def __init__(self, directory: str, intra_op_threads: int = 0, inter_op_threads: int = 0):
        self._graph = tf.Graph()
        config = tf.compat.v1.ConfigProto(
            intra_op_parallelism_threads=intra_op_threads,
            inter_op_parallelism_threads=inter_op_threads,
        )
        self._session = tf.compat.v1.Session(graph=self._graph, config=config)
        try:
            with self._graph.as_default():
                # As tf.compat.v1.saved_model.load, but without its deprecation warning.
                loader = loader_impl.SavedModelLoader(directory)
                meta_graph: Any = loader.load(self._session, [tf.saved_model.SERVING])
            self._session._extend_graph()  # otherwise done at the first request
        except Exception as error:
            self._session.close()
            if isinstance(error, RuntimeError) and "associated with tags" in str(error):
                message = f"{directory} has no graph with the tag 'serve'"
                raise fault("NOT_FOUND", message) from None
            if isinstance(error, OSError):
                message = f"{directory}/saved_model.pb is damaged, or no SavedModel: {error}"
                raise fault("DATA_LOSS", message) from None
            raise as_serving_error(error) from None
        self.signatures: dict[str, Any] = dict(meta_graph.signature_def)
        self._tensors: dict[str, Any] = {}
        self._runs = 0
        self._closing = False
        self._changed = threading.Condition()

    def run(
        self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str], deadline: float | None
    ) -> list[np.ndarray]:
        """Compute tensors, by names such as `StatefulPartitionedCall:0`, in the calling thread.

        The run is aborted at the deadline, a time of `time.monotonic()`; UNAVAILABLE after `close`.
        """
        with self._changed:
            if self._closing:
                raise fault("UNAVAILABLE", "This version is being unloaded")
            self._runs += 1
        options = None
        try:
            fed = {self._tensor(name): array for name, array in feeds.items()}
            fetched = [self._tensor(name) for name in fetches]
            if deadline is not None:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise late()
                # 0 would mean "no limit".
                limit = tf.compat.v1.RunOptions(timeout_in_ms=max(1, int(left * 1000)))
                options = _native.TF_NewBufferFromString(limit.SerializeToString())
            session = self._session._session
            arrays = _native.TF_SessionRun_wrapper(session, options, fed, fetched, [], None)
            return [np.asarray(array) for array in arrays]
        except Exception as error:
            raise as_serving_error(error) from None
        finally:
            if options is not None:
                _native.TF_DeleteBuffer(options)
            with self._changed:
                self._runs -= 1
                self._changed.notify_all()

    def close(self) -> None:
        """Free the model. Runs under way end with an error.

        The Python objects of a graph are 20 MB of reference cycles, so garbage is collected here.
        glibc keeps freed memory between pages in use, so that each newly loaded model would take
        new pages; `malloc_trim` returns it.
        """
        with self._changed:
            self._closing = True
            self._session.close()
            self._changed.wait_for(lambda: self._runs == 0)
        self._tensors.clear()
        del self._session, self._graph
        gc.collect()
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:  # glibc only
            trim(0)

    def _tensor(self, name: str) -> Any:
        if name not in self._tensors:
            try:
                self._tensors[name] = self._graph.get_tensor_by_name(name)._as_tf_output()
            except (KeyError, ValueError):
                message = f"The graph of this model has no tensor {name}"
                raise fault("NOT_FOUND", message) from None
        return self._tensors[name]
