"""Several matrices that share one parameter vector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..level_counts import LevelCounts, check_names_of
from .affine.forms import DenseForm
from .affine.symmetry_blocks import Block
from .affine_matrix import affine_of, as_matrices
from .base import Parameterization, check_names
from .blocks import Blocks


class Family(Blocks):
    """Matrices of one parameter vector: k-points, magnetic fields, J blocks, a submatrix.

    The spectrum is that of the first member, then that of the second, and so on, each ascending.
    A name in several members is one shared parameter. The order of the parameters is that in which
    the names appear, member by member, unless `parameter_names` sets it: a parameter that the first
    member lacks comes later. Dicts by name do not depend on the order.

    Members may have names, which `Transitions`, `Levels` and `Matched` take in place of their
    numbers, and which summaries show.

    Attributes:
        names: one name for each member; None if they have none.

    Example:
        >>> spin_up = Affine([[0.5]], [[[1.0]]], parameter_names=["shift"])
        >>> pair = Affine(None, [np.eye(2), [[0, 1], [1, 0]]], parameter_names=["shift", "t"])
        >>> family = Family([spin_up, pair])
        >>> family.parameter_names, family.level_counts
        (('shift', 't'), (1, 2))
        >>> family.spectrum(tf.constant([[1.0, 3.0]])).numpy().round(6).tolist()
        [[1.5, -2.0, 4.0]]
    """

    def __init__(
        self,
        members: Sequence[Parameterization],
        name: str | None = None,
        *,
        parameter_names: Sequence[str] | None = None,
        names: Sequence[str] | None = None,
    ):
        """Set the members.

        Args:
            members: the parameterizations, of equal or different sizes. A matrix `[n, n]` is a
                member without parameters, such as a fixed reference level of transitions.
            name: name of the module.
            parameter_names: all parameter names in the wanted order; when None, in order of
                appearance.
            names: one name for each member, such as `["B=0.5", "B=1"]`; None for no names.

        Raises:
            ValueError: for members of another type, none with parameters, or other names.
        """
        super().__init__(members, name, parameter_names)
        if names is not None:
            names = check_names_of(type(self).__name__, "names", names, len(members), "member")
        self.names: tuple[str, ...] | None = names

    @classmethod
    def affine(
        cls,
        constants: Sequence | np.ndarray | None,
        bases: Sequence | np.ndarray,
        parameter_names: Sequence[str] | None = None,
        name: str | None = None,
        *,
        names: Sequence[str] | None = None,
    ) -> Family:
        """A family of `A0_k + sum_j x_j B_kj`; a parameter may act in some members only.

        Args:
            constants: `[n_k, n_k]` for each member, None for zero; None for all zero.
            bases: `[p, n_k, n_k]` for each member.
            parameter_names: one name for each parameter; `x0, x1, ...` when None.
            name: name of the module.
            names: one name for each member; None for no names.

        Returns:
            The family.

        Raises:
            ValueError: for inconsistent shapes, other names, or a parameter without effect in any
                member.

        Example:
            >>> Family.affine(None, [np.ones([1, 1, 1]), [np.eye(2)]]).level_counts
            (1, 2)
        """
        if not isinstance(bases, (Sequence, np.ndarray)) or not len(bases):
            raise ValueError(
                "Family: bases must be a list with [p, n, n] matrices for each member, got "
                f"{bases!r}."
            )
        checked = [as_matrices(cls.__name__, "bases", basis, rank=3) for basis in bases]
        count = len(checked[0])
        if any(len(basis) != count for basis in checked):
            raise ValueError(
                "Family: bases must have one matrix for each parameter in every member, got "
                f"{[len(basis) for basis in checked]}; use zeros where a parameter does not act."
            )
        idle = [j for j in range(count) if not any(basis[j].any() for basis in checked)]
        if idle:
            raise ValueError(
                f"Family: parameter {idle[0]} has zero matrices in every member; leave it out."
            )
        constants = [None] * len(checked) if constants is None else constants
        if len(constants) != len(checked):
            raise ValueError(
                f"Family: constants must have one matrix or None for each of the {len(checked)} "
                f"members in bases, got {len(constants)}."
            )
        parameter_names = check_names(cls.__name__, parameter_names, count)
        members = []
        for constant, basis in zip(constants, checked, strict=True):
            start = np.zeros(basis.shape[1:]) if constant is None else constant
            start = as_matrices(cls.__name__, "constants", start, rank=2)
            if start.shape != basis.shape[1:]:
                raise ValueError(
                    f"Family: constants and bases must have the same sizes, got {start.shape} "
                    f"beside {basis.shape[1:]}."
                )
            if np.iscomplexobj(start) or np.iscomplexobj(basis):
                start, basis = start.astype(complex), basis.astype(complex)
            members.append(affine_of(DenseForm(start, basis), parameter_names))
        return cls(members, name, names=names)

    @property
    def level_names(self) -> tuple[str | None, ...] | None:
        """The names of the levels, as each member gives them; None where it gives none."""
        pairs = zip(self.level_counts.levels, self.members, strict=True)
        every = [name for names, member in pairs for name in names or (None,) * member.size]
        return None if all(name is None for name in every) else tuple(every)

    @level_names.setter
    def level_names(self, names: Sequence[str] | None) -> None:
        raise ValueError(
            f"{type(self).__name__}: level_names belong to the members; set those of each member, "
            f"got {names!r}."
        )

    @property
    def level_counts(self) -> LevelCounts:
        """The number of levels of each member, with the names of members and levels."""
        sizes = [member.size for member in self.members]
        levels = [member.level_counts.levels[0] for member in self.members]
        return LevelCounts(sizes, self.names, levels)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks of each member; see `Parameterization.blocks`."""
        return tuple(
            block._replace(member=place)
            for place, member in enumerate(self.members)
            for block in member.blocks
        )
