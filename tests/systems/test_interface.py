"""What problem files need of every system: plain arguments that are described, and names."""

import inspect
import re
import types
import typing

import pytest

from eigenfit import systems
from eigenfit.systems import SYSTEMS

PLAIN = (str, int, float, bool, type(None), typing.Any)


def parts_of(annotation):
    """The simple types in an annotation, and the containers around them."""
    origin = typing.get_origin(annotation)
    if origin is None:
        return [annotation]
    if origin is typing.Literal:
        return [type(value) for value in typing.get_args(annotation)]
    inner = [part for one in typing.get_args(annotation) for part in parts_of(one)]
    return inner if origin in (list, dict, types.UnionType, typing.Union) else [origin, *inner]


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
