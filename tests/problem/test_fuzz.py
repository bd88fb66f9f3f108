"""Right files with random changes: they are read, or a person is told why not."""

from __future__ import annotations

import random
import string
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from eigenfit.problem import Fault, Problem, ProblemError

from .test_tables import TIDY, WIDE

PROBLEM = """title = "A ladder"
[system]
type = "ladder"
levels = 3
unit = "cm^-1"
[parameters]
offset = -1
step = { start = 2, bounds = [0, 10] }
bend = { prior = [0.5, 0.1] }
[data]
file = "t.csv"
sigma = 0.1
columns = { energy = "energy" }
ignore = []
[fit]
method = { type = "levenberg_marquardt" }
starts = 3
loss = "linear"
"""
# What files go wrong by, beside any other sign.
PIECES = [
    "\n",
    ",",
    ";",
    "\t",
    '"',
    "=",
    "[",
    "]",
    "{",
    "}",
    "#",
    ".",
    "-",
    "\u2212",
    "NaN",
    "inf",
    "\r",
    "\x00",
    "\ufeff",
    "é",
    "1e999",
    "true",
    "'",
    "level",
    "energy",
    "sigma",
    ">",
]


def mutated(text: str, seed: int, times: int) -> str:
    """A text with some pieces removed, doubled, exchanged or put in."""
    chance = random.Random(seed)
    for _ in range(times):
        start = chance.randrange(len(text) + 1)
        end = min(len(text), start + chance.choice([0, 1, 1, 2, 5, 20]))
        new = chance.choice(
            ["", text[start:end] * 2, chance.choice(PIECES), chance.choice(string.printable)]
        )
        text = text[:start] + new + text[end:]
    return text


def understood(folder, problem: str | bytes, table: str | bytes) -> bool:
    """Whether the files are understood; else they must raise nothing but a ProblemError."""
    for name, content in (("p.toml", problem), ("t.csv", table)):
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    faults = faults_of(folder / "p.toml")
    for fault in faults:
        assert fault.text.endswith(".")
        assert "Traceback" not in fault.text
    return not faults


def faults_of(path: Path) -> tuple[Fault, ...]:
    try:
        Problem.read(path).solver()
    except ProblemError as error:
        return error.faults
    return ()


several = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def test_the_files_are_right_before_they_are_changed(tmp_path):
    for table in TIDY.values():
        if "energy" in table:
            assert understood(tmp_path, PROBLEM, table)


@several
@given(seed=st.integers(0, 10**9), times=st.integers(1, 6))
def test_a_changed_problem_file(tmp_path, seed, times):
    understood(tmp_path, mutated(PROBLEM, seed, times), TIDY["commas"])


@several
@given(
    seed=st.integers(0, 10**9),
    times=st.integers(1, 6),
    table=st.sampled_from([*TIDY.values(), *WIDE.values()]),
)
def test_a_changed_table(tmp_path, seed, times, table):
    bare = PROBLEM.replace('columns = { energy = "energy" }\n', "")
    understood(tmp_path, bare, mutated(table, seed, times))


@several
@given(content=st.binary(max_size=60))
def test_any_bytes(tmp_path, content):
    understood(tmp_path, PROBLEM, content)
    understood(tmp_path, content, TIDY["commas"])


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"PAR1", b"\xff\xfe", b"\xd0\xcf\x11\xe0"])
def test_bytes_after_the_mark_of_another_kind_of_file(tmp_path, start):
    chance = random.Random(5)
    for _ in range(5):
        assert not understood(tmp_path, PROBLEM, start + chance.randbytes(40))
