"""A `tf.Module` that can be pickled and copied after use."""

from __future__ import annotations

import operator
import sys
from typing import Any

import tensorflow as tf


class PortableModule(tf.Module):
    """A `tf.Module` that can be pickled and deep-copied.

    A `tf.function` that has run holds graphs, which cannot be pickled: the copy is one that has not
    been traced. TensorFlow's own records of the module are left out and rebuilt.
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
    """A placeholder that unpickles as the object of this name in this Python module."""

    def __init__(self, module: str, name: str):
        self._where = module, name

    def __reduce__(self) -> tuple[Any, ...]:
        return _find, self._where


def _find(module: str, name: str) -> Any:
    __import__(module)
    return operator.attrgetter(name)(sys.modules[module])


def _without_graphs(value: Any) -> Any:
    """The value, or for a `tf.function` a copy without traces."""
    if not isinstance(value, tf.types.experimental.PolymorphicFunction):
        return value
    function = value.python_function
    module, name = getattr(function, "__module__", ""), getattr(function, "__qualname__", "")
    try:
        if _find(module, name) is value:  # a decorated function of a module: pickled by name
            return _ByName(module, name)
    except (AttributeError, ImportError, KeyError, ValueError):
        pass  # a nested function cannot be found by name
    return value._clone(None)
