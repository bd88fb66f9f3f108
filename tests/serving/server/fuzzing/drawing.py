"""Where wrong requests come from: right ones that Hypothesis chooses, spoiled by seeded chance.

Hypothesis alone would repeat itself: of 3500 requests that it drew, 500 were different. It takes
some of its numbers out of the modules that are loaded, so their choice changes what is drawn.
"""

from collections.abc import Callable
from random import Random
from typing import Any

import hypothesis
import hypothesis.strategies as st

_AT_ONCE = 20


def send_many(
    right: st.SearchStrategy[Any],
    spoil: Callable[[Any, Random], Any],
    count: int,
    send: Callable[[list[Any]], None],
) -> None:
    """Call `send` with lists of 20 spoiled requests, `count` requests in all, always the same.

    Hypothesis reports the list that failed. It does not look for a smaller one: after a crash every
    list fails.
    """

    @hypothesis.settings(
        max_examples=count // _AT_ONCE,
        phases=[hypothesis.Phase.generate],
        derandomize=True,
        database=None,
        deadline=None,
        # A busy machine is no reason to fail.
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
    )
    @hypothesis.given(right, st.integers(0, 2**64 - 1))
    def run(request: Any, seed: int) -> None:
        random = Random(f"{seed} {request!r}")
        send([spoil(request, random) for _ in range(_AT_ONCE)])

    run()


def _flip(data: bytes, at: int, random: Random) -> bytes:
    return (
        data[:at]
        + bytes(each ^ 1 << random.randrange(8) for each in data[at : at + 1])
        + data[at + 1 :]
    )


def _overwrite(data: bytes, at: int, random: Random) -> bytes:
    return data[:at] + random.randbytes(1) + data[at + 1 :]


def _insert(data: bytes, at: int, random: Random) -> bytes:
    return data[:at] + random.randbytes(random.randint(1, 8)) + data[at:]


def _cut(data: bytes, at: int, random: Random) -> bytes:
    del random
    return data[:at]


def _drop(data: bytes, at: int, random: Random) -> bytes:
    return data[:at] + data[at + random.randint(1, 16) :]


def _repeat(data: bytes, at: int, random: Random) -> bytes:
    end = at + random.randint(1, 64)
    return data[:end] + data[at:end] * random.randint(1, 4) + data[end:]


_EDITS = [_flip, _flip, _overwrite, _overwrite, _insert, _cut, _drop, _repeat]


def edited(data: bytes, random: Random) -> bytes:
    """The bytes after one to three flips, insertions, cuts or repetitions."""
    for _ in range(random.randint(1, 3)):
        data = random.choice(_EDITS)(data, random.randint(0, len(data)), random)
    return data
