"""The programs that are compared. Each is imported only in the process that it runs in."""

from __future__ import annotations

import importlib

from .base import Peer

#: In the order of the report: name, module and class.
PEERS = {
    "eigenfit": ("eigenfit_peer", "Eigenfit"),
    "SciPy": ("scipy_peer", "Scipy"),
    "optimistix": ("optimistix_peer", "Optimistix"),
    "plain loop": ("plain_loop", "PlainLoop"),
    "lift and projection": ("lift_and_projection", "LiftAndProjectionPeer"),
    "SciPy, all cores": ("scipy_peer", "Scipy"),
    "tutorial": ("tutorial", "Tutorial"),
    "SavedModel": ("saved_model", "SavedModel"),
    "batched eigh": ("batched_eigh", "BatchedEigh"),
}


def load(name: str) -> type[Peer]:
    """The class of a peer; imports what it needs."""
    module, attribute = PEERS[name]
    return getattr(importlib.import_module(f".{module}", __name__), attribute)


def environment(name: str) -> dict[str, str]:
    """What must be set before the process of the peer begins, without importing the peer."""
    # Threads cost more than they gain for one small matrix after the other.
    one = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    return one if name == "SciPy" else {}
