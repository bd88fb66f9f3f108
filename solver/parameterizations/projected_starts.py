"""Starting points for affine structures: one step of lift and projection from random eigenvectors.

Lift and projection (Chen & Chu, SIAM J. Numer. Anal. 33, 1996) alternates between the matrices
with the wanted spectrum and the matrices of the wanted structure. Here a random member of the
structure lends its eigenvectors `V`; `V diag(levels) V^H` is projected on the structure. So a start
has the trace and, as far as the structure allows, the spread of the data, in their unit.
"""

from __future__ import annotations

import functools

import numpy as np

from ..seed import SEED
from .dense_form import DenseForm
from .entry_form import EntryForm

# Different starts cost p * n numbers of graph and n^3 operations at construction each; where that
# would be too dear they repeat.
_MOST_NUMBERS = 2_000_000
_MOST_OPERATIONS = 1e9


@functools.lru_cache(maxsize=16)
def start_maps(
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
    overlaps = np.empty((count, different, sum(sizes)))
    for index in range(different):
        parameters = generator.normal(size=count) / scales
        members = [form.member(parameters) for form in forms]
        factor = norm / np.sqrt(sum(np.linalg.norm(member) ** 2 for member in members))
        overlaps[:, index] = np.concatenate(
            [
                form.expectations(np.linalg.eigh(form.constant + factor * member)[1])
                for form, member in zip(forms, members, strict=True)
            ],
            axis=-1,
        )
    offsets = np.zeros(count)
    for form in forms:
        if form.constant.any():
            flat = form.basis.reshape(count, -1)
            offsets = offsets - np.real(flat.conj() @ form.constant.reshape(-1))
    return _project(forms, overlaps).transpose(1, 0, 2), _project(forms, offsets)


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
