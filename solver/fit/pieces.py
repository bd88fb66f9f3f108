"""Fit many rows in pieces of about a second, for Ctrl-C and progress reports.

While TensorFlow runs a graph, Python handles no signal. Rows are independent to the bit, so the
pieces together equal the whole.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

Progress = Callable[[int, int], object]

# Intended duration of a piece.
_SECONDS = 1.0
# Largest growth from one piece to the next: the time of the first may include building its graph.
_MOST_GROWTH = 4.0


def as_progress(progress: Any) -> Progress | None:
    """The progress callback `(done, total)`, or None.

    Args:
        progress: a function of the finished and all rows, see `in_pieces`; True for a line on
            standard error; False or None for nothing.

    Raises:
        ValueError: for anything else, and inside a graph, which runs in one piece.
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
    """Write the progress on standard error, over the previous such line."""
    sys.stderr.write(f"\r{done} of {total} rows" + ("\n" if done == total else ""))
    sys.stderr.flush()


def in_pieces(
    function: Callable[..., Any],
    tensors: Sequence[tf.Tensor],
    smallest: int,
    progress: Progress | None = None,
) -> Any:
    """Call a function on consecutive slices of the rows and concatenate what it returns.

    Inside a graph it is called once, with all rows.

    Args:
        function: maps these tensors to a structure of tensors `[B, ...]`, row by row.
        tensors: `[B, ...]` each.
        smallest: the least number of rows in a piece.
        progress: called after each piece with the number of finished rows and of all rows. If it
            has a method `take`, that is called before with what the function returned.

    Returns:
        The structure that the function returns, for all rows.
    """
    if not tf.executing_eagerly():
        return function(*tensors)
    total = len(tensors[0])
    take = getattr(progress, "take", None)
    done, rows, parts = 0, smallest, []
    while done < total or not parts:
        rest = total - done
        rows = rest if rest < rows + smallest else rows
        piece = [tensor[done : done + rows] for tensor in tensors] if rows < total else tensors
        began = time.monotonic()
        parts.append(function(*piece))
        elapsed = time.monotonic() - began
        done += rows
        if take is not None:
            take(parts[-1])
        if progress is not None:
            progress(done, total)
        speed_up = min(_SECONDS / max(elapsed, 1e-9), _MOST_GROWTH)
        rows = max(int(rows * speed_up), smallest)
    if len(parts) == 1:
        return parts[0]
    return tf.nest.map_structure(lambda *some: tf.concat(some, axis=0), *parts)
