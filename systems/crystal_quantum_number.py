"""The blocks of a crystal field: states that its rotation axis does not mix.

A term O_kq changes M by q. With an axis of order n along z all q are multiples of n, and states mix
only if their M differ by a multiple of n. So mu = M modulo n is conserved, taken above -n/2 and up
to n/2: the crystal quantum number (K. H. Hellwege, Ann. Phys. 439, 95 (1948)).
"""

from __future__ import annotations

from collections.abc import Iterable
from math import gcd

import numpy as np

from ..solver import Affine, Family, Levels, split_by
from .point_groups import Combination


def crystal_blocks(
    owner: str, structure: Affine, combinations: Iterable[Combination], j: float
) -> tuple[Family, Levels]:
    """The blocks of mu >= 0, and the observation of each level once, up to an unknown zero.

    Time reversal takes mu to -mu, so that these two blocks have the same levels. Where mu and -mu
    are the same, as 3/2 and -3/2 are for a threefold axis, the levels of a half-integer J occur
    twice in the block; they are observed as doublets.

    Raises:
        ValueError: if the parameters leave no rotation about z.
    """
    order = gcd(*(abs(q) for parts in combinations for _, q in parts))
    if order == 1:
        raise ValueError(
            f'{owner}: blocks="mu" needs an axis of rotation along z, but with these parameters '
            'terms with all q occur; use blocks="none".'
        )
    moments = j - np.arange(structure.size)
    # Without terms q > 0 every M is by itself.
    order = order or structure.size + 1
    mu = order / 2 - (order / 2 - moments) % order
    family = split_by(structure, {"mu": np.diag(mu)}, keep=lambda mu: mu >= 0)
    kept = np.unique(mu[mu >= 0])
    doubled = (kept == order / 2) & (structure.size % 2 == 0)
    if not doubled.any():
        return family, Levels(relative_to="mean")
    sizes = [
        [2] * (count // 2) if twice else [1] * count
        for count, twice in zip(family.level_counts, doubled, strict=True)
    ]
    return family, Levels(relative_to="mean", multiplicity=sizes)
