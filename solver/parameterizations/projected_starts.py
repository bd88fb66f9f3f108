"""Starting points for affine structures: one step of lift and projection from random eigenvectors.

Lift and projection (Chen & Chu, SIAM J. Numer. Anal. 33, 1996) alternates between the matrices
with the wanted spectrum and the matrices of the wanted structure. Here a random member of the
family lends its eigenvectors `V`; `V diag(levels) V^H` is projected on the family. So a start has
the trace and, as far as the structure allows, the spread of the data, in their unit.
"""

from __future__ import annotations

import functools

import numpy as np

from .base import SEED
from .dense_form import DenseForm
from .entry_form import EntryForm

# Different starts cost p * n numbers of graph and n^3 operations at construction each; where that
# would be too dear they repeat.
_MOST_NUMBERS = 2_000_000
_MOST_OPERATIONS = 1e9


@functools.lru_cache(maxsize=16)
def start_maps(form: EntryForm | DenseForm, attempts: int) -> tuple[np.ndarray, np.ndarray]:
    """The projection as constant matrices that act on the levels.

    Args:
        form: the affine map.
        attempts: how many different starts there shall be.

    Returns:
        `[K, p, n]` and `[p]`: start k from levels t is `maps[k] @ t + offsets`; K is at least 1
        and at most `attempts`.
    """
    size, count = len(form.constant), len(form.norms)
    affordable = min(_MOST_NUMBERS / (count * size), _MOST_OPERATIONS / size**3)
    different = int(np.clip(affordable, 1, attempts))
    generator = np.random.default_rng(SEED)
    # Without a constant part the eigenvectors do not depend on the size of the member.
    norm = np.linalg.norm(form.constant) or 1.0
    overlaps = np.empty((count, different, size))
    for index in range(different):
        member = form.member(generator.normal(size=count) / form.norms)
        member *= norm / np.linalg.norm(member)
        overlaps[:, index] = form.expectations(np.linalg.eigh(form.constant + member)[1])
    offsets = np.zeros(count)
    if form.constant.any():
        flat = form.basis.reshape(count, -1)
        offsets = -form.project(np.real(flat.conj() @ form.constant.reshape(-1)))
    return form.project(overlaps).transpose(1, 0, 2), offsets
