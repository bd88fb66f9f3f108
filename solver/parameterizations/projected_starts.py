"""Starting points for affine structures: one step of lift and projection from random eigenvectors.

Lift and projection (Chen & Chu, SIAM J. Numer. Anal. 33, 1996) alternates between the matrices
with the wanted spectrum and the matrices of the wanted structure. Here a random member of the
structure lends its eigenvectors `V`; `V diag(levels) V^H` is projected on the structure. So a start
has the trace of the data as far as the structure allows, in their unit.

A structure of few parameters catches little of such a matrix, and all projections lie close
together. So where there are fewer parameters than levels, what differs from the mean level is
stretched until the levels have the variance that they have in the data. (From starts like
these 99 % of the spectra of six random matrices of size 16 are matched, from projections as they
are 86 %.)
"""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

from ..seed import SEED
from .dense_form import DenseForm
from .entry_form import EntryForm

# Different starts cost p * n numbers of graph and n^3 operations at construction each; where that
# would be too dear they repeat.
_MOST_NUMBERS = 2_000_000
_MOST_OPERATIONS = 1e9
# NumPy decomposes a stack of matrices quicker than one after the other.
_NUMBERS_AT_ONCE = 100_000


def projected_starts(
    forms: tuple[EntryForm | DenseForm, ...],
    levels: tf.Tensor,
    attempt: tf.Tensor,
    attempts: int,
) -> tf.Tensor:
    """Members whose spectrum is near the levels.

    Args:
        forms: the affine maps of the same parameters, one for each block; most often one.
        levels: `[B, n]`, of all blocks, one after the other.
        attempt: `[B]`, int32, the number of the start.
        attempts: how many different starts there shall be.

    Returns:
        `[B, p]`.
    """
    maps, offsets = _start_maps(forms, attempts)
    chosen = tf.gather(tf.constant(maps, levels.dtype), attempt % len(maps))
    constant = tf.constant(offsets, levels.dtype)
    start = tf.linalg.matvec(chosen, levels) + constant
    if len(offsets) >= levels.shape[1]:
        return start
    middle = tf.linalg.matvec(chosen, _means(forms, levels)) + constant
    return middle + _stretch(forms, middle, start, levels)[:, None] * (start - middle)


def _means(forms: tuple[EntryForm | DenseForm, ...], levels: tf.Tensor) -> tf.Tensor:
    """The mean level of each block in the place of its levels, `[B, n]`."""
    blocks = tf.split(levels, [len(form.constant) for form in forms], axis=1)
    mean = [tf.reduce_mean(block, axis=1, keepdims=True) + tf.zeros_like(block) for block in blocks]
    return tf.concat(mean, axis=1)


def _stretch(
    forms: tuple[EntryForm | DenseForm, ...], middle: tf.Tensor, start: tf.Tensor, levels: tf.Tensor
) -> tf.Tensor:
    """`[B]`, the number c that gives `A(middle + c (start - middle))` the variance of the levels.

    The squared Frobenius norm of a matrix is the sum of the squares of its levels; without its
    trace, of their deviations from the mean. 1 where the middle has more than that already, or the
    start is no other than the middle.
    """
    deviations = levels - _means(forms, levels)
    square, product, rest = 0.0, 0.0, tf.reduce_sum(deviations * deviations, axis=-1)
    for form in forms:
        at_middle, at_start = _traceless(form.matrix(middle)), _traceless(form.matrix(start))
        change = at_start - at_middle
        square += _inner(change, change)
        product += _inner(at_middle, change)
        rest -= _inner(at_middle, at_middle)
    # square c^2 + 2 product c = rest has one positive root. Divided by the rest, so that fourth
    # powers of large levels do not overflow.
    epsilon = np.finfo(levels.dtype.as_numpy_dtype).eps
    usable = (rest > 0) & (square > epsilon * rest)
    square, product = square / tf.where(usable, rest, 1.0), product / tf.where(usable, rest, 1.0)
    root = tf.sqrt(product * product + square)
    # Of its two forms the one that does not cancel.
    plus = tf.math.divide_no_nan(tf.ones_like(root), product + root)
    minus = tf.math.divide_no_nan(root - product, square)
    return tf.where(usable, tf.where(product > 0, plus, minus), 1.0)


