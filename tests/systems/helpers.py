"""What the tests of the systems share."""

from typing import Any

import numpy as np
import tensorflow as tf

from eigenfit.solver import Affine, Family, Parameterization


def affine(structure: Any) -> Affine:
    assert isinstance(structure, Affine)
    return structure


def family(structure: Any) -> Family:
    assert isinstance(structure, Family)
    return structure


def levels_of(structure: Parameterization, **values: float) -> np.ndarray:
    """The levels at parameters by name, in the order of the structure."""
    assert set(values) == set(structure.parameter_names)
    point = [[values[name] for name in structure.parameter_names]]
    return structure.spectrum(tf.constant(point, tf.float64)).numpy()[0]


def levels_by_block(structure: Parameterization, **values: float) -> dict[str, np.ndarray]:
    """The levels of each member of a family, by its name."""
    blocks = family(structure)
    parts = np.split(levels_of(blocks, **values), np.cumsum(blocks.level_counts)[:-1])
    return dict(zip(blocks.names or (), parts, strict=True))
