"""A file is written as a whole or not at all."""

from __future__ import annotations

import pytest

from eigenfit.problem import ProblemError
from eigenfit.workbench.files import write_whole


def test_the_file_is_replaced_and_keeps_its_permissions(tmp_path):
    path = tmp_path / "ho3.toml"
    path.write_text("old")
    path.chmod(0o600)
    write_whole(path, "é\n")
    assert path.read_bytes() == "é\n".encode()
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_said_and_leaves_nothing(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(ProblemError, match=r"nowhere/ho3\.toml: the file cannot be written"):
        write_whole(tmp_path / "nowhere" / "ho3.toml", "new")
    with pytest.raises(ProblemError, match="cannot be written"):
        write_whole(tmp_path / "folder", "new")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]
