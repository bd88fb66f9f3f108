"""Starting points for affine structures: one step of lift and projection from random eigenvectors.

Lift and projection (Chen & Chu, SIAM J. Numer. Anal. 33, 1996) alternates between the matrices with
the target spectrum and the matrices of the structure. Here `V diag(levels) V^H`, with the
eigenvectors V of a random matrix of the structure, is projected on the structure. So a start has
the unit of the levels and, as far as the structure allows, their trace.

With few parameters the projections are small and lie close together. So with fewer parameters than
levels, the deviation from the multiple of the identity is scaled until the variance of its levels
is that of the data. (From such starts 99 % of the spectra of six random matrices of size 16 are
matched, from the plain projections 86 %.)

Eigenvectors of large matrices, or of many, are expensive. Their cost is limited to about a tenth of
a second; further starts are random matrices of the structure with the trace and the variance of the
data.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from ...rowwise.axes import new_axis
from ...seed import SEED
from ..constants import captured
from .forms import Form

Forms = tuple[Form, ...]

# Limits of the cost of starts: numbers stored in the graph, and NumPy operations when it is built,
# a few nanoseconds each.
_MOST_NUMBERS = 500_000
_MOST_OPERATIONS = 1e7
# Measured: a decomposition of an n x n matrix costs n^2 (n + this) operations.
_SMALL_SIZES = 40
# Size of the stacks of matrices; NumPy decomposes a stack faster than single matrices.
_NUMBERS_AT_ONCE = 100_000

# The number of structures that share the operations: see `shared_between`.
_sharing = 1


@contextlib.contextmanager
def shared_between(structures: int) -> Iterator[None]:
    """Divide the limit of operations between structures that propose parts of the same starts."""
    global _sharing
    before, _sharing = _sharing, _sharing * structures
    try:
        yield
    finally:
        _sharing = before


def projected_starts(
    forms: Forms, levels: tf.Tensor, attempt: tf.Tensor, attempts: int
) -> tf.Tensor:
    """Parameters of affine matrices whose spectrum is near the levels.

    Args:
        forms: forms of the same parameters, one for each block; usually one.
        levels: `[B, n]`, of all blocks, one after the other.
        attempt: `[B]`, int32, the number of the start.
        attempts: the number of different starts.

    Returns:
        `[B, p]`.
    """
    plan = _plan(forms, attempts, _sharing)
    dtype, projected, others = levels.dtype, len(plan.maps), len(plan.directions)
    means, deviations = _in_blocks(forms, levels)
    middle = _affine(captured(plan, "middle", dtype, plan.middle), means, plan.offsets)
    number = attempt % (projected + others)
    start = middle
    if projected:
        chosen = tf.gather(captured(plan, "maps", dtype, plan.maps), number % projected)
        start = _affine(chosen, levels, plan.offsets)
    if others:
        directions = captured(plan, "directions", dtype, plan.directions)
        direction = tf.gather(directions, (number - projected) % others)
        random = middle + tf.norm(deviations, axis=-1, keepdims=True) * direction
        start = tf.where((number < projected)[:, None], start, random)
    if not plan.gram.size:
        return start
    gram = captured(plan, "gram", dtype, plan.gram)
    scales = tf.constant(plan.scales, dtype)
    return middle + stretch(gram, scales, middle, start, deviations)[:, None] * (start - middle)


@dataclasses.dataclass(frozen=True, eq=False)
class _Plan:
    """Constants from which starts are computed, for the levels t of all blocks.

    Attributes:
        maps: `[K, p, n]`; start k is `maps[k] @ t + offsets`.
        middle: `[p, F]`, the map from the mean levels of the F blocks to the projection of the
            multiples of the identity: `middle @ means + offsets`.
        offsets: `[p]`.
        directions: `[D, p]`, random directions for further starts.
        scales: `[p]`, the norms of the B_j.
        gram: `[1 + p, 1 + p]`, inner products of the traceless parts of A0 and the B_j, the B_j
            scaled by their norms; `[0, 0]` if starts are not scaled.
    """

    maps: np.ndarray
    middle: np.ndarray
    offsets: np.ndarray
    directions: np.ndarray
    scales: np.ndarray
    gram: np.ndarray


def _affine(map_: tf.Tensor, vectors: tf.Tensor, offsets: np.ndarray) -> tf.Tensor:
    return tf.linalg.matvec(map_, vectors) + tf.constant(offsets, vectors.dtype)


def _in_blocks(forms: Forms, levels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The mean level of each block, `[B, F]`, and the levels' deviations from it, `[B, n]`."""
    runs = [(size, len(list(run))) for size, run in itertools.groupby(form.size for form in forms)]
    means, deviations = [], []
    for (size, count), part in zip(
        runs, tf.split(levels, [size * count for size, count in runs], axis=1), strict=True
    ):
        blocks = tf.reshape(part, [-1, count, size])
        mean = tf.reduce_mean(blocks, axis=2)
        means.append(mean)
        deviations.append(tf.reshape(blocks - new_axis(mean, 2), [-1, count * size]))
    return tf.concat(means, axis=1), tf.concat(deviations, axis=1)


