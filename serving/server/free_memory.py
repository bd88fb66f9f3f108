"""Memory that an unloaded model leaves behind goes back to the system."""

from __future__ import annotations

import ctypes
import gc


def free_memory() -> None:
    """Collect garbage, and have the C library return the pages that are free.

    The Python side of a graph is 20 MB of nodes that refer to each other. They would wait for a
    full collection, which is rare in a server that makes little garbage. The C library (glibc)
    keeps what is freed between pages in use, so that each model loaded anew would take new ones.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # another C library has nothing of the kind
        trim(0)
