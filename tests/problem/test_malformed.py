"""What is wrong with a file is said to a person; nothing is fitted, and nothing is left behind."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from eigenfit.cli.application import application
from eigenfit.solver import Parameterization
from eigenfit.systems import SYSTEMS

from .malformed import DATA, HEAD, PROBLEMS, TABLE, TABLES


def needy(spin: float, mass: float, *, unit: str = "") -> Parameterization:
    raise AssertionError("it is not called")


def broken() -> object:
    return 5


@pytest.fixture(autouse=True)
def wrong_systems(monkeypatch):
    monkeypatch.setitem(SYSTEMS, "needy", needy)
    monkeypatch.setitem(SYSTEMS, "broken", broken)


def refused(here) -> str:
    """What the command says of p.toml, which it must refuse."""
    before = sorted(here.iterdir())
    done = CliRunner().invoke(application, ["fit", "p.toml"])
    assert done.exit_code == 2, done.output
    assert isinstance(done.exception, SystemExit), done.exception
    assert done.stdout == ""
    assert sorted(here.iterdir()) == before
    for line in done.stderr.splitlines():
        assert line.startswith("eigenfit: "), line
    return done.stderr


@pytest.mark.parametrize("text", PROBLEMS, ids=range(len(PROBLEMS)))
def test_a_malformed_problem_file(here, text):
    (here / "p.toml").write_text(text)
    (here / "t.csv").write_text(TABLE)
    said = refused(here)
    for part in PROBLEMS[text]:
        assert part in said
    assert "p.toml" in said or "t.csv" in said


@pytest.mark.parametrize("table", TABLES, ids=range(len(TABLES)))
def test_a_malformed_table(here, table):
    (here / "p.toml").write_text(HEAD + DATA)
    (here / "t.csv").write_bytes(table.encode() if isinstance(table, str) else table)
    said = refused(here)
    for part in TABLES[table]:
        assert part in said
    assert "t.csv" in said


def test_every_fault_of_a_file_is_named(here):
    (here / "t.csv").write_text(TABLE)
    (here / "p.toml").write_text(
        HEAD + '[parameters]\nstep = { start = "x" }\n' + DATA + "sgma = 1\n[fit]\nstarts = -1\n"
    )
    said = refused(here)
    assert [line.split(", ")[1] for line in said.splitlines()] == ["line 4", "line 7", "line 9"]


def test_there_is_no_such_file(here):
    assert "p.toml: there is no such file; `eigenfit init` writes one." in refused(here)
