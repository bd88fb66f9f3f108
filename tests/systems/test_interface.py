"""What problem files need of every system: plain arguments that are described, and names."""

import inspect
import re
import types
import typing

import pytest

from eigenfit import systems
from eigenfit.systems import SYSTEMS

PLAIN = (str, int, float, bool, type(None), typing.Any)
CONTAINERS = (list, tuple, dict, types.UnionType, typing.Union)


def parts_of(annotation):
    """The types in an annotation without the containers that a file can hold."""
    origin = typing.get_origin(annotation)
    if origin is None:
        return [annotation]
    if origin is typing.Literal:
        return [type(value) for value in typing.get_args(annotation)]
    if origin not in CONTAINERS:
        return [annotation]
    inner = [one for one in typing.get_args(annotation) if one is not ...]
    return [part for one in inner for part in parts_of(one)]


def arguments_of(system):
    hints = typing.get_type_hints(system.__init__ if inspect.isclass(system) else system)
    return {name: hints[name] for name in inspect.signature(system).parameters}


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=[*SYSTEMS])
def test_arguments_are_plain_and_described(system):
    """Each has an annotation of plain types, and a line of its own under Args."""
    for name, annotation in arguments_of(system).items():
        assert all(part in PLAIN for part in parts_of(annotation)), (name, annotation)
    text = inspect.getdoc(system) or ""
    if inspect.isclass(system):
        text += "\n" + (inspect.getdoc(system.__init__) or "")
    described = re.findall(r"^ {4}(\w+): ", text.split("Args:")[1], re.MULTILINE)
    assert set(arguments_of(system)) <= set(described)


def test_systems_are_public_and_in_order():
    assert list(SYSTEMS) == sorted(SYSTEMS)
    for system in SYSTEMS.values():
        assert getattr(systems, system.__name__) is system
        assert system.__name__ in systems.__all__
