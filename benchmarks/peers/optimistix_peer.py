"""optimistix' Levenberg-Marquardt under `jax.jit(jax.vmap(...))`, in float64.

A vmapped loop turns until its slowest row is done, so rows go through in chunks, of the size that
`tune` found to be quickest. Two chunks at a time, from two threads or on two host devices, did not
return on the machine of the report (JAX 0.10.2), so optimistix has one core here.
"""

from __future__ import annotations

import time

import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import optimistix as optx

from ..problems import Problem
from .base import Peer

jax.config.update("jax_enable_x64", True)

# The loosest that solves 99 % of the rows. With residual left convergence is linear, and the same
# accuracy needs a tighter one.
_TOLERANCE = 1e-7
_TOLERANCE_WITH_RESIDUAL = 1e-8
_MAX_STEPS = 200
_CHUNKS = (8, 32, 128, 512)
# Chunk sizes are tried on so many rows.
_TRIED_ROWS = 512


class Optimistix(Peer):
    """Levels with a derivative of their own, so that no eigenvector is differentiated."""

    _chunk = _CHUNKS[0]

    def prepare(self, problem: Problem) -> None:
        constant, basis = jnp.asarray(problem.constant), jnp.asarray(problem.basis)
        count = problem.num_targets

        def decomposed(x: jax.Array) -> tuple[jax.Array, jax.Array]:
            matrix = constant + jnp.tensordot(x, basis, 1)
            values, vectors = jnp.linalg.eigh(matrix, symmetrize_input=False)
            return values[:count], vectors[:, :count]

        @jax.custom_jvp
        def levels(x: jax.Array) -> jax.Array:
            return decomposed(x)[0]

        @levels.defjvp
        def _(primals: tuple, tangents: tuple) -> tuple[jax.Array, jax.Array]:
            (x,), (change,) = primals, tangents
            values, vectors = decomposed(x)
            # Of the primals only: computed once, whatever the number of tangents.
            jacobian = jnp.real(jnp.einsum("ik,pik->kp", vectors.conj(), basis @ vectors))
            return values, jacobian @ change

        tolerance = _TOLERANCE if problem.measured is None else _TOLERANCE_WITH_RESIDUAL
        # The normal equations are a little quicker than the default, QR.
        method = optx.LevenbergMarquardt(
            rtol=tolerance, atol=tolerance, linear_solver=lx.Normal(lx.Cholesky())
        )

        def fit(target: jax.Array, start: jax.Array) -> jax.Array:
            found = optx.least_squares(
                lambda x, t: levels(x) - t,
                method,
                start,
                args=target,
                max_steps=_MAX_STEPS,
                throw=False,
            )
            return found.value

        self._fit = jax.jit(jax.vmap(fit))
        self._chunk = _CHUNKS[0]
        self._compiled: set[int] = set()

    def tune(self, targets: np.ndarray, starts: np.ndarray) -> None:
        targets, starts = targets[:_TRIED_ROWS], starts[:_TRIED_ROWS]
        times = {}
        for self._chunk in _CHUNKS:
            if times and self._chunk >= 4 * len(targets):
                break
            self.solve(targets[: self._chunk], starts[: self._chunk])  # compiles
            began = time.perf_counter()
            self.solve(targets, starts)
            times[self._chunk] = time.perf_counter() - began
        self._chunk = min(times, key=lambda chunk: times[chunk])

    def solve(self, targets: np.ndarray, starts: np.ndarray) -> np.ndarray:
        rows, chunk = len(targets), self._chunk
        if rows < chunk and (rows in self._compiled or chunk not in self._compiled):
            chunk = rows
        self._compiled.add(chunk)
        found = []
        for first in range(0, rows, chunk):
            part = slice(first, first + chunk)
            found.append(self._fit(_full(targets[part], chunk), _full(starts[part], chunk)))
        return np.concatenate([np.asarray(x) for x in found])[:rows]

    def details(self) -> dict[str, object]:
        return {"chunk": self._chunk}


def _full(rows: np.ndarray, count: int) -> np.ndarray:
    """The last chunk is filled with copies of its first row, for every shape is compiled anew."""
    if len(rows) == count:
        return rows
    return np.concatenate([rows, np.repeat(rows[:1], count - len(rows), axis=0)])