def stretch(
    gram: tf.Tensor, scales: tf.Tensor, middle: tf.Tensor, start: tf.Tensor, deviations: tf.Tensor
) -> tf.Tensor:
    """`[B]`, the c that gives the levels of `A(middle + c (start - middle))` the data's variance.

    The squared Frobenius norm of a traceless matrix is the sum of the squared deviations of its
    levels from their mean. 1 if the middle has more variance already, or start and middle agree.

    Args:
        gram: `[1 + p, 1 + p]`, or for each row `[B, 1 + p, 1 + p]`, the inner products of the
            traceless parts of A0 and the `B_j / s_j`.
        scales: `[p]` or `[B, p]`, the s_j.
        middle: `[B, p]`.
        start: `[B, p]`.
        deviations: `[B, n]`, of the wanted levels from their mean in each block.
    """
    dtype = middle.dtype
    at_middle = tf.pad(scales * middle, [[0, 0], [1, 0]], constant_values=1)
    change = tf.pad(scales * (start - middle), [[0, 0], [1, 0]])
    along = tf.linalg.matvec(gram, change)
    square = tf.reduce_sum(change * along, axis=-1)
    product = tf.reduce_sum(at_middle * along, axis=-1)
    rest = tf.reduce_sum(deviations * deviations, axis=-1)
    rest -= tf.reduce_sum(at_middle * tf.linalg.matvec(gram, at_middle), axis=-1)
    # square c^2 + 2 product c = rest has one positive root. Divide by the rest, so that fourth
    # powers of large levels do not overflow.
    epsilon = np.finfo(dtype.as_numpy_dtype).eps
    usable = (rest > 0) & (square > epsilon * rest)
    square, product = square / tf.where(usable, rest, 1.0), product / tf.where(usable, rest, 1.0)
    root = tf.sqrt(product * product + square)
    # Use the form of the root without cancellation.
    plus = tf.math.divide_no_nan(tf.ones_like(root), product + root)
    minus = tf.math.divide_no_nan(root - product, square)
    return tf.where(usable, tf.where(product > 0, plus, minus), 1.0)


@functools.lru_cache(maxsize=16)
def _plan(forms: Forms, attempts: int, sharing: int) -> _Plan:
    """The `_Plan` for up to `attempts` different starts, as many as the limits allow."""
    sizes = [form.size for form in forms]
    count, total = len(forms[0].norms), sum(sizes)
    operations = sum(n * n * (n + _SMALL_SIZES) for n in sizes)
    operations += sum(form.cost_of_expectations for form in forms)
    affordable = min(_MOST_NUMBERS / (count * total), _MOST_OPERATIONS / (operations * sharing))
    projected = min(attempts, int(affordable))
    scales = np.sqrt(sum(form.norms**2 for form in forms))
    stretched = count < total
    none = np.zeros((0, 0))
    gram = _gram(forms, scales) if stretched or len(forms) > 1 else none

    def project(overlaps: np.ndarray) -> np.ndarray:
        """The projection's coordinates `G^-1 b` for overlaps `b_j = Re tr(B_j^H M)`, `[p, ...]`."""
        if len(forms) == 1:
            return forms[0].project(overlaps)
        inverse = np.linalg.pinv(gram[1:, 1:], hermitian=True)
        return np.tensordot(inverse / np.outer(scales, scales), overlaps, 1)

    generator = np.random.default_rng(SEED)
    overlaps = _overlaps(forms, scales, projected, generator)
    by_constant = np.sum([form.overlaps(form.constant) for form in forms], axis=0)
    traces = np.stack([form.traces for form in forms], axis=1)
    further = min(attempts - projected, max(1, _MOST_NUMBERS // (2 * count)))
    directions = generator.normal(size=(further, count))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True) * scales
    return _Plan(
        maps=project(overlaps).transpose(1, 0, 2),
        middle=project(traces),
        offsets=project(-by_constant),
        directions=directions,
        scales=scales,
        gram=_without_traces(gram, forms, scales) if stretched else none,
    )


def _overlaps(
    forms: Forms, scales: np.ndarray, starts: int, generator: np.random.Generator
) -> np.ndarray:
    """`v_k^H B_j v_k`, `[p, starts, n]`, for eigenvectors of random matrices of the structure."""
    sizes, count = [form.size for form in forms], len(scales)
    # Without a constant part the eigenvectors do not depend on the norm.
    norm = np.sqrt(sum(np.linalg.norm(form.constant) ** 2 for form in forms)) or 1.0
    at_once = max(1, _NUMBERS_AT_ONCE // (count * max(sizes) ** 2))
    found = np.zeros((count, starts, sum(sizes)))
    for first in range(0, starts, at_once):
        stacked = min(at_once, starts - first)
        parameters = generator.normal(size=(stacked, count)) / scales
        members = [form.member(parameters) for form in forms]
        square = sum(np.sum(np.abs(member) ** 2, axis=(1, 2)) for member in members)
        factor = (norm / np.sqrt(square))[:, None, None]
        some = [
            form.expectations(np.linalg.eigh(form.constant + factor * member)[1])
            for form, member in zip(forms, members, strict=True)
        ]
        found[:, first : first + stacked] = np.concatenate(some, axis=-1).swapaxes(0, 1)
    return found


def _gram(forms: Forms, scales: np.ndarray) -> np.ndarray:
    """`[1 + p, 1 + p]`, `Re tr(B_i^H B_j)` with `B_0 = A0`, the other B_j scaled to norm 1.

    So small basis matrices are kept by the pseudo-inverse.
    """
    gram = np.zeros((1 + len(scales), 1 + len(scales)))
    for form in forms:
        gram[0, 0] += np.linalg.norm(form.constant) ** 2
        gram[0, 1:] += form.overlaps(form.constant) / scales
        gram[1:, 1:] += form.gram / np.outer(scales, scales)
    gram[1:, 0] = gram[0, 1:]
    return gram


def _without_traces(gram: np.ndarray, forms: Forms, scales: np.ndarray) -> np.ndarray:
    """The inner products of the traceless parts of the matrices."""
    for form in forms:
        traces = np.append(np.trace(form.constant).real, form.traces / scales)
        gram = gram - np.outer(traces, traces) / form.size
    return gram
