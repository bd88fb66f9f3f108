"""Several observations of the same levels, side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from .target_map import TargetMap


@dataclasses.dataclass(frozen=True, eq=False)
class JointMap(TargetMap):
    """The targets of several maps of the same spectrum, one map after the other.

    Attributes:
        parts: the maps, each with targets, weights and common offset of its own.
    """

    parts: tuple[TargetMap, ...]

    @property
    def num_levels(self) -> int:  # type: ignore[override]
        """`n`, the number of levels of all members."""
        return self.parts[0].num_levels

    @property
    def upper(self) -> np.ndarray:  # type: ignore[override]
        """`[m]`, see `TargetMap`."""
        return np.concatenate([part.upper for part in self.parts])

    @property
    def lower(self) -> np.ndarray:  # type: ignore[override]
        """`[m]`, see `TargetMap`."""
        return np.concatenate([part.lower for part in self.parts])

    @property
    def measures(self) -> np.ndarray:  # type: ignore[override]
        """`[m]`, see `TargetMap`."""
        return np.concatenate([part.measures for part in self.parts])

    @property
    def centred(self) -> bool:  # type: ignore[override]
        """Whether a part has a common offset."""
        return any(part.centred for part in self.parts)

    @property
    def ordered(self) -> tuple[np.ndarray, np.ndarray] | None:  # type: ignore[override]
        """Members and first targets; a target that is not sorted is a member of its own."""
        if all(part.ordered is None for part in self.parts):
            return None
        members, firsts = [], []
        member = place = 0
        for part in self.parts:
            own = np.arange(part.num_targets)
            numbers, first = (own, own) if part.ordered is None else part.ordered
            members.append(numbers + member)
            firsts.append(first + place)
            member, place = int(members[-1][-1]) + 1, place + part.num_targets
        return np.concatenate(members), np.concatenate(firsts)

    @property
    def used(self) -> np.ndarray:  # type: ignore[override]
        """The numbers of the levels that any part depends on."""
        return np.unique(np.concatenate([part.used for part in self.parts]))

    @property
    def in_level_units(self) -> bool:
        """Whether the targets of all parts are levels, or differences or means of levels."""
        return all(part.in_level_units for part in self.parts)

    def units(self, level_unit: str) -> tuple[str, ...]:
        """Those of the parts."""
        return tuple(unit for part in self.parts for unit in part.units(level_unit))

    @property
    def bends(self) -> bool:
        """Whether those of a part do."""
        return any(part.bends for part in self.parts)

    @property
    def scale_groups(self) -> np.ndarray:
        """One group for each group of each part."""
        groups, first = [], 0
        for part in self.parts:
            groups.append(part.scale_groups + first)
            first = int(groups[-1][-1]) + 1
        return np.concatenate(groups)

    @property
    def compared_levels(self) -> np.ndarray:
        """`[m, w]`, see `TargetMap`."""
        return _below([part.compared_levels for part in self.parts])

    @property
    def lines(self) -> tuple[np.ndarray, np.ndarray]:
        """`[m, w]` each, see `TargetMap`."""
        upper, lower = zip(*(part.lines for part in self.parts), strict=True)
        return _below(upper), _below(lower)

    @property
    def assigned_targets(self) -> np.ndarray:
        """`[m]` bool, see `TargetMap`."""
        return np.concatenate([part.assigned_targets for part in self.parts])

    @property
    def has_multiplets(self) -> bool:
        """Whether a part has some."""
        return any(part.has_multiplets for part in self.parts)

    @property
    def covers_all_levels(self) -> bool:
        """Whether one part does."""
        return any(part.covers_all_levels for part in self.parts)

    @property
    def ground_of_target(self) -> np.ndarray:
        """`[m]`, see `TargetMap`."""
        grounds, place = [], 0
        for part in self.parts:
            own = part.ground_of_target
            grounds.append(np.where(own >= 0, own + place, -1))
            place += part.num_targets
        return np.concatenate(grounds)

    def split(self, values: tf.Tensor, axis: int = 1) -> list[tf.Tensor]:
        """The entries of each part, from those of all targets along an axis."""
        return tf.split(values, [part.num_targets for part in self.parts], axis=axis)

    def assign(self, levels: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """See `TargetMap.assign`."""
        found = [
            part.assign(levels, *own)
            for part, *own in zip(self.parts, self.split(targets), self.split(weights), strict=True)
        ]
        if self.assigned:  # those of other parts are the same in all rows: `[1, m]`
            rows = tf.shape(levels)[0]
            found = [tf.broadcast_to(each, [rows, each.shape[1]]) for each in found]
        return tf.concat(found, axis=1)

    def observe(self, levels: tf.Tensor, assignment: tf.Tensor | None = None) -> tf.Tensor:
        """See `TargetMap.observe`."""
        parts = [part.observe(levels, own) for part, own in self._each(assignment)]
        return tf.concat(parts, axis=1)

    def observe_slopes(
        self, levels: tf.Tensor, slopes: tf.Tensor, assignment: tf.Tensor | None = None
    ) -> tf.Tensor:
        """See `TargetMap.observe_slopes`."""
        parts = [part.observe_slopes(levels, slopes, own) for part, own in self._each(assignment)]
        return tf.concat(parts, axis=1)

    def pull_back(
        self, levels: tf.Tensor, force: tf.Tensor, assignment: tf.Tensor | None = None
    ) -> tf.Tensor:
        """See `TargetMap.pull_back`."""
        both = zip(self._each(assignment), self.split(force), strict=True)
        return tf.add_n([part.pull_back(levels, own, given) for (part, given), own in both])

    def bending(self, levels: tf.Tensor, slopes: tf.Tensor, force: tf.Tensor) -> tf.Tensor | None:
        """See `TargetMap.bending`."""
        parts = zip(self.parts, self.split(force), strict=True)
        bent = [part.bending(levels, slopes, own) for part, own in parts]
        bent = [each for each in bent if each is not None]
        return tf.add_n(bent) if bent else None

    def sensitivity(
        self, levels: tf.Tensor, slopes: tf.Tensor, value_slopes: tf.Tensor, sizes: tf.Tensor
    ) -> tf.Tensor:
        """See `TargetMap.sensitivity`."""
        parts = zip(self.parts, self.split(value_slopes), self.split(sizes), strict=True)
        return tf.concat([part.sensitivity(levels, slopes, *own) for part, *own in parts], axis=1)

    def offset_sums(self, values: tf.Tensor) -> tf.Tensor:
        """See `TargetMap.offset_sums`."""
        return self._join(values, lambda part, own: part.offset_sums(own))

    def offset_shares(self, weights: tf.Tensor) -> tf.Tensor:
        """See `TargetMap.offset_shares`."""
        return self._join(weights, lambda part, own: part.offset_shares(own))

    def count_offsets(self, weights: tf.Tensor) -> tf.Tensor | float:
        """The number of parts with an offset and an observed target."""
        seen = [
            tf.cast(tf.reduce_any(own > 0, axis=-1), own.dtype)
            for part, own in zip(self.parts, self.split(weights), strict=True)
            if part.centred
        ]
        return tf.add_n(seen) if seen else 0.0

    def _join(
        self, values: tf.Tensor, function: Callable[[TargetMap, tf.Tensor], tf.Tensor]
    ) -> tf.Tensor:
        """`[..., m]`: a function of the values of each centred part, 0 for the other parts."""
        made = []
        for part, own in zip(self.parts, self.split(values, axis=-1), strict=True):
            zero = tf.zeros_like(own)
            made.append(zero + function(part, own) if part.centred else zero)
        return tf.concat(made, axis=-1)

    def _each(self, assignment: tf.Tensor | None) -> Iterator[tuple[TargetMap, tf.Tensor | None]]:
        """Each part with its own assignment."""
        given = [None] * len(self.parts) if assignment is None else self.split(assignment)
        return zip(self.parts, given, strict=True)


def _below(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Tables one below the other, the narrower ones filled with -1."""
    width = max(part.shape[1] for part in parts)
    filled = [np.pad(part, [[0, 0], [0, width]], constant_values=-1) for part in parts]
    return np.concatenate([part[:, :width] for part in filled])
