"""Basis matrices by their entries: what there is of them, and not the zeros."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ..held import held

# A place that more parameters move than this gets a row of its own, with all of them.
_FEW = 2


@dataclasses.dataclass(frozen=True, eq=False)
class Entries:
    """Hermitian matrices `B_j`, `[p, n, n]`, by their entries `(rows, columns)`.

    Attributes:
        size: n.
        count: p.
        rows: `[N]`, the row of each entry, above and below the diagonal.
        columns: `[N]`, its column.
        owners: `[N]`, j, which matrix it is in; no place twice in one matrix.
        values: `[N]`, not 0, real or complex.
    """

    size: int
    count: int
    rows: np.ndarray
    columns: np.ndarray
    owners: np.ndarray
    values: np.ndarray

    @classmethod
    def summed(
        cls,
        size: int,
        count: int,
        rows: np.ndarray,
        columns: np.ndarray,
        owners: np.ndarray,
        values: np.ndarray,
    ) -> Entries:
        """The same, where a place may occur several times in a matrix: its values are added."""
        keys = (rows * size + columns) * count + owners
        found, place = np.unique(keys, return_inverse=True)
        total = np.bincount(place, np.real(values), len(found))
        if np.iscomplexobj(values):
            total = total + 1j * np.bincount(place, np.imag(values), len(found))
        kept = total != 0
        places, owners = np.divmod(found[kept], count)
        rows, columns = np.divmod(places, size)
        return cls(size, count, rows, columns, owners, total[kept])

    @classmethod
    def of_one_each(
        cls, size: int, rows: np.ndarray, columns: np.ndarray, factors: np.ndarray
    ) -> Entries:
        """Matrices with one entry each, on or below the diagonal, and its mirror image.

        Args:
            size: n.
            rows: `[p]`.
            columns: `[p]`, none larger than the row.
            factors: `[p]`, the values.
        """
        owners, below = np.arange(len(rows)), rows != columns
        return cls(
            size,
            len(rows),
            np.concatenate([rows, columns[below]]),
            np.concatenate([columns, rows[below]]),
            np.concatenate([owners, owners[below]]),
            np.concatenate([factors, factors[below].conj()]),
        )

    @classmethod
    def of_several(cls, pairs: Sequence[tuple[Entries, int]]) -> Entries:
        """One matrix of each of several, given with its number there."""
        chosen = [entries.owners == number for entries, number in pairs]

        def together(name: str) -> np.ndarray:
            parts = zip(pairs, chosen, strict=True)
            return np.concatenate([getattr(entries, name)[own] for (entries, _), own in parts])

        owners = np.repeat(np.arange(len(pairs)), [np.count_nonzero(own) for own in chosen])
        rows, columns, values = together("rows"), together("columns"), together("values")
        return cls(pairs[0][0].size, len(pairs), rows, columns, owners, values)

    @functools.cached_property
    def in_order(self) -> Entries:
        """The same, sorted by their places and owners."""
        order = np.argsort((self.rows * self.size + self.columns) * self.count + self.owners)
        fields = (self.rows, self.columns, self.owners, self.values)
        return Entries(self.size, self.count, *(field[order] for field in fields))

    def moves_the_same(self, other: Entries) -> bool:
        """Whether another one, in order as this is, has its entries in the same places."""
        return (self.size, self.count) == (other.size, other.count) and all(
            np.array_equal(getattr(self, name), getattr(other, name))
            for name in ("rows", "columns", "owners")
        )

    @property
    def dense(self) -> np.ndarray:
        """`[p, n, n]`, written out."""
        matrices = np.zeros((self.count, self.size, self.size), self.values.dtype)
        matrices[self.owners, self.rows, self.columns] = self.values
        return matrices

    @functools.cached_property
    def parts(self) -> tuple[_Reals, ...]:
        """The real parts of the entries, and of complex ones the imaginary parts."""
        if not np.iscomplexobj(self.values):
            return (_Reals(self, self.values),)
        return _Reals(self, np.real(self.values)), _Reals(self, np.imag(self.values))

    @functools.cached_property
    def terms(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """What makes `v^H B_j v`, as real parts of `conj(v_row) factor v_column`.

        Some times a row, a column and a factor for each matrix, `[p]`. Entries above the diagonal
        count with those below. A matrix with fewer entries than others has factors of 0.
        """
        lower = self.rows >= self.columns
        order = np.argsort(self.owners[lower], kind="stable")
        owners = self.owners[lower][order]
        rank = np.arange(len(owners)) - np.searchsorted(owners, owners)
        twice = np.where(self.rows == self.columns, 1.0, 2.0) * self.values
        found = np.zeros((3, int(rank.max(initial=0)) + 1, self.count), twice.dtype)
        for part, values in zip(found, (self.rows, self.columns, twice), strict=True):
            part[rank, owners] = values[lower][order]
        rows, columns = np.real(found[:2]).astype(int)
        return list(zip(rows, columns, found[2], strict=True))

    def mapped(self, map_: np.ndarray) -> Entries:
        """The entries of `sum_j M_jq B_j` for `map_` `[p, q]`."""
        from_, to = np.nonzero(map_)
        # The entries that belong to each element of the map that is not 0.
        order = np.argsort(self.owners, kind="stable")
        ends = np.cumsum(np.bincount(self.owners, minlength=self.count))
        chosen = [order[ends[j - 1] if j else 0 : ends[j]] for j in from_]
        picked = np.concatenate(chosen) if chosen else np.zeros(0, int)
        repeats = [len(some) for some in chosen]
        return Entries.summed(
            self.size,
            map_.shape[1],
            self.rows[picked],
            self.columns[picked],
            np.repeat(to, repeats),
            self.values[picked] * np.repeat(map_[from_, to], repeats),
        )

    def restricted(self, columns: np.ndarray) -> Entries:
        """Those within a subspace, given by columns `[n, k]` with entries 0, 1 and -1.

        No row has more than one entry that is not 0.
        """
        inside = np.any(columns, axis=1, keepdims=True)[:, 0]
        place = np.abs(columns).argmax(axis=1)
        sign = columns[np.arange(len(columns)), place]
        scale = sign / np.linalg.norm(columns, axis=0)[place]
        kept = inside[self.rows] & inside[self.columns]
        rows, others = self.rows[kept], self.columns[kept]
        return Entries.summed(
            columns.shape[1],
            self.count,
            place[rows],
            place[others],
            self.owners[kept],
            self.values[kept] * scale[rows] * scale[others],
        )


@dataclasses.dataclass(frozen=True, eq=False)
class _Reals:
    """The real or the imaginary parts of entries.

    Attributes:
        entries: these.
        values: `[N]`, their parts, some of which may be 0.
    """

    entries: Entries
    values: np.ndarray

    def combined(self, parameters: np.ndarray) -> np.ndarray:
        """Those of `sum x_j B_j` in NumPy, `[..., n, n]`."""
        lookup, size = self._lookup, self.entries.size
        extra = parameters @ lookup.crowded.T
        padded = np.concatenate([parameters, np.zeros_like(parameters[..., :1]), extra], axis=-1)
        flat = sum(
            factor * padded[..., source]
            for source, factor in zip(lookup.sources, lookup.factors, strict=True)
        )
        return np.reshape(flat, (*parameters.shape[:-1], size, size))

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """Those of `sum x_j B_j` for parameters `[B, p]`, `[B, n, n]`."""
        lookup, dtype, size = self._lookup, parameters.dtype, self.entries.size
        padded = tf.pad(parameters, [[0, 0], [0, 1]])
        if len(lookup.crowded):
            # Row by row: one product for the batch rounds differently at different batch sizes.
            crowded = held(self, "crowded", dtype, lookup.crowded)
            padded = tf.concat([padded, tf.linalg.matvec(crowded, parameters)], axis=1)
        total = None
        for term, (source, factor) in enumerate(zip(lookup.sources, lookup.factors, strict=True)):
            part = tf.gather(padded, held(self, f"source {term}", tf.int32, source), axis=1)
            if not np.isin(factor[source != self.entries.count], 1.0).all():
                part *= held(self, f"factor {term}", dtype, factor)
            total = part if total is None else total + part
        return tf.reshape(total, [-1, size, size])

    @property
    def is_orthogonal(self) -> bool:
        """Whether no two matrices have the same entry."""
        return len(self._lookup.sources) == 1 and not len(self._lookup.crowded)

    @property
    def gram(self) -> np.ndarray:
        """`[p, p]`, the sums of the products of their entries."""
        lookup, count = self._lookup, self.entries.count
        gram = np.zeros((count + 1 + len(lookup.crowded),) * 2)
        terms = list(zip(lookup.sources, lookup.factors, strict=True))
        for source, factor in terms:
            for other, share in terms:
                np.add.at(gram, (source, other), factor * share)
        # Where more parameters meet, the sums stand for them.
        return gram[:count, :count] + lookup.crowded.T @ lookup.crowded

    @functools.cached_property
    def _lookup(self) -> _Lookup:
        kept = np.flatnonzero(self.values)
        places = (self.entries.rows * self.entries.size + self.entries.columns)[kept]
        order = np.argsort(places, kind="stable")
        places, chosen = places[order], kept[order]
        owners, values = self.entries.owners[chosen], self.values[chosen]
        first = np.searchsorted(places, places)
        rank = np.arange(len(places)) - first
        many = np.bincount(places, minlength=self.entries.size**2)
        crowded_places = np.flatnonzero(many > _FEW)
        terms = min(_FEW, int(many.max(initial=1)))
        sources = np.full((max(terms, 1), self.entries.size**2), self.entries.count)
        factors = np.zeros(sources.shape)
        single = many[places] <= _FEW
        sources[rank[single], places[single]] = owners[single]
        factors[rank[single], places[single]] = values[single]
        crowded = np.zeros((len(crowded_places), self.entries.count))
        number = np.searchsorted(crowded_places, places[~single])
        crowded[number, owners[~single]] = values[~single]
        sources[0, crowded_places] = self.entries.count + 1 + np.arange(len(crowded_places))
        factors[0, crowded_places] = 1.0
        return _Lookup(sources, factors, crowded)


@dataclasses.dataclass(frozen=True)
class _Lookup:
    """Each entry of `sum x_j B_j` as a sum of a few terms, a factor times a parameter each.

    Attributes:
        sources: `[terms, n * n]`, j; p for none, p + 1 + c for the number c of those that are
            sums of more.
        factors: `[terms, n * n]`.
        crowded: `[C, p]`, the factors of these sums.
    """

    sources: np.ndarray
    factors: np.ndarray
    crowded: np.ndarray
