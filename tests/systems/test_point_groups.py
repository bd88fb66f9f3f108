"""What each point group allows, from its operations."""

import itertools

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.spatial.transform import Rotation

from eigenfit.solver import Spin
from eigenfit.systems import CrystalField
from eigenfit.systems.conventions import term_of
from eigenfit.systems.point_groups import POINT_GROUPS, allowed_terms

from .helpers import affine

TERMS = [(k, q) for k in (2, 4, 6) for q in range(-k, k + 1)]
SPIN = Spin(3)  # the smallest with all ranks; integer, so that a rotation has one matrix
OPERATORS = np.array([SPIN.stevens(k, q) for k, q in TERMS])
NORMS = np.einsum("iab,iab->i", OPERATORS.conj(), OPERATORS).real

Z, Y, X = np.eye(3)[::-1]
DIAGONAL = np.ones(3) / np.sqrt(3)


def turn(axis, order):
    return Rotation.from_rotvec(2 * np.pi / order * np.asarray(axis)).as_matrix()


def mirror(normal):
    return np.eye(3) - 2 * np.outer(normal, normal)


INVERSION = -np.eye(3)
# The generators of each group, in the axes that the documentation states, and its order.
GROUPS = {
    "C1": ([], 1),
    "Ci": ([INVERSION], 2),
    "C2": ([turn(Z, 2)], 2),
    "Cs": ([mirror(Z)], 2),
    "C2h": ([turn(Z, 2), mirror(Z)], 4),
    "D2": ([turn(Z, 2), turn(Y, 2)], 4),
    "C2v": ([turn(Z, 2), mirror(Y)], 4),
    "D2h": ([turn(Z, 2), turn(Y, 2), INVERSION], 8),
    "C4": ([turn(Z, 4)], 4),
    "S4": ([-turn(Z, 4)], 4),
    "C4h": ([turn(Z, 4), mirror(Z)], 8),
    "D4": ([turn(Z, 4), turn(Y, 2)], 8),
    "C4v": ([turn(Z, 4), mirror(Y)], 8),
    "D2d": ([-turn(Z, 4), turn(Y, 2)], 8),
    "D4h": ([turn(Z, 4), turn(Y, 2), INVERSION], 16),
    "C3": ([turn(Z, 3)], 3),
    "S6": ([turn(Z, 3), INVERSION], 6),
    "D3": ([turn(Z, 3), turn(Y, 2)], 6),
    "C3v": ([turn(Z, 3), mirror(Y)], 6),
    "D3d": ([turn(Z, 3), turn(Y, 2), INVERSION], 12),
    "C6": ([turn(Z, 6)], 6),
    "C3h": ([turn(Z, 3), mirror(Z)], 6),
    "C6h": ([turn(Z, 6), mirror(Z)], 12),
    "D6": ([turn(Z, 6), turn(Y, 2)], 12),
    "C6v": ([turn(Z, 6), mirror(Y)], 12),
    "D3h": ([turn(Z, 3), mirror(Z), turn(Y, 2)], 12),
    "D6h": ([turn(Z, 6), turn(Y, 2), INVERSION], 24),
    "T": ([turn(Z, 2), turn(DIAGONAL, 3)], 12),
    "Th": ([turn(Z, 2), turn(DIAGONAL, 3), INVERSION], 24),
    "O": ([turn(Z, 4), turn(DIAGONAL, 3)], 24),
    "Td": ([-turn(Z, 4), turn(DIAGONAL, 3)], 24),
    "Oh": ([turn(Z, 4), turn(DIAGONAL, 3), INVERSION], 48),
}
FREE_AXES = {"Ci": 3, "C2h": 1, "C4h": 1, "S6": 1, "C6h": 1}  # how many angles of the axes


def elements(generators):
    """All operations of the group, by multiplication until nothing new comes."""
    found = [np.eye(3)]
    for element in found:  # grows
        for generator in generators:
            product = generator @ element
            if not any(np.allclose(product, other) for other in found):
                found.append(product)
    return found


def action(operation):
    """How an operation mixes the operators: `[27, 27]`. Even ranks do not feel the inversion."""
    vector = Rotation.from_matrix(operation * np.linalg.det(operation)).as_rotvec()
    unitary = expm(
        -1j * sum(v * getattr(SPIN, axis) for v, axis in zip(vector, "xyz", strict=True))
    )
    turned = unitary @ OPERATORS @ unitary.conj().T
    return np.einsum("iab,jab->ij", OPERATORS.conj(), turned).real / NORMS[:, None]


