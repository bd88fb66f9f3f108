"""Sparse storage of basis matrices by their nonzero entries."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ..constants import captured

# An entry of A(x) that depends on more parameters than this is computed by a matrix product.
_FEW = 2


@dataclasses.dataclass(frozen=True, eq=False)
class Entries:
    """Hermitian matrices `B_j`, `[p, n, n]`, in coordinate format.

    Attributes:
        size: n.
        count: p.
        rows: `[N]`, the row of each entry, above and below the diagonal.
        columns: `[N]`, its column.
        owners: `[N]`, the number j of its matrix; coordinates are unique within a matrix.
        values: `[N]`, nonzero, real or complex.
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
        """Build from coordinates that may repeat within a matrix; repeated values are added."""
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
        """Matrices with one entry each, on or below the diagonal, and its transpose.

        Args:
            size: n.
            rows: `[p]`.
            columns: `[p]`, at most the row.
            factors: `[p]`, the values.

        Returns:
            The `Entries` of p matrices.
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
        """Collect single matrices: pairs of `Entries` and the number of the matrix in it."""
        chosen = [entries.owners == number for entries, number in pairs]

        def together(name: str) -> np.ndarray:
            parts = zip(pairs, chosen, strict=True)
            return np.concatenate([getattr(entries, name)[own] for (entries, _), own in parts])

        owners = np.repeat(np.arange(len(pairs)), [np.count_nonzero(own) for own in chosen])
        rows, columns, values = together("rows"), together("columns"), together("values")
        return cls(pairs[0][0].size, len(pairs), rows, columns, owners, values)

    @functools.cached_property
    def in_order(self) -> Entries:
        """The same, sorted by row, column and owner."""
        order = np.argsort((self.rows * self.size + self.columns) * self.count + self.owners)
        fields = (self.rows, self.columns, self.owners, self.values)
        return Entries(self.size, self.count, *(field[order] for field in fields))

    def moves_the_same(self, other: Entries) -> bool:
        """Whether another one, sorted like this one, has the same rows, columns and owners."""
        return (self.size, self.count) == (other.size, other.count) and all(
            np.array_equal(getattr(self, name), getattr(other, name))
            for name in ("rows", "columns", "owners")
        )

    @property
    def dense(self) -> np.ndarray:
        """The dense matrices, `[p, n, n]`."""
        matrices = np.zeros((self.count, self.size, self.size), self.values.dtype)
        matrices[self.owners, self.rows, self.columns] = self.values
        return matrices

    @functools.cached_property
    def parts(self) -> tuple[_Reals, ...]:
        """The real parts and, if complex, the imaginary parts of the entries."""
        if not np.iscomplexobj(self.values):
            return (_Reals(self, self.values),)
        return _Reals(self, np.real(self.values)), _Reals(self, np.imag(self.values))

    @functools.cached_property
    def terms(self) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """The terms of `v^H B_j v = sum_t Re(conj(v_row) factor v_column)`.

        A list of (rows, columns, factors), `[p]` each. Entries above the diagonal are included in
        the factors of those below. Matrices with fewer entries are padded with factors of 0.
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
        # The entries for each nonzero element of the map.
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
        """Restrict the matrices to a subspace.

        Args:
            columns: `[n, k]` with entries 0, 1 and -1, at most one nonzero in each row; divided by
                their norms they are the basis of the subspace.

        Returns:
            The entries of k x k matrices.
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
        entries: the entries.
        values: `[N]`, their real or imaginary parts; may be 0.
    """

    entries: Entries
    values: np.ndarray

    def combined(self, parameters: np.ndarray) -> np.ndarray:
        """This part of `sum_j x_j B_j` in NumPy, `[..., n, n]`, for parameters `[..., p]`."""
        lookup, size = self._lookup, self.entries.size
        extra = parameters @ lookup.crowded.T
        padded = np.concatenate([parameters, np.zeros_like(parameters[..., :1]), extra], axis=-1)
        flat = sum(
            factor * padded[..., source]
            for source, factor in zip(lookup.sources, lookup.factors, strict=True)
        )
        return np.reshape(flat, (*parameters.shape[:-1], size, size))

    def matrix(self, parameters: tf.Tensor) -> tf.Tensor:
        """This part of `sum_j x_j B_j`, `[B, n, n]`, for parameters `[B, p]`."""
        lookup, dtype, size = self._lookup, parameters.dtype, self.entries.size
        padded = tf.pad(parameters, [[0, 0], [0, 1]])
        if len(lookup.crowded):
            # Row by row: the rounding of one product for the batch would depend on its size.
            crowded = captured(self, "crowded", dtype, lookup.crowded)
            padded = tf.concat([padded, tf.linalg.matvec(crowded, parameters)], axis=1)
        total = None
        for term, (source, factor) in enumerate(zip(lookup.sources, lookup.factors, strict=True)):
            part = tf.gather(padded, captured(self, f"source {term}", tf.int32, source), axis=1)
            if not np.isin(factor[source != self.entries.count], 1.0).all():
                part *= captured(self, f"factor {term}", dtype, factor)
            total = part if total is None else total + part
        return tf.reshape(total, [-1, size, size])

    @property
    def is_orthogonal(self) -> bool:
        """Whether no two matrices share an entry."""
        return len(self._lookup.sources) == 1 and not len(self._lookup.crowded)

    @property
    def gram(self) -> np.ndarray:
        """`[p, p]`, the inner products of the matrices."""
        lookup, count = self._lookup, self.entries.count
        gram = np.zeros((count + 1 + len(lookup.crowded),) * 2)
        terms = list(zip(lookup.sources, lookup.factors, strict=True))
        for source, factor in terms:
            for other, share in terms:
                np.add.at(gram, (source, other), factor * share)
        # The contribution of the entries in `crowded`.
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
    """Each entry of `sum_j x_j B_j` as a sum of a few terms, a factor times a parameter each.

    Attributes:
        sources: `[terms, n * n]`, the parameter j; p for none; p + 1 + c for row c of `crowded`.
        factors: `[terms, n * n]`.
        crowded: `[C, p]`, the coefficients of the entries that depend on more than `_FEW`
            parameters.
    """

    sources: np.ndarray
    factors: np.ndarray
    crowded: np.ndarray
