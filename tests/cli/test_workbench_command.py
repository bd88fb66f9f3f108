"""`eigenfit workbench`: what it says. The page is tested in tests/workbench."""

from __future__ import annotations

import signal
import sys
import webbrowser

import pytest
from typer.testing import CliRunner

from eigenfit.cli.application import application
from eigenfit.workbench import server


def run(*arguments):
    return CliRunner().invoke(application, ["workbench", *map(str, arguments)])


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """The addresses that a browser was asked to open."""
    found: list[str] = []
    monkeypatch.setattr(webbrowser, "open", found.append)
    return found


class Running:
    """Instead of a server, whose model takes long to make; Ctrl-C comes at once."""

    address = "http://127.0.0.1:1234/token/"

    def __init__(self, *given, **options):
        self.given = given, options

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def wait(self):
        raise KeyboardInterrupt


def test_the_address_is_printed_and_opened(monkeypatch, opened, tmp_path):
    monkeypatch.setattr(server, "start_workbench", Running)
    before = signal.getsignal(signal.SIGTERM)
    done = run(tmp_path / "x.toml")
    assert (done.exit_code, done.stdout) == (0, f"{Running.address}\n")
    assert "making the model" in done.stderr
    assert opened == [Running.address]
    assert run(tmp_path / "x.toml", "--no-browser").stdout == done.stdout
    assert opened == [Running.address]
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_is_wrong_is_said_as_by_check(opened, tmp_path):
    (tmp_path / "bad.toml").write_text("titel = 3\n")
    done = run(tmp_path / "bad.toml")
    assert done.exit_code == 2
    said = CliRunner().invoke(application, ["check", str(tmp_path / "bad.toml")]).stderr
    assert said
    assert done.stderr.endswith(said)
    assert run(tmp_path / "nothing.toml").exit_code == 2
    assert run(tmp_path / "bad.toml", "--port", "99999").exit_code == 2
    assert opened == []


def test_a_port_that_is_taken(monkeypatch, opened, tmp_path):
    def taken(*_, **__):
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(server, "start_workbench", taken)
    done = run(tmp_path / "x.toml", "--port", 80)
    assert done.exit_code == 2
    assert "port 80 of this machine cannot be used (Address already in use)" in done.stderr
    assert opened == []


def test_a_missing_extra_is_named(monkeypatch, opened, tmp_path):
    monkeypatch.setitem(sys.modules, "tomlkit", None)
    done = run(tmp_path / "x.toml")
    assert done.exit_code == 2
    assert "pip install 'eigenfit[workbench]'" in done.stderr
