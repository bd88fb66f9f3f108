"""`python -m benchmarks.first_answer PEER`: one row in a new process, the stages timed, as JSON."""

from __future__ import annotations

import json
import sys
import time


def main() -> None:
    began = time.perf_counter()
    # What a program of the peer imports is part of its time, so nothing is imported before.
    from . import peers
    from .problems import draw, toeplitz

    peer = peers.load(sys.argv[1])()
    imported = time.perf_counter()
    problem = toeplitz(8)
    task = draw(problem, 1)
    drawn = time.perf_counter()
    peer.prepare(problem)
    prepared = time.perf_counter()
    peer.solve(*task)
    first = time.perf_counter()
    peer.solve(*task)
    second = time.perf_counter()
    stages = {
        "import": imported - began,
        "prepare": prepared - drawn,
        "first": first - prepared,
        "second": second - first,
    }
    print(json.dumps(stages))


if __name__ == "__main__":
    main()
