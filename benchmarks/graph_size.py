"""`python -m benchmarks.graph_size DIR`: how large the signatures of a SavedModel are, as JSON."""

from __future__ import annotations

import json
import sys

import tensorflow as tf


def sizes(directory: str) -> dict[str, dict[str, int]]:
    """Nodes and bytes of each signature, with the functions that it calls."""
    found = {}
    for name, function in tf.saved_model.load(directory).signatures.items():
        graph = function.graph.as_graph_def()
        nodes = len(graph.node) + sum(len(inner.node_def) for inner in graph.library.function)
        found[name] = {"nodes": nodes, "bytes": graph.ByteSize()}
    return found


if __name__ == "__main__":
    print(json.dumps(sizes(sys.argv[1])))
