"""Can eigenvectors of the last point be refined instead of decomposing the new matrix?

One step of Ogita & Aishima (Japan J. Indust. Appl. Math. 35 (2018) 1007, algorithm 1) for a batch
of real symmetric matrices `A + d E`, from the eigenvectors of `A`, beside `tf.linalg.eigh`: what it
takes, and how far its levels and vectors are from those of NumPy for changes `d` such as the steps
of a fit make.

    .venv/bin/python benchmarks/refinement.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

SIZES = {8: 4096, 16: 1024, 32: 512, 64: 64}
CHANGES = (1e-2, 1e-4, 1e-6)
REPETITIONS = 15


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


def main() -> None:
    generator = np.random.default_rng(0)
    decompose, step = tf.function(tf.linalg.eigh), tf.function(refine)
    for size, rows in SIZES.items():
        matrices = generator.normal(size=(2, rows, size, size)) / np.sqrt(size)
        matrices = matrices + matrices.swapaxes(-1, -2)
        _, old = np.linalg.eigh(matrices[0])
        known, start = tf.constant(matrices[0]), tf.constant(old)
        whole = median_time(lambda a=known: decompose(a)[0].numpy())
        one = median_time(lambda a=known, x=start: step(a, x)[1].numpy())
        print(
            f"n = {size}, {rows} matrices: eigh {1e6 * whole / rows:.1f} us a matrix, one step "
            f"{1e6 * one / rows:.1f} us, ratio {one / whole:.2f}"
        )
        for change in CHANGES:
            moved = matrices[0] + change * matrices[1]
            levels, vectors = np.linalg.eigh(moved)
            found, refined = step(tf.constant(moved), start)
            overlap = np.abs(np.sum(refined.numpy() * vectors, axis=1))
            overlap /= np.linalg.norm(refined.numpy(), axis=1)
            lost = np.sqrt(np.clip(1.0 - overlap**2, 0.0, None)).max(axis=1)
            error = np.abs(np.sort(found.numpy(), axis=1) - levels).max(axis=1)
            good = np.mean(error < 1e-12)
            print(
                f"    change {change:g}: error of levels, median {np.median(error):.1e}, "
                f"largest {error.max():.1e}; of vectors, median {np.median(lost):.1e}; "
                f"levels right to 1e-12 in {100 * good:.0f} % of the matrices"
            )


if __name__ == "__main__":
    main()
