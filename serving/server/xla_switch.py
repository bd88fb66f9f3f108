"""Switching XLA off for the whole process, as `tensorflow_model_server` does at its start.

A model that only runs with XLA would fail there; better to see that here first. TensorFlow has no
Python function for this, so the C++ function is called by its name in the library.
"""

from __future__ import annotations

import ctypes
import logging
from pathlib import Path

import tensorflow as tf

_log = logging.getLogger(__name__)
_LIBRARIES = ("libtensorflow_cc.so.2", "libtensorflow_framework.so.2")
_FUNCTION = "_ZN10tensorflow21DisableXlaCompilationEv"


def disable_xla() -> bool:
    """Let functions with `jit_compile=True` fail with `XLA compilation disabled`.

    There is no way back in this process.

    Returns:
        Whether TensorFlow's function was found; a warning is logged if not.
    """
    for name in _LIBRARIES:
        try:
            function = ctypes.CDLL(str(Path(tf.sysconfig.get_lib(), name))).__getattr__(_FUNCTION)
        except (OSError, AttributeError):
            continue
        function.restype = None
        function()
        return True
    _log.warning("Cannot switch XLA off in this TensorFlow; tensorflow_model_server would")
    return False
