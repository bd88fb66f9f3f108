"""Block-diagonal matrices, decomposed block by block."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ..seed import SEED
from .affine.forms import Form, block_diagonal
from .affine.symmetry_blocks import Block
from .base import Parameterization
from .blocks import Blocks
from .ordering import SortedVectors, ascending, back_in_blocks, in_order
from .weighted_levels import WeightedLevels


class BlockDiagonal(Blocks):
    """A block-diagonal matrix, with one ascending spectrum of all blocks.

    For matrices that a symmetry decouples; each block is decomposed by itself. In a `Family` each
    member has a spectrum of its own instead.

    Example:
        >>> even = Affine(None, [[[2.0]]], parameter_names=["a"])
        >>> odd = Affine(None, [[[0, 1], [1, 0]]], parameter_names=["b"])
        >>> matrix = BlockDiagonal([even, odd])
        >>> matrix.spectrum(tf.constant([[1.0, 3.0]])).numpy().round(6).tolist()
        [[-3.0, 2.0, 3.0]]
    """

    _argument = "blocks"

    def __init__(
        self, blocks: Sequence[Parameterization], shared: bool = False, name: str | None = None
    ):
        """Set the blocks.

        Args:
            blocks: the parameterizations, from the upper left to the lower right. A matrix `[n, n]`
                is a block without parameters.
            shared: whether a name in several blocks is one shared parameter; otherwise it is an
                error.
            name: name of the module.

        Raises:
            ValueError: for blocks of another type, none with parameters, or a repeated name.
        """
        super().__init__(blocks, name)
        given = [block for block in blocks if isinstance(block, Parameterization)]
        every = [name for block in given for name in block.parameter_names]
        twice = sorted({name for name in every if every.count(name) > 1})
        if twice and not shared:
            raise ValueError(
                f"BlockDiagonal: the parameter names {twice} stand in several blocks; pass "
                "parameter_names to the blocks, or shared=True if they are the same parameters."
            )

    def as_affine(self) -> Form | None:
        """The matrix if all blocks are affine and small; see `Parameterization.as_affine`."""
        forms = [form for form in self.forms if form is not None]
        if len(forms) < len(self.members):
            return None
        return block_diagonal(forms)

    @property
    def level_signs(self) -> np.ndarray:
        """`[n]`, the signs of all blocks, ascending; all NaN if any is unknown."""
        signs = np.sort(super().level_signs)
        return np.full_like(signs, np.nan) if np.isnan(signs).any() else signs

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks of each given block; see `Parameterization.blocks`."""
        return tuple(
            block._replace(states=tuple(first + state for state in block.states))
            for first, member in zip(self._first, self.members, strict=False)
            for block in member.blocks
        )

    def eigensystem(self, parameters: tf.Tensor) -> tuple[tf.Tensor, SortedVectors, tf.Tensor]:
        """The levels of all blocks, ascending; see `Parameterization.eigensystem`."""
        values, vectors, finite = super().eigensystem(parameters)
        levels, order = ascending(values)
        return levels, SortedVectors(vectors, order), finite

    def spectrum(self, parameters: tf.Tensor) -> tf.Tensor:
        """The levels of all blocks, ascending; see `Parameterization.spectrum`."""
        levels = super().spectrum(parameters)
        order = tf.argsort(tf.stop_gradient(levels), axis=1, stable=True)
        return in_order(levels, order)

    def level_jacobian(self, parameters: tf.Tensor, eigenvectors: SortedVectors) -> tf.Tensor:
        """The derivatives of the levels; see `Parameterization.level_jacobian`."""
        slopes = super().level_jacobian(parameters, eigenvectors.blocks)
        return in_order(slopes, eigenvectors.order)

    def level_curvature(
        self, parameters: tf.Tensor, eigenvectors: SortedVectors, levels: WeightedLevels
    ) -> tf.Tensor:
        """The sum over the blocks; see `Parameterization.level_curvature`."""
        levels = back_in_blocks(eigenvectors.order, levels)
        return super().level_curvature(parameters, eigenvectors.blocks, levels)

    def starting_points(self, levels: tf.Tensor, attempt: tf.Tensor, attempts: int) -> tf.Tensor:
        """Distribute the levels over the blocks at random, the same for every row."""
        generator = np.random.default_rng(SEED)
        sizes = [block.size for block in self.members]
        dealt = np.stack(
            [
                np.concatenate([np.sort(hand) for hand in _deal(generator, sizes)])
                for _ in range(attempts)
            ]
        )
        table = tf.gather(tf.constant(dealt, tf.int32), attempt % attempts)
        shared_out = tf.gather(levels, table, axis=1, batch_dims=1)
        return super().starting_points(shared_out, attempt, attempts)


def _deal(generator: np.random.Generator, sizes: list[int]) -> list[np.ndarray]:
    return np.split(generator.permutation(sum(sizes)), np.cumsum(sizes)[:-1])
