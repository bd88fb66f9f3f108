"""The rotor: rotational levels of linear molecules, symmetric and asymmetric tops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from eigenfit.spelling import did_you_mean

from ...solver import Family, Transitions
from ..arguments import check_choice
from .labels import label
from .watson import (
    AXES,
    CONSTANTS,
    class_of,
    labels_of,
    operators,
    symmetric_energy,
    wang_states,
)

Top = Literal["asymmetric", "prolate", "oblate", "linear"]
Reduction = Literal["S", "A"]
Representation = Literal["I^r", "I^l", "II^r", "II^l", "III^r", "III^l"]
Order = Literal["quadratic", "quartic", "sextic"]

_TOPS = ("asymmetric", "prolate", "oblate", "linear")
_ORDERS = ("quadratic", "quartic", "sextic")
_SYMMETRIC = (("DJ", "DJK", "DK"), ("HJ", "HJK", "HKJ", "HK"))


class Rotor(Family):
    """Rotational levels of a molecule, from J = 0 to `max_j`, with centrifugal distortion.

    Asymmetric tops have Watson's Hamiltonian in the S or the A reduction, up to the sixth power of
    the angular momentum; `eigenfit.systems.rotor.operators` writes both out, with their signs. Each
    J is split into its blocks by symmetry: a member is called `J=3 eo` for levels with even Ka and
    odd Kc, and a level `3_12` for J = 3, Ka = 1, Kc = 2 (`12_2_10` from 10 on). Levels of one block
    do not cross, so the names stay right through a fit, for A > B > C.

    Symmetric tops have a level for each J and K >= 0, called `3_2`; those of K and -K are one.
    Linear molecules have one for each J, called `J=3`.

    Observed are lines: the targets are differences of two levels. Pass them as `lines`, or as
    `observation=Transitions(...)` to the solver.

    Example:
        >>> water_like = Rotor(
        ...     max_j=1, order="quadratic", lines=[("1_10", "1_01"), ("1_11", "0_00")]
        ... )
        >>> water_like.parameter_names, water_like.level_unit
        (('A', 'B', 'C'), 'MHz')
        >>> water_like.level_names
        ('0_00', '1_01', '1_11', '1_10')
        >>> solver = SpectralSolver(water_like.with_fixed({"B": 400.0}), initial=[800.0, 200.0])
        >>> fit = solver.fit([[835e3 - 278e3, 835e3 + 278e3]])  # A - C and A + C
        >>> fit.parameters.numpy().round(3).tolist()
        [[835000.0, 278000.0]]
    """

    def __init__(
        self,
        max_j: int,
        top: Top = "asymmetric",
        reduction: Reduction = "S",
        representation: Representation = "I^r",
        parameters: list[str] | None = None,
        order: Order | None = None,
        unit: str = "MHz",
        lines: list[tuple[str, str]] | None = None,
    ):
        """Set the kind of rotor and its constants.

        Args:
            max_j: the largest J of a level.
            top: the kind of rotor: "asymmetric", "prolate", "oblate" or "linear".
            reduction: of an asymmetric top, "S" or "A".
            representation: of an asymmetric top, which principal axes are x, y and z: "I^r" is b,
                c, a; "I^l" is c, b, a; "II^r" is c, a, b; "II^l" is a, c, b; "III^r" is a, b, c;
                "III^l" is b, a, c. The distortion constants depend on it.
            parameters: the constants to fit, the others being zero. In the S reduction A, B, C, DJ,
                DJK, DK, d1, d2, HJ, HJK, HKJ, HK, h1, h2, h3; in the A reduction A, B, C, DeltaJ,
                DeltaJK, DeltaK, deltaJ, deltaK, PhiJ, PhiJK, PhiKJ, PhiK, phiJ, phiJK, phiK. A
                prolate top has A and B, an oblate one C and B, a linear molecule B; then DJ, DJK,
                DK, HJ, HJK, HKJ, HK as far as they apply. All up to `order` when None.
            order: the highest terms: "quadratic" for a rigid rotor, "quartic" or "sextic".
                "quartic" when None.
            unit: of the constants and levels, such as "MHz" or "cm^-1".
            lines: the observed lines (upper level, lower level), such as [("1_10", "1_01")]: what a
                solver observes unless it is told otherwise. None for the levels themselves.

        Raises:
            ValueError: for unknown words, or a constant without effect on levels up to `max_j`.
        """
        owner = type(self).__name__
        if isinstance(max_j, bool) or not isinstance(max_j, (int, np.integer)) or max_j < 1:
            raise ValueError(f"{owner}: max_j must be an integer of at least 1, got {max_j!r}.")
        check_choice(owner, "top", top, _TOPS)
        check_choice(owner, "reduction", reduction, tuple(CONSTANTS))
        check_choice(owner, "representation", representation, tuple(AXES))
        if top != "asymmetric" and (reduction, representation) != ("S", "I^r"):
            raise ValueError(
                f"{owner}: reduction and representation are those of an asymmetric top, but top is "
                f"{top!r}; leave them out."
            )
        known = constants_of(top, reduction)
        names = _chosen(owner, known, parameters, order)
        if top == "asymmetric":
            members = _wang_blocks(int(max_j), reduction, representation, names)
        else:
            members = _diagonal(int(max_j), top, names)
        _check_acting(owner, names, [matrices for _, _, matrices in members], int(max_j))
        made = Family.affine(
            None,
            [matrices for _, _, matrices in members],
            names,
            names=[member for member, _, _ in members],
        )
        for member, (_, levels, _) in zip(made.members, members, strict=True):
            member.level_names = levels
        super().__init__(made.members, parameter_names=names, names=made.names)
        self.max_j, self.top = int(max_j), top
        self.reduction, self.representation = reduction, representation
        self.level_unit = unit
        self.parameter_units = dict.fromkeys(names, unit)
        if lines is not None:
            self.usual_observation = Transitions(lines)


def rotor_of(owner: str, structure: Any) -> Rotor:
    """The rotor itself, of a rotor with fixed, tied or other parameters.

    Raises:
        ValueError: for another structure.
    """
    found = structure
    while not isinstance(found, Rotor):
        found = getattr(found, "inner", None)
        if found is None:
            raise ValueError(
                f"{owner}: rotor must be a Rotor, with fixed parameters or without, got a "
                f"{type(structure).__name__}."
            )
    return found


def constants_of(top: str, reduction: str) -> tuple[tuple[str, ...], ...]:
    """The names of the constants: rotational, of fourth and of sixth power, in this order.

    Args:
        top: the kind of rotor.
        reduction: that of an asymmetric top.
    """
    if top == "asymmetric":
        return CONSTANTS[reduction]
    if top == "linear":
        return ("B",), ("DJ",), ("HJ",)
    return (("A", "B") if top == "prolate" else ("C", "B")), *_SYMMETRIC


def _chosen(owner: str, known: Sequence[Sequence[str]], parameters: Any, order: Any) -> list[str]:
    """The names of the parameters."""
    if parameters is None:
        order = check_choice(owner, "order", "quartic" if order is None else order, _ORDERS)
        return [name for group in known[: _ORDERS.index(order) + 1] for name in group]
    if order is not None:
        raise ValueError(
            f"{owner}: give either parameters or order, got parameters={parameters!r} and "
            f"order={order!r}."
        )
    every = [name for group in known for name in group]
    if isinstance(parameters, str) or not isinstance(parameters, Sequence) or not len(parameters):
        raise ValueError(
            f"{owner}: parameters must be a list of constants, such as {every[:3]}, got "
            f"{parameters!r}."
        )
    for name in parameters:
        if name not in every:
            raise ValueError(
                f"{owner}: parameters: there is no constant {name!r}; the constants of this rotor "
                f"are {', '.join(every)}.{did_you_mean(name, every)}"
            )
    if len(set(parameters)) < len(parameters):
        raise ValueError(
            f"{owner}: parameters must be different constants, got {list(parameters)}."
        )
    return list(parameters)


def _wang_blocks(
    max_j: int, reduction: str, representation: str, names: Sequence[str]
) -> list[tuple[str, list[str], np.ndarray]]:
    """Name, level names and matrices `[p, m, m]` of the blocks of all J."""
    found = []
    for j in range(max_j + 1):
        every = operators(j, reduction, representation)
        matrices = np.array([every[name] for name in names])
        blocks = []
        for (parity, sign), states in wang_states(j).items():
            class_ = class_of(j, parity, sign, representation)
            block = states.T @ matrices @ states
            blocks.append((labels_of(j, *class_), class_, (block + block.swapaxes(1, 2)) / 2))
        # Ascending by their lowest level.
        for pairs, class_, block in sorted(blocks, key=lambda each: each[0][0][0] - each[0][0][1]):
            letters = "".join("eo"[number] for number in class_)
            levels = [label(j, ka, kc) for ka, kc in pairs]
            found.append((f"J={j} {letters}", levels, block))
    return found


def _diagonal(
    max_j: int, top: str, names: Sequence[str]
) -> list[tuple[str, list[str], np.ndarray]]:
    """The same for symmetric tops and linear molecules, whose blocks are single levels."""
    axial = "C" if top == "oblate" else "A"
    found = []
    for j in range(max_j + 1):
        for k in range(1 if top == "linear" else j + 1):
            factors = symmetric_energy(j, k, axial, "B")
            matrices = np.array([[[factors[name]]] for name in names])
            if top == "linear":
                found.append((f"J={j}", [label(j)], matrices))
            else:
                found.append((f"J={j} K={k}", [label(j, k)], matrices))
    return found


def _check_acting(
    owner: str, names: Sequence[str], matrices: Sequence[np.ndarray], max_j: int
) -> None:
    for place, name in enumerate(names):
        if not any(block[place].any() for block in matrices):
            raise ValueError(
                f"{owner}: the constant {name} has no effect on levels up to J = {max_j}; leave it "
                "out of parameters, or raise max_j."
            )