def _traceless(matrix: tf.Tensor) -> tf.Tensor:
    """The matrices `[B, n, n]` less the mean of their levels."""
    diagonal = tf.linalg.diag_part(matrix)
    return tf.linalg.set_diag(matrix, diagonal - tf.reduce_mean(diagonal, axis=-1, keepdims=True))


def _inner(one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
    """`Re tr(A^H B)` of each row."""
    return tf.math.real(tf.reduce_sum(tf.math.conj(one) * other, axis=[1, 2]))


@functools.lru_cache(maxsize=16)
def _start_maps(
    forms: tuple[EntryForm | DenseForm, ...], attempts: int
) -> tuple[np.ndarray, np.ndarray]:
    """The projection as constant matrices that act on the levels.

    Args:
        forms: the affine maps of the same parameters, one for each block; most often one.
        attempts: how many different starts there shall be.

    Returns:
        `[K, p, n]` and `[p]`: start k from the levels t of all blocks is `maps[k] @ t + offsets`;
        K is at least 1 and at most `attempts`.
    """
    sizes = [len(form.constant) for form in forms]
    count = len(forms[0].norms)
    affordable = min(
        _MOST_NUMBERS / (count * sum(sizes)), _MOST_OPERATIONS / sum(n**3 for n in sizes)
    )
    different = int(np.clip(affordable, 1, attempts))
    generator = np.random.default_rng(SEED)
    scales = np.sqrt(sum(form.norms**2 for form in forms))
    # Without a constant part the eigenvectors do not depend on the size of the member.
    norm = np.sqrt(sum(np.linalg.norm(form.constant) ** 2 for form in forms)) or 1.0
    at_once = max(1, _NUMBERS_AT_ONCE // (count * max(sizes) ** 2))
    overlaps = []
    for first in range(0, different, at_once):
        stacked = min(at_once, different - first)
        parameters = generator.normal(size=(stacked, count)) / scales
        members = [form.member(parameters) for form in forms]
        square = sum(np.sum(np.abs(member) ** 2, axis=(1, 2)) for member in members)
        factor = (norm / np.sqrt(square))[:, None, None]
        some = [
            form.expectations(np.linalg.eigh(form.constant + factor * member)[1])
            for form, member in zip(forms, members, strict=True)
        ]
        overlaps.append(np.concatenate(some, axis=-1))
    offsets = np.zeros(count)
    for form in forms:
        if form.constant.any():
            flat = form.basis.reshape(count, -1)
            offsets = offsets - np.real(flat.conj() @ form.constant.reshape(-1))
    by_parameter = np.concatenate(overlaps).transpose(1, 0, 2)
    return _project(forms, by_parameter).transpose(1, 0, 2), _project(forms, offsets)


def _project(forms: tuple[EntryForm | DenseForm, ...], overlaps: np.ndarray) -> np.ndarray:
    """Coordinates of the nearest member for overlaps `Re tr(B_j^H M)` of shape `[p, ...]`."""
    if len(forms) == 1:
        return forms[0].project(overlaps)
    norms = np.sqrt(sum(form.norms**2 for form in forms))
    gram = np.zeros((len(norms), len(norms)))
    for form in forms:
        # In units of the norms, so that small basis matrices are not taken for zero.
        flat = (form.basis / norms[:, None, None]).reshape(len(norms), -1)
        gram += np.real(flat.conj() @ flat.T)
    inverse = np.linalg.pinv(gram, hermitian=True)
    return np.tensordot(inverse / np.outer(norms, norms), overlaps, 1)
