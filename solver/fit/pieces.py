"""Many rows in pieces of about a second: Ctrl-C acts, and a caller is told how far it is.

While TensorFlow runs a graph, Python sees no signal. Rows are independent to the last bit, so the
pieces together are what the whole would be.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

Progress = Callable[[int, int], object]

# How long a piece should take.
_SECONDS = 1.0
# The first piece says little about the speed: its graph may have to be built.
_MOST_GROWTH = 4.0


def as_progress(progress: Any) -> Progress | None:
    """The function `(done, total)` to call, or None.

    Args:
        progress: such a function; True for a line on standard error; False or None for nothing.

    Raises:
        ValueError: for anything else, and inside a graph, which has no pieces.
    """
    if progress is None or progress is False:
        return None
    if progress is not True and not callable(progress):
        raise ValueError(
            "progress must be True, False or a function of two numbers, the rows that are done and "
            f"all rows, got {progress!r}."
        )
    if not tf.executing_eagerly():
        raise ValueError(
            "progress: inside a graph, such as a tf.function, a fit runs in one piece; leave "
            "progress out, or call fit outside."
        )
    if progress is True:
        return show
    return progress


def show(done: int, total: int) -> None:
    """Write how many rows are done over the last such line on standard error."""
    sys.stderr.write(f"\r{done} of {total} rows" + ("\n" if done == total else ""))
    sys.stderr.flush()


def in_pieces(
    function: Callable[..., Any],
    tensors: Sequence[tf.Tensor],
    smallest: int,
    progress: Progress | None = None,
) -> Any:
    """What the function returns, from calls with some of the rows at a time; in a graph with all.

    Args:
        function: takes these tensors and returns a structure of tensors `[B, ...]`, each row of
            which depends on the same row of the tensors alone.
        tensors: `[B, ...]` each.
        smallest: fewer rows than these are not worth a call of their own.
        progress: called after each piece with the rows that are done and all rows.
    """
    if not tf.executing_eagerly():
        return function(*tensors)
    total = len(tensors[0])
    done, rows, parts = 0, smallest, []
    while done < total or not parts:
        rest = total - done
        rows = rest if rest < rows + smallest else rows
        piece = [tensor[done : done + rows] for tensor in tensors] if rows < total else tensors
        began = time.monotonic()
        parts.append(function(*piece))
        elapsed = time.monotonic() - began
        done += rows
        if progress is not None:
            progress(done, total)
        speed_up = min(_SECONDS / max(elapsed, 1e-9), _MOST_GROWTH)
        rows = max(int(rows * speed_up), smallest)
    if len(parts) == 1:
        return parts[0]
    return tf.nest.map_structure(lambda *some: tf.concat(some, axis=0), *parts)
