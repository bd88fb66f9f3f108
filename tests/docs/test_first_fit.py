"""The page of the first fit: its commands print what it says, and its Python reads the results."""

import re
import shlex
from doctest import ELLIPSIS, OutputChecker
from pathlib import Path

import pytest
from typer.testing import CliRunner

from eigenfit.cli.application import application

from .pages import ROOT, check_examples

PAGE = ROOT / "docs" / "first_fit.md"


def test_commands_and_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    sessions = re.findall(r"```console\n\$ eigenfit (.*)\n([^`]*)```", PAGE.read_text())
    assert [arguments.split()[0] for arguments, _ in sessions] == ["init", "check", "fit"]
    for arguments, expected in sessions:
        done = CliRunner().invoke(application, shlex.split(arguments))
        assert done.exit_code == 0, done.output
        printed = re.sub(r" +$", "", done.stdout, flags=re.MULTILINE)
        assert OutputChecker().check_output(expected, printed, ELLIPSIS), printed
    assert (tmp_path / "crystal_field_results" / "report.html").exists()
    check_examples(PAGE, tmp_path)
