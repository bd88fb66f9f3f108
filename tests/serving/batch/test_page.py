"""What docs/batch.md says of the command."""

import re
from pathlib import Path

from eigenfit.serving.batch.command import _parser

PAGE = Path(__file__).parents[3] / "docs" / "batch.md"


def test_options_on_the_page_exist():
    named = set(re.findall(r"--[a-z-]+", PAGE.read_text()))
    assert len(named) >= 5
    assert named <= set(_parser()._option_string_actions)


def test_the_command_line_on_the_page_is_understood():
    (line,) = re.findall(r"python -m eigenfit.serving.batch (.*)", PAGE.read_text())
    options = _parser().parse_args(line.split())
    assert str(options.output_dir) == line.split()[2]
