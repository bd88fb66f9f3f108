"""Families against NumPy on their members, one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize
import tensorflow as tf

from eigenfit.solver import (
    Additive,
    Affine,
    BlockDiagonal,
    Family,
    Generalized,
    Levels,
    Multiplicative,
    Nonlinear,
    Parameterization,
    SpectralSolver,
    Spin,
    Status,
    Symmetric,
    Toeplitz,
    Transitions,
)
from eigenfit.solver.fit.graphs import _any_degenerate
from eigenfit.solver.parameterizations.affine import forms, stack
from eigenfit.solver.parameterizations.weighted_levels import WeightedLevels
from tests.problems.given_matrices import random_hermitian

from ..helpers import (
    assert_rows_of_structure_are_independent,
    finite_differences,
    tape_hessian,
    tape_jacobian,
)

REAL = random_hermitian(3, 3, seed=1)
COMPLEX = random_hermitian(3, 3, seed=2, complex_entries=True)
SMALL = random_hermitian(3, 2, seed=3, complex_entries=True)
POSITIVE = REAL[1] @ REAL[1] + np.eye(3)


def affine(matrices: np.ndarray, *names: str) -> Affine:
    return Affine(matrices[0], matrices[1 : 1 + len(names)], parameter_names=names)


SPIN = Spin(1)
FIELDS = np.random.default_rng(7).normal(size=(7, 3))
ZERO_FIELD = SPIN.z @ SPIN.z
MANY = random_hermitian(6 * 3, 10, seed=8).reshape(6, 3, 10, 10)
MANY_COMPLEX = random_hermitian(5 * 3, 4, seed=9, complex_entries=True).reshape(5, 3, 4, 4)
ENTRIES = Symmetric(4).basis
PARITY = MANY * np.equal(*(index % 2 for index in np.indices((10, 10))))


TURNED = [
    b * (SPIN.x.real if k % 2 else SPIN.z.real)
    for k, b in enumerate([0.3, -1.2, 2.0, 0.7, 1.1, -0.4])
]


def in_fields(fields: np.ndarray) -> list[Affine]:
    """A spin in magnetic fields along x, y and z."""
    zeeman = (SPIN.x, SPIN.y, SPIN.z)
    return [
        Affine(None, [ZERO_FIELD, *(b * s for b, s in zip(field, zeeman, strict=True))])
        for field in fields
    ]


def in_fields_by_hand(d: float, *g: float) -> list[np.ndarray]:
    moments = [a * s for a, s in zip(g, (SPIN.x, SPIN.y, SPIN.z), strict=True)]
    return [d * ZERO_FIELD + np.tensordot(field, moments, 1) for field in FIELDS]


def of_each(matrices: np.ndarray, *names: str) -> list[Affine]:
    return [affine(member, *names) for member in matrices]


def of_each_by_hand(matrices: np.ndarray, *x: float) -> list[np.ndarray]:
    return [member[0] + np.tensordot(x, member[1:], 1) for member in matrices]


def bent(x: tf.Tensor) -> tf.Tensor:
    a, b = tf.unstack(x, axis=-1)
    rows = [[a, tf.sin(b)], [tf.sin(b), -a * b]]
    return tf.stack([tf.stack(row, -1) for row in rows], -2)


def bent_by_hand(a: float, b: float) -> np.ndarray:
    return np.array([[a, np.sin(b)], [np.sin(b), -a * b]])


def chain(m: np.ndarray) -> np.ndarray:
    root = np.diag(np.sqrt(m))
    return root @ POSITIVE @ root


def scaled(factor: np.ndarray, *m: float) -> np.ndarray:
    root = np.diag(np.sqrt(m))
    return root @ factor @ root


def in_field(x: tf.Tensor) -> tf.Tensor:
    u, v, b = tf.unstack(x, axis=-1)
    return bent(tf.stack([u * b, v + b * b], -1))


def in_field_by_hand(u: float, v: float, b: float) -> np.ndarray:
    return bent_by_hand(u * b, v + b * b)


IN_FIELD = Nonlinear(in_field, 2, 3, ["u", "v", "B"])
DEFINITE = np.array([3 * np.eye(3), 4 * np.eye(3), 5 * np.eye(3)]) + MANY[:3, 0, :3, :3] / 4


def diagonal(*names: str) -> Affine:
    return Affine(None, [np.diag(row) for row in np.eye(len(names))], parameter_names=names)


def whitened(k: np.ndarray, m: np.ndarray) -> np.ndarray:
    inverse = np.linalg.inv(np.linalg.cholesky(m))
    return inverse @ k @ inverse.conj().T


# Each: members, and their matrices by hand for the parameters in the order of first appearance.
FAMILIES: dict[str, tuple[Any, Any]] = {
    "equal sizes": (
        lambda: [affine(REAL, "a", "b"), affine(REAL[[1, 0, 2]], "c", "a")],
        lambda a, b, c: [
            REAL[0] + a * REAL[1] + b * REAL[2],
            REAL[1] + c * REAL[0] + a * REAL[2],
        ],
    ),
    "different sizes, real and complex": (
        lambda: [affine(SMALL, "b"), affine(REAL, "a", "b"), affine(COMPLEX * 0.5, "a")][:2],
        lambda b, a: [SMALL[0] + b * SMALL[1], REAL[0] + a * REAL[1] + b * REAL[2]],
    ),
    "real beside complex of equal size": (
        lambda: [affine(REAL, "a", "b"), affine(COMPLEX, "a", "c")],
        lambda a, b, c: [
            REAL[0] + a * REAL[1] + b * REAL[2],
            COMPLEX[0] + a * COMPLEX[1] + c * COMPLEX[2],
        ],
    ),
    "structures": (
        lambda: [
            Toeplitz(3).with_fixed({"r2": 0.2}),
            Symmetric(2, parameter_names=["r0", "s", "t"]),
        ],
        lambda r0, r1, s, t: [
            np.array([[r0, r1, 0.2], [r1, r0, r1], [0.2, r1, r0]]),
            by_entries(r0, s, t),
        ],
    ),
    "nonlinear": (
        lambda: [Nonlinear(bent, 2, 2, ["u", "v"]), Symmetric(2, parameter_names=["u", "s", "t"])],
        lambda u, v, s, t: [bent_by_hand(u, v), by_entries(u, s, t)],
    ),
    "multiplicative": (
        lambda: [Multiplicative(POSITIVE), affine(REAL, "m0", "z")],
        lambda m0, m1, m2, z: [
            chain(np.array([m0, m1, m2])),
            REAL[0] + m0 * REAL[1] + z * REAL[2],
        ],
    ),
    "multiplicative beside complex": (
        lambda: [Multiplicative(POSITIVE), affine(COMPLEX, "m0", "z")],
        lambda m0, m1, m2, z: [
            chain(np.array([m0, m1, m2])),
            COMPLEX[0] + m0 * COMPLEX[1] + z * COMPLEX[2],
        ],
    ),
    "nonlinear beside complex": (
        lambda: [Nonlinear(bent, 2, 2, ["u", "v"]), affine(SMALL, "u")],
        lambda u, v: [bent_by_hand(u, v), SMALL[0] + u * SMALL[1]],
    ),
    "generalized": (
        lambda: [Generalized(affine(REAL, "a"), 3 * np.eye(3) + REAL[2]), affine(REAL, "a", "b")],
        lambda a, b: [
            whitened(REAL[0] + a * REAL[1], 3 * np.eye(3) + REAL[2]),
            REAL[0] + a * REAL[1] + b * REAL[2],
        ],
    ),
    "blocks in a member": (
        lambda: [
            BlockDiagonal([affine(SMALL, "a"), Affine(None, [[[1.0]]], ["d"])]),
            affine(REAL, "a", "b"),
        ],
        lambda a, d, b: [
            np.block(
                [
                    [SMALL[0] + a * SMALL[1], np.zeros((2, 1))],
                    [np.zeros((1, 2)), np.full((1, 1), d)],
                ]
            ),
            REAL[0] + a * REAL[1] + b * REAL[2],
        ],
    ),
    "a sum and a multiple": (
        lambda: [2.0 * affine(REAL, "a") + Additive(REAL[2]), affine(REAL, "a", "b")],
        lambda a, x0, x1, x2, b: [
            2.0 * (REAL[0] + a * REAL[1]) + REAL[2] + np.diag([x0, x1, x2]),
            REAL[0] + a * REAL[1] + b * REAL[2],
        ],
    ),
}
FAMILIES |= {
    "one operator in many fields": (lambda: in_fields(FIELDS), in_fields_by_hand),
    "many members with matrices of their own": (
        lambda: of_each(MANY, "a", "b"),
        lambda *x: of_each_by_hand(MANY, *x),
    ),
    "many small complex members": (
        lambda: of_each(MANY_COMPLEX, "a", "b"),
        lambda *x: of_each_by_hand(MANY_COMPLEX, *x),
    ),
    "two orientations, and constants of their own": (
        lambda: [
            Affine(MANY[k, 0, :3, :3], [ZERO_FIELD.real, moment], ["d", "g"])
            for k, moment in enumerate(TURNED)
        ],
        lambda d, g: [
            MANY[k, 0, :3, :3] + d * ZERO_FIELD.real + g * moment for k, moment in enumerate(TURNED)
        ],
    ),
    "members that symmetry splits, and one that it does not": (
        lambda: [*of_each(PARITY[:3], "a", "b"), affine(MANY[3], "b", "a")],
        lambda a, b: [
            *of_each_by_hand(PARITY[:3], a, b),
            *of_each_by_hand(MANY[3:4], b, a),
        ],
    ),
    "sizes in turn, some alike": (
        lambda: [affine(REAL, "a"), affine(MANY[0], "a", "b"), affine(REAL, "a"), *in_two("b")],
        lambda a, b: [
            REAL[0] + a * REAL[1],
            *of_each_by_hand(MANY[:1], a, b),
            REAL[0] + a * REAL[1],
            *of_each_by_hand(MANY_COMPLEX[:, ::2, :2, :2][:2], b),
        ],
    ),
    "structures of one kind": (
        lambda: [
            Toeplitz(9),
            Toeplitz(9, parameter_names=["s", *(f"r{k}" for k in range(1, 9))]),
            Toeplitz(9, parameter_names=["r8", *(f"r{k}" for k in range(8))]),
        ],
        lambda *x: [
            by_diagonals(*x[:9]),
            by_diagonals(x[9], *x[1:9]),
            by_diagonals(x[8], *x[:8]),
        ],
    ),
    "a constant member and one without effect": (
        lambda: [affine(REAL, "a", "b"), [[2.5]], POSITIVE, affine(REAL[[1, 0, 2]], "b")],
        lambda a, b: [
            REAL[0] + a * REAL[1] + b * REAL[2],
            np.array([[2.5]]),
            POSITIVE,
            REAL[1] + b * REAL[0],
        ],
    ),
    "a constant beside functions": (
        lambda: [Nonlinear(bent, 2, 2, ["u", "v"]), COMPLEX[0]],
        lambda u, v: [bent_by_hand(u, v), COMPLEX[0]],
    ),
    "entries with constants of their own": (
        lambda: [Affine(member[0], ENTRIES) for member in MANY[:, :, :4, :4]],
        lambda *x: [member[0] + np.tensordot(x, ENTRIES, 1) for member in MANY[:, :, :4, :4]],
    ),
}
FAMILIES |= {
    "one function, fixed and tied differently": (
        lambda: [
            IN_FIELD.with_fixed({"B": 0.3}),
            IN_FIELD.with_fixed({"B": -1.1}),
            IN_FIELD.with_tied({"B": ("v", 2.0)}),
            Nonlinear(in_field, 2, 3, ["B", "u", "v"]),
        ],
        lambda u, v, b: [
            in_field_by_hand(u, v, 0.3),
            in_field_by_hand(u, v, -1.1),
            in_field_by_hand(u, v, 2.0 * v),
            in_field_by_hand(b, u, v),
        ],
    ),
    "stiffnesses with masses given": (
        lambda: [
            Generalized(affine(m, *names), DEFINITE[k])
            for k, (m, names) in enumerate(
                zip(MANY[:3, :, :3, :3], ("ab", "bc", "ab"), strict=True)
            )
        ],
        lambda a, b, c: [
            whitened(m[0] + np.tensordot(x, m[1:], 1), DEFINITE[k])
            for k, (m, x) in enumerate(
                zip(MANY[:3, :, :3, :3], ((a, b), (b, c), (a, b)), strict=True)
            )
        ],
    ),
    "masses with stiffnesses given": (
        lambda: [Generalized(k, diagonal("x", "y", "z")) for k in (REAL[0], DEFINITE[1])],
        lambda *x: [whitened(k, np.diag(x)) for k in (REAL[0], DEFINITE[1])],
    ),
    "both sides with parameters": (
        lambda: [
            Generalized(affine(COMPLEX, "a", "b"), diagonal("x", "y", "z")),
            Generalized(affine(COMPLEX * 0.5, "a", "c"), diagonal("x", "x2", "z")),
            Generalized(affine(COMPLEX[[1, 0, 2]], "c", "b"), diagonal("z", "y", "x")),
        ],
        lambda a, b, x, y, z, c, x2: [
            whitened(COMPLEX[0] + a * COMPLEX[1] + b * COMPLEX[2], np.diag([x, y, z])),
            whitened(0.5 * (COMPLEX[0] + a * COMPLEX[1] + c * COMPLEX[2]), np.diag([x, x2, z])),
            whitened(COMPLEX[1] + c * COMPLEX[0] + b * COMPLEX[2], np.diag([z, y, x])),
        ],
    ),
    "scaled matrices, and multiples and sums of them": (
        lambda: [
            Multiplicative(POSITIVE),
            Multiplicative(DEFINITE[0], ["m1", "m2", "m3"]),
            2.0 * Multiplicative(DEFINITE[1], ["m0", "m1", "m3"]) + affine(REAL, "a"),
            2.0 * Multiplicative(DEFINITE[2], ["m0", "m2", "m3"]) + affine(REAL[1:], "a"),
        ],
        lambda m0, m1, m2, m3, a: [
            chain(np.array([m0, m1, m2])),
            scaled(DEFINITE[0], m1, m2, m3),
            2.0 * scaled(DEFINITE[1], m0, m1, m3) + REAL[0] + a * REAL[1],
            2.0 * scaled(DEFINITE[2], m0, m2, m3) + REAL[1] + a * REAL[2],
        ],
    ),
    "blocks, all affine and not": (
        lambda: [
            BlockDiagonal([affine(SMALL, "a"), 2.0 * affine(REAL, "b")]),
            BlockDiagonal(anything([[[3.0]], Nonlinear(bent, 2, 2, ["a", "b"])])),
        ],
        lambda a, b: [
            scipy.linalg.block_diag(SMALL[0] + a * SMALL[1], 2 * (REAL[0] + b * REAL[1])),
            scipy.linalg.block_diag(3.0, bent_by_hand(a, b)),
        ],
    ),
}
each = pytest.mark.parametrize("name", FAMILIES)


def in_two(name: str) -> list[Affine]:
    return of_each(MANY_COMPLEX[:, ::2, :2, :2][:2], name)


def by_diagonals(*x: float) -> np.ndarray:
    number = np.arange(len(x))
    return np.array(x)[np.abs(number[:, None] - number)]


def by_entries(a00: float, a11: float, a10: float) -> np.ndarray:
    return np.array([[a00, a10], [a10, a11]])


def point(family: Parameterization) -> np.ndarray:
    return np.random.default_rng(4).uniform(0.6, 1.4, family.num_parameters)


def levels_by_hand(name: str, x: np.ndarray) -> np.ndarray:
    return np.concatenate([np.linalg.eigvalsh(m) for m in FAMILIES[name][1](*x)])


def check_model(family: Parameterization, by_hand: Any) -> None:
    """Levels, matrix and derivatives against eigenvalues of matrices by hand."""
    x = point(family)
    rows = tf.constant(np.stack([x, x + 0.1]))
    values, vectors, finite = family.eigensystem(rows)
    assert finite.numpy().all()
    np.testing.assert_allclose(values, [by_hand(x), by_hand(x + 0.1)], atol=1e-12)
    np.testing.assert_allclose(family.spectrum(rows), values, atol=1e-13)
    sorted_levels = np.linalg.eigvalsh(family.matrix(rows).numpy())
    np.testing.assert_allclose(sorted_levels, np.sort(values, axis=1), atol=1e-12)
    slopes = family.level_jacobian(rows, vectors).numpy()
    np.testing.assert_allclose(slopes[0], finite_differences(by_hand, x), atol=1e-9)
    g = np.random.default_rng(5).normal(size=values.shape)
    found = family.level_curvature(rows, vectors, WeightedLevels(values, tf.constant(g))).numpy()

    def slope(x: np.ndarray) -> np.ndarray:
        return finite_differences(lambda y: by_hand(y) @ g[0], x, step=1e-3)

    np.testing.assert_allclose(found[0], finite_differences(slope, x, step=1e-3), atol=1e-5)


@each
def test_levels_matrix_and_derivatives(name: str):
    family = Family(FAMILIES[name][0]())
    check_model(family, lambda x: levels_by_hand(name, x))
    assert family.size == sum(family.level_counts)


@pytest.mark.parametrize("name", ["equal sizes", "different sizes, real and complex"])
def test_members_too_large_to_be_written_out(name: str, monkeypatch):
    monkeypatch.setattr(forms, "MOST_NUMBERS", 0)
    family = Family(FAMILIES[name][0]())
    check_model(family, lambda x: levels_by_hand(name, x))
    start = family.starting_points(tf.zeros([2, family.size], tf.float64), tf.constant([0, 1]), 4)
    assert np.isfinite(start).all()


@each
def test_starting_points_are_finite_and_differ(name: str):
    family = Family(FAMILIES[name][0]())
    levels = tf.constant(np.linspace(1.0, 2.0, family.size)[None].repeat(4, 0))
    start = family.starting_points(levels, tf.range(4), 8).numpy()
    assert start.shape == (4, family.num_parameters)
    assert np.isfinite(start).all()
    assert len(np.unique(start[:, 0])) == 4


FIT_TOGETHER = (
    "one operator in many fields",
    "many members with matrices of their own",
    "many small complex members",
    "members that symmetry splits, and one that it does not",
    "structures of one kind",
    "one function, fixed and tied differently",
    "stiffnesses with masses given",
    "both sides with parameters",
    "scaled matrices, and multiples and sums of them",
)


@pytest.mark.parametrize("name", FIT_TOGETHER)
def test_rows_are_independent(name: str):
    family = Family(FAMILIES[name][0]())
    x = np.random.default_rng(6).normal(size=(37, family.num_parameters))
    assert_rows_of_structure_are_independent(family, x)


def nodes(graph: Any) -> int:
    """Of a graph, with the functions that it calls."""
    graph = graph.as_graph_def()
    return len(graph.node) + sum(len(inner.node_def) for inner in graph.library.function)


def test_the_graph_of_a_fit_does_not_grow_with_the_members():
    """Lines of as many members with one matrix in common as with matrices of their own."""
    found = []
    for count in (2, 100):
        fields = np.random.default_rng(count).normal(size=(count, 3))
        own = random_hermitian(3 * count, 10, 8).reshape(count, 3, 10, 10)
        lines = [((j, i + 1), (j, i)) for j in range(2 * count) for i in range(2)]
        family = Family([*in_fields(fields), *of_each(own, "a", "b")])
        solver = SpectralSolver(family, observation=Transitions(lines))
        found.append(nodes(solver._compiled.fit[False, False, False].get_concrete_function().graph))
    assert found[1] <= 1.2 * found[0]


def test_the_graph_of_the_covariance_does_not_grow_with_the_members():
    found = []
    for count in (2, 60):
        family = Family(in_fields(np.random.default_rng(1).normal(size=(count, 3))))
        covariance = SpectralSolver(family)._compiled.covariance[False, False, False]
        found.append(nodes(covariance.get_concrete_function().graph))
    assert found[1] <= 1.05 * found[0]


def test_one_degenerate_member_of_a_family_is_noticed():
    family = Family.affine(None, [[np.diag([1.0, 2.0])], [np.eye(2)], [np.ones((1, 1))]])
    alone = Family.affine(None, [[np.diag([1.0, 2.0])], [np.diag([1.0, 3.0])], [np.ones((1, 1))]])
    found = []
    for structure in (family, alone):
        solver = SpectralSolver(structure)
        values = structure.spectrum(tf.constant([[1.0], [2.0]], tf.float64))
        found.append(_any_degenerate(solver._settings, values).numpy().tolist())
    assert found == [[True, True], [False, False]]


def members_of_each_kind(k: float) -> list[Parameterization]:
    """A function of one field, masses given and not, a scaled matrix, a sum."""
    stiffness = affine(REAL * (1 + k), "a", "b")
    return [
        IN_FIELD.with_fixed({"B": k}),
        Generalized(stiffness, DEFINITE[0] + k * np.eye(3)),
        Generalized(stiffness, diagonal("x", "y", "z")),
        Multiplicative(DEFINITE[0] + k * np.eye(3)),
        affine(REAL * (1 + k), "a") + 2.0 * affine(REAL[1:] + k * REAL[:2], "b"),
    ]


def test_what_a_step_and_a_start_take_does_not_grow_with_the_members():
    """All that a fit asks a family for: of each kind many members, and a function of its own."""

    def everything(rows: tf.Tensor, levels: tf.Tensor, attempt: tf.Tensor) -> list[tf.Tensor]:
        values, vectors, finite = family.eigensystem(rows)
        return [
            family.level_jacobian(rows, vectors),
            family.level_curvature(rows, vectors, WeightedLevels(values, values)),
            family.spectrum(rows),
            family.starting_points(levels, attempt, 8),
            tf.cast(finite, rows.dtype),
        ]

    found = []
    for count in (4, 40):
        alike = [one for k in range(count) for one in members_of_each_kind((1 + k) / count)]
        family = Family([*alike, Nonlinear(bent, 2, 2, ["u", "v"])])
        graph = tf.Graph()
        with graph.as_default():
            shapes = (family.num_parameters, family.size)
            rows, levels = (tf.compat.v1.placeholder(tf.float64, [None, n]) for n in shapes)
            everything(rows, levels, tf.compat.v1.placeholder(tf.int32, [None]))
        found.append(len(graph.get_operations()))
    assert found[1] <= 1.01 * found[0]


def test_members_that_are_large_together_have_their_second_derivatives_in_turn(monkeypatch):
    name = "many members with matrices of their own"
    rows = tf.constant(np.random.default_rng(2).normal(size=(3, 2)))

    def second() -> np.ndarray:
        family = Family(FAMILIES[name][0]())
        values, vectors, _ = family.eigensystem(rows)
        return family.level_curvature(rows, vectors, WeightedLevels(values, tf.sin(values))).numpy()

    together = second()
    monkeypatch.setattr(stack, "_MOST_COUPLINGS", 4 * 2 * 100)  # four of six at a time
    np.testing.assert_allclose(second(), together, rtol=1e-12)


def test_memory_is_that_of_the_members():
    """Not of the block-diagonal matrix of all, which a fit never makes."""
    family = Family(of_each(random_hermitian(30, 60, 1).reshape(10, 3, 60, 60), "a", "b"))
    assert SpectralSolver(family).parameterization.memory.slopes == 10 * 2 * 60**2


def test_the_graph_of_the_whole_matrix_holds_no_table_of_its_entries():
    family = Family([affine(SMALL, "a", "b")] * 200)
    spec = tf.TensorSpec([None, 2], tf.float64)
    graph = tf.function(family.matrix, autograph=False).get_concrete_function(spec).graph
    assert graph.as_graph_def().ByteSize() < family.size**2


def test_names_are_joined_in_order_of_appearance():
    family = Family([affine(REAL, "b", "a"), affine(SMALL, "c", "b"), affine(REAL, "a")])
    assert family.parameter_names == ("b", "a", "c")
    assert family.level_counts == (3, 2, 3)
    assert family.num_parameters == 3


def test_the_order_of_the_names_can_be_given():
    """A first member that lacks `b` would put it last; the given order holds for the matrices."""
    members = [affine(REAL, "a", "g"), affine(SMALL, "b", "a")]
    assert Family(members).parameter_names == ("a", "g", "b")
    family = Family(members, parameter_names=["a", "b", "g"])
    assert family.parameter_names == ("a", "b", "g")
    a, b, g = 0.3, -0.7, 1.1
    expected = [
        *np.linalg.eigvalsh(REAL[0] + a * REAL[1] + g * REAL[2]),
        *np.linalg.eigvalsh(SMALL[0] + b * SMALL[1] + a * SMALL[2]),
    ]
    found = family.spectrum(tf.constant([[a, b, g]], tf.float64))[0]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_affine_is_the_family_of_its_members():
    """A parameter may act in one member only; a member may be complex, and have no constant."""
    zero = np.zeros((2, 2))
    family = Family.affine(
        [None, REAL[0]],
        [[SMALL[1], zero], [np.zeros((3, 3)), REAL[2]]],
        parameter_names=["first", "second"],
    )
    assert family.parameter_names == ("first", "second")
    check_model(
        family,
        lambda x: np.concatenate(
            [np.linalg.eigvalsh(x[0] * SMALL[1]), np.linalg.eigvalsh(REAL[0] + x[1] * REAL[2])]
        ),
    )
    assert Family.affine(None, [REAL, REAL[::-1]]).parameter_names == ("x0", "x1", "x2")


@pytest.mark.usefixtures("eagerly")
def test_a_constant_reference_level():
    """Lines measured from a level that no parameter moves."""
    lines = Transitions([((0, 0), (1, 0)), ((0, 1), (1, 0)), ((0, 2), (1, 0))])
    members = anything([affine(REAL, "a", "b"), [[-2.5]]])
    solver = SpectralSolver(Family(members), observation=lines)
    x = np.array([[0.4, -0.3]])
    targets = np.linalg.eigvalsh(REAL[0] + np.tensordot(x[0], REAL[1:], 1))[None] + 2.5
    fit = solver.fit(targets, initial=x + 0.01)
    np.testing.assert_allclose(fit.parameters, x, atol=1e-8)
    zero = Family.affine([REAL[0], [[-2.5]]], [REAL[1:], np.zeros((2, 1, 1))], ["a", "b"])
    np.testing.assert_array_equal(zero.spectrum(tf.constant(x)), solver.spectrum(x))


def test_fixed_and_tied():
    whole = Family.affine([REAL[0], None], [REAL, np.append(SMALL, SMALL[:1], axis=0)[:3]])
    reduced = whole.with_fixed({"x1": 0.7}).with_tied({"x2": ("x0", -1.5)})
    assert reduced.parameter_names == ("x0",)
    assert reduced.level_counts == (3, 2)

    def by_hand(x: np.ndarray) -> np.ndarray:
        full = np.array([x[0], 0.7, -1.5 * x[0]])
        one, other = REAL[0] + np.tensordot(full, REAL, 1), np.tensordot(full, SMALL, 1)
        return np.concatenate([np.linalg.eigvalsh(one), np.linalg.eigvalsh(other)])

    check_model(reduced, by_hand)


@pytest.mark.usefixtures("eagerly")
def test_the_spectrum_differentiates_twice(rng):
    name = "different sizes, real and complex"
    solver = SpectralSolver(Family(FAMILIES[name][0]()))
    x = point(solver.parameterization)
    np.testing.assert_allclose(
        tape_jacobian(solver.spectrum, x),
        finite_differences(lambda y: levels_by_hand(name, y), x),
        atol=1e-9,
    )
    g = rng.normal(size=5)

    def slope(function: Any) -> Any:
        return lambda y: finite_differences(function, y, step=1e-3)

    found = tape_hessian(lambda y: tf.reduce_sum(solver.spectrum(y) * g, axis=-1), x)
    expected = slope(slope(lambda y: levels_by_hand(name, y) @ g))(x)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_spectrum_of_a_bad_row_is_nan_and_of_no_rows_empty():
    solver = SpectralSolver(Family([affine(REAL, "a"), affine(SMALL, "b")]))
    rows = np.array([[0.1, 0.2], [np.nan, 0.2], [np.inf, 0.2], [0.3, 0.4]])
    levels = solver.spectrum(rows).numpy()
    assert np.isnan(levels[1:3]).all()
    np.testing.assert_array_equal(levels[[0, 3]], solver.spectrum(rows[[0, 3]]))
    np.testing.assert_array_equal(levels[[3]], solver.spectrum(rows[[3]]))
    assert solver.spectrum(rows[:0]).shape == (0, 5)
    assert solver.matrix(rows[:0]).shape == (0, 5, 5)


@pytest.mark.usefixtures("eagerly")
def test_members_of_one_function_fitted_to_measured_levels(rng):
    """Second derivatives are computed for the rows whose residual stays, here every second one."""

    def in_field(x: tf.Tensor) -> tf.Tensor:
        gap, coupling = x[:, 0], tf.tanh(x[:, 1] * x[:, 2])
        rows = [tf.stack([gap, coupling], -1), tf.stack([coupling, -gap], -1)]
        return tf.stack(rows, -2)

    fields = np.array([0.5, 1.0, 2.0])
    names = ["gap", "strength", "field"]
    one = Nonlinear(in_field, n=2, p=3, parameter_names=names)
    solver = SpectralSolver(Family([one.with_fixed({"field": b}) for b in fields]))
    known = rng.uniform(0.5, 1.5, size=(6, 2))

    def by_hand(x: np.ndarray) -> np.ndarray:
        upper = np.hypot(x[0], np.tanh(x[1] * fields))
        return np.stack([-upper, upper], axis=1).reshape(-1)

    targets = np.array([by_hand(x) for x in known])
    targets[1::2] += 0.1 * rng.normal(size=targets[1::2].shape)
    targets = np.sort(targets.reshape(6, 3, 2)).reshape(6, 6)
    fit = solver.fit(targets, initial=known)
    np.testing.assert_array_equal(fit.status, [Status.CONVERGED, Status.STATIONARY] * 3)
    for row in range(6):
        expected = scipy.optimize.least_squares(
            lambda x, t: by_hand(x) - t,
            known[row],
            args=(targets[row],),
            ftol=1e-15,
            xtol=1e-15,
            gtol=1e-15,
        )
        np.testing.assert_allclose(fit.parameters[row], expected.x, atol=1e-6)


def test_a_cold_search_in_a_graph_of_unknown_batch():
    """Two spectra determine a Jacobi matrix: of the whole, and of it without its first row.

    (Hochstadt 1974.) All solutions have the same diagonal and the same squares beside it.
    """
    basis = np.zeros((5, 3, 3))
    for k in range(3):
        basis[k, k, k] = 1
    for k in range(2):
        basis[3 + k, k, k + 1] = basis[3 + k, k + 1, k] = 1
    family = Family.affine(None, [basis, basis[:, 1:, 1:]])
    solver = SpectralSolver(family, starts=16)
    x = np.random.default_rng(6).uniform(0.5, 1.5, size=(9, 5))
    jacobi = np.tensordot(x, basis, 1)
    inner = np.linalg.eigvalsh(jacobi[:, 1:, 1:])
    targets = np.concatenate([np.linalg.eigvalsh(jacobi), inner], axis=1)

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float64)], autograph=False)
    def answer(levels: tf.Tensor) -> Any:
        fit = solver.fit(levels)
        return fit.parameters, fit.status

    parameters, status = answer(targets)
    assert status.numpy().tolist() == [Status.CONVERGED] * 9
    np.testing.assert_allclose(parameters[:, :3], x[:, :3], atol=1e-6)
    np.testing.assert_allclose(np.abs(parameters[:, 3:]), x[:, 3:], atol=1e-6)
    for row in (0, 8):
        np.testing.assert_array_equal(answer(targets[[row]])[0][0], parameters[row])
    assert answer(targets[:0])[0].shape == (0, 5)


def anything(value: Any) -> Any:
    return value


ONE = np.ones((1, 1, 1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Family([]), r"Family: members must be a list of parameterizations"),
        (lambda: Family(anything(Symmetric(2))), r"Family: members must be a list"),
        (lambda: Family(anything([Symmetric(2), "a"])), r"Family: members\[1\] must be a Param"),
        (
            lambda: Family([Family([Symmetric(2), Symmetric(3)]), Symmetric(2)]),
            r"members\[0\] is a family itself; give its members",
        ),
        (
            lambda: Family(anything([np.eye(2), [[1.0]]])),
            "members must hold at least one parameterization",
        ),
        (lambda: Family(anything([Symmetric(2), [[0, 1], [2, 0]]])), r"members\[1\] must be symm"),
        (lambda: Family(anything([Symmetric(2), 3.0])), r"members\[1\] must be a Param"),
        (lambda: Family.affine(None, []), "Family: bases"),
        (lambda: Family.affine(None, anything(3)), "Family: bases"),
        (lambda: Family.affine(None, [np.ones((1, 2, 3))]), "Family: bases must be numbers"),
        (lambda: Family.affine(None, [[[[0.0, 1.0], [2.0, 0.0]]]]), "Family: bases must be symm"),
        (lambda: Family.affine(None, [ONE, np.ones((2, 1, 1))]), "bases must have one matrix for"),
        (lambda: Family.affine(None, [ONE * 0, ONE * 0]), "parameter 0 has zero matrices in every"),
        (lambda: Family.affine([np.eye(2)], [ONE]), "constants and bases must have the same sizes"),
        (lambda: Family.affine([None], [ONE, ONE]), "Family: constants"),
        (lambda: Family.affine([None] * 3, [ONE, ONE]), "Family: constants"),
        (lambda: Family.affine(None, [ONE], ["a", "b"]), "parameter_names must be 1 different"),
        (
            lambda: Family.affine(None, [[np.eye(2)] * 2], anything("ab")),
            "must be a list of 2 diff",
        ),
        (
            lambda: Symmetric(1, parameter_names=anything("a")),
            "parameter_names must be a list of 1",
        ),
        (
            lambda: Family([Symmetric(1, ["a"]), Symmetric(1, ["b"])], parameter_names=["b", "c"]),
            "in the order that you want, a, b; got b, c",
        ),
        (lambda: 2 * Family([Symmetric(2), Symmetric(3)]), "of a Family is not defined"),
        (lambda: Family([Symmetric(2)] * 2) + Symmetric(4), "of a Family is not defined"),
        (lambda: Family([Symmetric(2)] * 2).with_fixed({"b": 1.0}), "no parameter 'b'"),
        (
            lambda: SpectralSolver(
                Family([Symmetric(2), Symmetric(3)]), observation=Levels(lowest=3)
            ),
            "the matrix has 2 levels",
        ),
    ],
)
def test_wrong_arguments_are_one_clear_error(make: Any, message: str):
    with pytest.raises(ValueError, match=message):
        make()
