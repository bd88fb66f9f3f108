"""A file is written as a whole or not at all."""

from __future__ import annotations

import pytest

from eigenfit.whole_file import write_whole


def test_the_file_is_replaced_and_keeps_its_permissions(tmp_path):
    path = tmp_path / "ho3.toml"
    path.write_text("old")
    path.chmod(0o600)
    write_whole(path, "é\n".encode())
    assert path.read_bytes() == "é\n".encode()
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="No such file"):
        write_whole(tmp_path / "nowhere" / "ho3.toml", b"new")
    with pytest.raises(OSError, match="directory"):
        write_whole(tmp_path / "folder", b"new")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]
