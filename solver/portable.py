"""Modules that can be pickled and copied after they have been used."""

from __future__ import annotations

import operator
import sys
from typing import Any

import tensorflow as tf


class PortableModule(tf.Module):
    """A `tf.Module` that goes to another process, and through `copy.deepcopy`, as what was set.

    A `tf.function` that has run holds graphs, which cannot be pickled; here the copy is one that
    has not run yet. What TensorFlow keeps of the module beside its attributes is built anew.
    """

    def __getstate__(self) -> dict[str, Any]:
        kept = {
            name: value
            for name, value in vars(self).items()
            if not name.startswith("_self_") and name != "_obj_reference_counts_dict"
        }
        return {name: _without_graphs(value) for name, value in kept.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)


class _ByName:
    """Unpickles as what a module of Python calls by this name."""

    def __init__(self, module: str, name: str):
        self._where = module, name

    def __reduce__(self) -> tuple[Any, ...]:
        return _find, self._where


def _find(module: str, name: str) -> Any:
    __import__(module)
    return operator.attrgetter(name)(sys.modules[module])


def _without_graphs(value: Any) -> Any:
    """The value, or for a `tf.function` one that has not run."""
    if not isinstance(value, tf.types.experimental.PolymorphicFunction):
        return value
    function = value.python_function
    module, name = getattr(function, "__module__", ""), getattr(function, "__qualname__", "")
    try:
        if _find(module, name) is value:  # decorated: the name means the tf.function
            return _ByName(module, name)
    except (AttributeError, ImportError, KeyError, ValueError):
        pass  # a function within a function has no name to find it by
    return value._clone(None)
