"""Can eigenvectors of the last point be refined instead of decomposing the new matrix?

One step of Ogita & Aishima (Japan J. Indust. Appl. Math. 35 (2018) 1007, algorithm 1) for a batch
of real symmetric matrices `A + d E`, from the eigenvectors of `A`, beside `tf.linalg.eigh`: what it
takes, and how far its levels and vectors are from those of NumPy for changes `d` such as the steps
of a fit make.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from .. import report
from ..options import Options

TITLE = "Refining eigenvectors instead of decomposing"

SIZES = {8: 4096, 16: 1024, 32: 512, 64: 64}
CHANGES = (1e-2, 1e-4, 1e-6)
REPETITIONS = 15


def run(options: Options) -> dict[str, Any]:
    generator = np.random.default_rng(0)
    decompose, step = tf.function(tf.linalg.eigh), tf.function(refine)
    sizes = {8: SIZES[8]} if options.quick else SIZES
    found = []
    for size, rows in sizes.items():
        matrices = generator.normal(size=(2, rows, size, size)) / np.sqrt(size)
        matrices = matrices + matrices.swapaxes(-1, -2)
        _, old = np.linalg.eigh(matrices[0])
        known, start = tf.constant(matrices[0]), tf.constant(old)
        whole = median_time(lambda a=known: decompose(a)[0].numpy()) / rows
        one = median_time(lambda a=known, x=start: step(a, x)[1].numpy()) / rows
        for change in CHANGES:
            moved = matrices[0] + change * matrices[1]
            levels, vectors = np.linalg.eigh(moved)
            refined_levels, refined = step(tf.constant(moved), start)
            overlap = np.abs(np.sum(refined.numpy() * vectors, axis=1))
            overlap /= np.linalg.norm(refined.numpy(), axis=1)
            lost = np.sqrt(np.clip(1.0 - overlap**2, 0.0, None)).max(axis=1)
            error = np.abs(np.sort(refined_levels.numpy(), axis=1) - levels).max(axis=1)
            found.append(
                {
                    "size": size,
                    "change": change,
                    "eigh": whole,
                    "step": one,
                    "levels": np.median(error),
                    "vectors": np.median(lost),
                    "right": np.mean(error < 1e-12),
                }
            )
    return {"measurements": found}


def text(result: dict[str, Any]) -> str:
    lines = [
        [
            str(each["size"]),
            report.seconds(each["eigh"]),
            f"{each['step'] / each['eigh']:.2f}",
            f"{each['change']:g}",
            f"{each['levels']:.1e}",
            f"{each['vectors']:.1e}",
            report.percent(each["right"]),
        ]
        for each in result["measurements"]
    ]
    head = ["n", "eigh, a matrix", "one step over it", "change of the matrix"]
    head += ["error of levels", "of vectors", "levels right to 1e-12"]
    return "Errors are medians.\n\n" + report.table(head, lines)


def refine(matrix: tf.Tensor, vectors: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Levels `[B, n]` and eigenvectors `[B, n, n]` from near ones; four products of matrices."""
    size = matrix.shape[-1]
    identity = tf.eye(size, dtype=matrix.dtype)
    defect = identity - tf.matmul(vectors, vectors, transpose_a=True)
    inner = tf.matmul(vectors, tf.matmul(matrix, vectors), transpose_a=True)
    levels = tf.linalg.diag_part(inner) / (1.0 - tf.linalg.diag_part(defect))
    distance = levels[:, None, :] - levels[:, :, None]
    close = tf.abs(distance) < 1e-8 * tf.reduce_max(tf.abs(levels), axis=-1)[:, None, None]
    safe = tf.where(close, tf.ones_like(distance), distance)
    change = (inner + levels[:, None, :] * defect) / safe
    change = tf.where(close, 0.5 * defect, change)
    return levels, vectors + tf.matmul(vectors, change)


def median_time(call: Callable[[], object]) -> float:
    """Seconds."""
    times = []
    for _ in range(REPETITIONS + 2):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times[2:])