def test_there_are_32_groups_in_11_classes():
    assert GROUPS.keys() == POINT_GROUPS.keys()
    assert len(GROUPS) == 32
    assert len(set(POINT_GROUPS.values())) == 11


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_allows_what_its_operations_leave_as_it_is(group):
    generators, order = GROUPS[group]
    every = elements(generators)
    assert len(every) == order
    actions = [action(operation) for operation in every]
    found = allowed_terms("test", group, largest=16, free_angles=0)
    for parts in found.values():
        vector = np.array([parts.get(term, 0.0) for term in TERMS])
        for mixing in actions:
            np.testing.assert_allclose(mixing @ vector, vector, atol=1e-10 * abs(vector).max())
    # The dimension of the space of all that is left as it is: no term is missing.
    assert len(found) == round(np.trace(np.mean(actions, axis=0)))
    chosen = allowed_terms("test", group, largest=16, free_angles=3)
    assert len(chosen) == len(found) - FREE_AXES.get(POINT_GROUPS[group], 0)
    assert chosen.keys() <= found.keys()


def parameters_of(matrix):
    return dict(
        zip(TERMS, np.einsum("iab,ab->i", OPERATORS.conj(), matrix).real / NORMS, strict=True)
    )


def turned_to_allowed(matrix, group, free_angles):
    """The matrix in axes in which the terms vanish that are left out."""
    found = parameters_of(matrix)
    if POINT_GROUPS[group] == "Ci" and free_angles == 3:
        # O_22 = x^2 - y^2, O_21 = xz and so on: the tensor of rank 2, and its principal axes.
        b = {q: found[2, q] for q in range(-2, 3)}
        tensor = np.diag([b[2] - b[0], -b[2] - b[0], 2 * b[0]])
        tensor += b[-2] * (np.outer(X, Y) + np.outer(Y, X))
        tensor += b[1] / 2 * (np.outer(X, Z) + np.outer(Z, X))
        tensor += b[-1] / 2 * (np.outer(Y, Z) + np.outer(Z, Y))
        axes = np.linalg.eigh(tensor)[1]
        vector = Rotation.from_matrix(axes * np.linalg.det(axes)).inv().as_rotvec()
    else:
        k, q = {"Ci": (2, 2), "C2h": (2, 2), "C4h": (4, 4), "S6": (4, 3), "C6h": (6, 6)}[
            POINT_GROUPS[group]
        ]
        vector = -np.arctan2(found[k, -q], found[k, q]) / q * Z
    unitary = expm(
        -1j * sum(v * getattr(SPIN, axis) for v, axis in zip(vector, "xyz", strict=True))
    )
    return unitary @ matrix @ unitary.conj().T


@pytest.mark.parametrize("free_angles", [3, 1])
@pytest.mark.parametrize("group", ["C1", "Cs", "S4", "C3", "C3h"])
def test_the_terms_left_out_vanish_in_other_axes(group, free_angles):
    terms = allowed_terms("test", group, largest=6, free_angles=0)
    values = np.random.default_rng(0).normal(size=len(terms))
    matrix = sum(v * SPIN.stevens(*term) for v, term in zip(values, terms, strict=True))
    found = parameters_of(turned_to_allowed(matrix, group, free_angles))
    chosen = allowed_terms("test", group, largest=6, free_angles=free_angles)
    assert len(terms) - len(chosen) == (3 if group == "C1" and free_angles == 3 else 1)
    for term, value in found.items():
        assert abs(value) < 1e-10 or term in chosen, term


def test_parameters_of_a_group_have_its_ties_in_both_conventions():
    """Lea, Leask & Wolf: a cubic field splits J = 4 into 1, 2, 3 and 3 states."""
    for convention, group in itertools.product(("stevens", "wybourne"), ("Oh", "Td", "432")):
        field = CrystalField("Pr3+", point_group=group, convention=convention)
        assert field.parameter_names == ("B40", "B60")
        levels = np.linalg.eigvalsh(np.tensordot([0.3, 0.02], affine(field).basis, 1))
        levels = levels / np.ptp(levels)
        sizes = [len(part) for part in np.split(levels, np.flatnonzero(np.diff(levels) > 1e-9) + 1)]
        assert sorted(sizes) == [1, 2, 3, 3]
    assert CrystalField("Pr3+", point_group="m-3").parameter_names == ("B40", "B60", "B62")


def test_groups_without_and_with_given_axes():
    free = CrystalField("Ho3+", point_group="S4")
    assert free.parameter_names == ("B20", "B40", "B44", "B60", "B64", "B6-4")
    along = CrystalField("Ho3+", point_group="S4", field="z")
    assert along.parameter_names == free.parameter_names
    given = CrystalField("Ho3+", point_group="S4", field="xz")
    assert given.parameter_names == ("B20", "B40", "B44", "B4-4", "B60", "B64", "B6-4")
    assert CrystalField(j=1.5, point_group="C1").parameter_names == ("B20", "B22")
    assert term_of("test", "parameters", "B6-4") == (6, -4)
