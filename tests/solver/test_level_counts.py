"""Names of members and levels, in place of their numbers."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from eigenfit.solver import (
    Affine,
    Comparison,
    Family,
    LevelCounts,
    Levels,
    Matched,
    Nonlinear,
    NonlinearSweep,
    Parameterization,
    Symmetric,
    Toeplitz,
    Transitions,
)
from eigenfit.solver.results.labels import level_labels

ROTOR = ["1_01", "1_11", "1_10"]


def family() -> Family:
    """Members of 1, 3 and 2 levels; those of the second have names."""
    rotor = Affine(np.diag([0.0, 1.0, 2.0]), [np.eye(3)], ["a"], level_names=ROTOR)
    return Family([Toeplitz(1), rotor, Toeplitz(2)], names=["J=0", "J=1", "odd"])


def test_the_counts_are_a_tuple_that_knows_the_names():
    counts = family().level_counts
    assert counts == (1, 3, 2)
    assert isinstance(counts, tuple)
    assert sum(counts) == 6
    assert repr(counts) == "(1, 3, 2)"
    assert [counts.label(number) for number in range(6)] == ["J=0:0", *ROTOR, "odd:0", "odd:1"]
    assert family().level_names == (None, *ROTOR, None, None)
    for twin in (copy.deepcopy(counts), pickle.loads(pickle.dumps(counts))):
        assert twin == counts
        assert twin.label(2) == "1_11"
        assert twin.members == counts.members
    assert tf.split(tf.zeros([2, 6]), counts, axis=1)[1].shape == (2, 3)


def test_levels_and_members_are_found_by_name_and_number():
    counts = family().level_counts
    assert counts.find("1_11") == counts.find(("J=1", 1)) == counts.find((1, np.int64(1))) == (1, 1)
    assert counts.firsts == [0, 1, 4]
    assert counts.find_member("odd") == counts.find_member(2) == 2
    assert LevelCounts([3]).find(2) == (0, 2)
    assert LevelCounts.of([3]).label(2) == "2"
    for wrong in ((0, -1), (1, 1.5), (-1, 0), (1, True)):
        with pytest.raises(ValueError, match="not a number from 0"):
            counts.find(wrong)
    with pytest.raises(ValueError, match="there is no member -1"):
        counts.find_member(-1)


def test_a_line_by_names_is_the_line_by_numbers():
    counts = family().level_counts
    by_name = Transitions(
        [
            ("1_11", ("J=0", 0)),
            (("odd", 1), ("J=1", "1_10")),
            (["odd", np.int64(0)], "1_01"),
            ("1_10", "1_01"),
            ((2, 1), (1, "1_11")),
        ]
    ).of(counts)
    by_number = Transitions(
        [
            ((1, 1), (0, 0)),
            ((2, 1), (1, 2)),
            ((2, 0), (1, 0)),
            ((1, 2), (1, 0)),
            ((2, 1), (1, 1)),
        ]
    ).of([1, 3, 2])
    np.testing.assert_array_equal(by_name.upper, by_number.upper)
    np.testing.assert_array_equal(by_name.lower, by_number.lower)
    labels = level_labels(counts, *by_name.lines)
    assert labels[:2] == ["1_11 - J=0:0", "odd:1 - 1_10"]
    alone = Transitions([("1_10", "1_01"), (2, "1_11")]).of(family().members[1].level_counts)
    assert (alone.upper.tolist(), alone.lower.tolist()) == ([2, 2], [0, 1])


def test_names_in_a_description_are_kept_as_given():
    pairs = [["1_11", ["J=0", 0]], [["odd", 1], ["J=1", "1_10"]]]
    assert Transitions(pairs).describe() == {"pairs": pairs}
    assert Levels(indices=["1_11", ("odd", 0)]).describe()["indices"] == ["1_11", ["odd", 0]]
    assert Matched({"J=1": 2}).describe()["count"] == {"J=1": 2}


def test_levels_by_name_are_compared_in_the_order_given():
    counts = family().level_counts
    chosen = Levels(indices=["1_01", ("J=1", 2), ("odd", 1)]).of(counts)
    assert chosen.upper.tolist() == [1, 3, 5]
    assert (chosen.lower == -1).all()
    members, first = chosen.ordered or ((), ())
    assert list(members) == [0, 0, 1]
    assert list(first) == [0, 0, 2]
    relative = Levels("lowest", indices=["1_01", "1_10", ("odd", 1)]).of(counts)
    assert relative.lower.tolist() == [1, 1, 4]
    assert relative.measures.tolist() == [
        False,
        True,
        True,
    ]


def test_matched_counts_by_name_are_those_in_the_order_of_the_members():
    counts = family().level_counts
    by_name, by_number = Matched({"J=1": 2, "odd": 1}).of(counts), Matched([0, 2, 1]).of(counts)
    assert isinstance(by_name, Comparison)
    assert isinstance(by_number, Comparison)
    assert len(by_name.groups) == len(by_number.groups) == 2
    for one, other in zip(by_name.groups, by_number.groups, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


class Rotor(Parameterization):
    """A structure that brings names of its own."""

    def __init__(self):
        super().__init__(size=2, num_parameters=1, level_names=ROTOR[:2])


def test_names_belong_to_a_structure_and_stay_with_it():
    named = Toeplitz(2)
    named.level_names = ["low", "high"]
    assert Rotor().level_counts.label(1) == "1_11"
    assert named.with_fixed({"r0": 1.0}).level_counts.label(1) == "high"
    nonlinear = Nonlinear(lambda x: x[:, :, None] * x[:, None, :], n=2, p=2)
    nonlinear.level_names = ["low", "high"]
    for structure in (nonlinear.with_fixed({"x0": 1.0}), copy.deepcopy(nonlinear)):
        assert structure.level_counts.label(1) == "high"
    mapped = family().with_fixed({"r1": 0.5})
    assert mapped.level_counts.label(1) == "1_01"
    assert mapped.level_counts.members is not None
    nonlinear.level_names = None
    assert nonlinear.level_counts.label(1) == "1"


def named_triplet(names: list[str] | None) -> Affine:
    """Three levels, `a + (0, 1, 3)`."""
    return Affine(np.diag([0.0, 1.0, 3.0]), [np.eye(3)], ["a"], level_names=names)


@pytest.mark.parametrize("factor", [2.0, -0.5, np.int64(-1)])
@pytest.mark.parametrize("fixed", [False, True])
def test_a_level_of_a_multiple_has_the_name_of_the_level_that_is_multiplied(factor, fixed):
    """With a negative factor the lowest level is the multiple of the highest one."""
    whole = named_triplet(ROTOR) + Affine(None, [np.diag([0.0, 0.1, 0.3])], ["b"])
    one = whole.with_fixed({"b": 1.0}) if fixed else whole
    multiple = factor * one
    x = tf.constant([[0.7, 0.2][: one.num_parameters]], tf.float64)
    before, after = one.spectrum(x)[0], multiple.spectrum(x)[0]
    for name in ROTOR:
        place, number = (each.level_counts.find(name)[1] for each in (one, multiple))
        np.testing.assert_allclose(after[number], factor * before[place], atol=1e-14)


def test_a_sum_has_the_names_on_which_its_parts_agree():
    shift = Affine(None, [np.diag([1.0, 0.0, 0.0])], ["shift"])
    named, other = named_triplet(ROTOR), Symmetric(3)
    assert (named + shift).level_names == (shift + named).level_names == tuple(ROTOR)
    assert (other + shift).level_names is None
    other.level_names = ROTOR
    assert (named + other).level_names == (named + 2 * other + shift).level_names == tuple(ROTOR)
    # The lowest of the one is the highest of the other.
    assert (named + -1 * other).level_names is None
    assert (-1 * named + -2 * other).level_names == tuple(ROTOR[::-1])
    other.level_names = ["low", "mid", "high"]
    assert (named + other).level_names is None
    both = named + other
    both.level_names = ["x", "y", "z"]
    assert both.level_counts.label(2) == "z"
    assert both.with_fixed({"a": 0.0}).level_names == ("x", "y", "z")
    assert named.level_names == tuple(ROTOR)


def test_parameters_of_a_sum_have_their_units():
    one, other = named_triplet(None), Affine(None, [np.eye(3)], ["b"])
    one.parameter_units, other.parameter_units = {"a": "GHz"}, {"b": "T"}
    assert (3 * one + other).parameter_units == {"a": "GHz", "b": "T"}


def small(x: tf.Tensor, c: tf.Tensor) -> tf.Tensor:
    return x[:, 0, None, None] * c[:, :1, None] * tf.constant(np.diag([0.0, 1.0]), x.dtype)


def test_names_of_what_is_made_of_a_structure():
    """Fixed, tied and in other parameters: members keep theirs, and names may be assigned."""

    def rescaled(structure: Parameterization) -> Parameterization:
        return structure.with_parameters(["y"], lambda y: {structure.parameter_names[0]: 2 * y})

    alone = Family([named_triplet(ROTOR)], names=["J=1"])
    assert rescaled(alone).level_counts.find(("J=1", "1_11")) == (0, 1)
    assert rescaled(alone).level_counts.members == ("J=1",)
    with pytest.raises(ValueError, match="level_names belong to the members"):
        rescaled(alone).level_names = ROTOR

    sweep = NonlinearSweep(small, n=2, p=1, limit=3)
    made = rescaled(sweep)
    made.level_names = ["low", "high"]
    assert made.level_names == ("low", "high")
    assert made.level_counts.find((2, "high")) == (2, 1)
    assert sweep.level_names is None  # it is another structure
    with pytest.raises(ValueError, match="level_names must be 2 names"):
        made.level_names = ["low", "high"] * 3
    at = made.at(tf.constant([[[1.0], [2.0], [np.nan]]], tf.float64))
    assert at.level_counts.label(3) == "1:high"
    assert copy.deepcopy(made).level_names == ("low", "high")

    plain = Nonlinear(lambda x: x[:, :, None] * x[:, None, :], n=2, p=2)
    fixed = plain.with_fixed({"x0": 1.0})
    fixed.level_names = ["low", "high"]
    assert (fixed.level_counts.label(1), plain.level_names) == ("high", None)


def test_a_name_in_two_members_is_shown_with_its_member():
    one, other = Toeplitz(2), Symmetric(2)
    one.level_names = other.level_names = ["low", "high"]
    both = Family([one, other], names=["up", "down"])
    assert both.level_counts.label(3) == "down:high"
    assert Family([one, other]).level_counts.label(3) == "1:high"
    found = Transitions([(("up", "high"), ("down", "high"))]).of(both.level_counts)
    assert (found.upper.tolist(), found.lower.tolist()) == ([1], [3])
    with pytest.raises(ValueError, match=r"several members have a level 'high': up, down; write"):
        Transitions([("high", ("up", 0))]).of(both.level_counts)


def anything(value: Any) -> Any:
    return value


@pytest.mark.parametrize(
    ("observation", "message"),
    [
        (
            Transitions([("1_1", "1_01")]),
            r"pairs\[0\]: there is no level '1_1'; the levels with na",
        ),
        (Transitions([("J=1", "1_01")]), r"'J=1' is the name of a member.*write \('J=1', number\)"),
        (
            Transitions([(("J=2", 0), "1_01")]),
            r"no member 'J=2'; the members are J=0 \(1 levels\),",
        ),
        (Transitions([(("J=1", 3), "1_01")]), "no level 3 in member J=1; the members are J=0"),
        (Transitions([(("J=1", "x"), "1_01")]), "no level 'x' in member J=1, which has 1_01, 1_11"),
        (Transitions([(("odd", "x"), "1_01")]), "in member odd, which has no names of levels"),
        (Transitions([("1_01", "1_10")]), r"got \('1_01', '1_10'\), whose first level is below"),
        (Transitions([("1_10", ("J=1", 2))]), r"pairs\[0\] joins a level with itself"),
        (Transitions([("1_10", 0)]), r"each level of pairs must be \(member, number\)"),
        (Levels(indices=["1_10", "1_01"]), "member after member and ascending in each.*write"),
        (Levels(indices=["1_10", ("J=1", 2)]), "must be different levels"),
        (Levels(indices=["1_10", 0]), r"indices: in a family of 3 members each level must be"),
        (Levels(indices=[("J=1", 5)]), "indices: there is no level 5 in member J=1"),
        (Matched({"J=1": 1, "J=0": 1}), "must name the members in their order.*J=0, J=1"),
        (Matched({"J=7": 1}), "count: there is no member 'J=7'; the members are J=0"),
        (Matched({"J=1": 4}), "4 values cannot be assigned to 3 levels"),
    ],
)
def test_a_wrong_name_is_one_clear_error(observation: Any, message: str):
    with pytest.raises(ValueError, match=message):
        observation.of(family().level_counts)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Family([Toeplitz(1)], names=anything("a")),
            "Family: names must be a list of 1 st",
        ),
        (lambda: Family([Toeplitz(1)], names=anything([0.5])), "strings, one for each member"),
        (lambda: Family([Toeplitz(1)], names=["a", "b"]), "names must be 1 names, one for each"),
        (lambda: Family([Toeplitz(1)] * 2, names=["a", "a"]), "different names, but 'a' stands"),
        (lambda: Affine(None, [np.eye(2)], level_names=["a"]), "level_names must be 2 names"),
        (lambda: setattr(family(), "level_names", ["a"]), "level_names belong to the members"),
        (lambda: Transitions([("ab", "c", "d")]), r"pairs\[0\] must be \(upper, lower\)"),
        (lambda: Transitions([anything("ab")]), r"pairs\[0\] must be \(upper, lower\)"),
        (lambda: Transitions([("a", "a")]), r"pairs\[0\] joins a level with itself"),
        (lambda: Transitions([(("a", -1), "b")]), r"pairs\[0\] must be"),
        (lambda: Transitions([("b", "a")]).of([3]), "the levels have no names; give numbers, or"),
        (lambda: Levels(indices=anything("ab")), "indices must be different level numbers"),
        (lambda: Levels(indices=[("a", 1.5)]), "indices must be level numbers, or names"),
        (lambda: Matched(anything({})), "count must be numbers of targets by the name"),
        (lambda: Matched({"a": 0}), r"count\['a'\] must be an integer of at least 1"),
    ],
)
def test_wrong_arguments_are_one_clear_error(make: Any, message: str):
    with pytest.raises(ValueError, match=message):
        make()
