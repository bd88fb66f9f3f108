"""Spectra read from files."""

import numpy as np
import pytest
import typer

from eigenfit.cli.targets import read_targets

NAN = np.nan


def read(path, content, levels, names=None):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_targets(path, levels, names)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.5\n\n2.5\n", [[1.5], [NAN], [2.5]]),
        ("1.5\r\n\r\n2.5\r\n", [[1.5], [NAN], [2.5]]),
        ("\n1.5", [[NAN], [1.5]]),
        ("1.5\n\n", [[1.5], [NAN]]),  # as many spectra as `wc -l` counts lines
        ('1.5\n""\n \nnan\n', [[1.5], [NAN], [NAN], [NAN]]),
        ("", np.empty((0, 1))),
    ],
)
def test_every_line_of_a_single_column_is_a_spectrum(tmp_path, text, expected):
    np.testing.assert_array_equal(read(tmp_path / "x.csv", text, 1), expected)


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\r\n\r\n", "\n \n\n"])
def test_blank_lines_at_the_end_are_no_spectra(tmp_path, end):
    targets = read(tmp_path / "x.csv", "1,2\n,\n3,4" + end, 2)
    np.testing.assert_array_equal(targets, [[1, 2], [NAN, NAN], [3, 4]])


@pytest.mark.parametrize("text", ["1,2,3\n\n4,5,6\n", "1,2,3\n  \n4,5,6\n\n", "0,0,0\n\n\n1,2,3"])
def test_a_blank_line_between_spectra_is_an_error(tmp_path, text):
    with pytest.raises(typer.BadParameter, match=r"line 2: the line is blank; .* write ,, for"):
        read(tmp_path / "x.csv", text, 3)


def test_a_byte_order_mark_is_no_part_of_the_first_level(tmp_path):
    targets = read(tmp_path / "x.csv", "1,2\r\n3,4\r\n".encode("utf-8-sig"), 2)
    np.testing.assert_array_equal(targets, [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"1,2\n3,\xe9\n", r"line 2: the byte 0xe9 is not UTF-8; save"),
        ("1,2\n".encode("utf-16"), r"line 1: the byte 0xff is not UTF-8; save"),
        (b"1,2\n" + b"3" * 200_000, r"line 2: the line is not CSV"),
    ],
)
def test_what_is_no_csv_is_one_clear_error(tmp_path, content, message):
    with pytest.raises(typer.BadParameter, match=message):
        read(tmp_path / "x.csv", content, 2)


@pytest.mark.parametrize("content", [b"", b"1,2\n3,4\n", b"PK\x03\x04 an .npz", b"\x93NUMPY\x01"])
def test_what_is_no_npy_is_one_clear_error(tmp_path, content):
    with pytest.raises(typer.BadParameter, match=r"write it with numpy\.save") as caught:
        read(tmp_path / "x.npy", content, 2)
    assert "pickle" not in str(caught.value)


def test_an_npy_of_objects_is_one_clear_error(tmp_path):
    np.save(tmp_path / "x.npy", np.array([[1.0, None]]), allow_pickle=True)
    with pytest.raises(typer.BadParameter, match=r"write it with numpy\.save") as caught:
        read_targets(tmp_path / "x.npy", 2)
    assert "pickle" not in str(caught.value)


@pytest.mark.parametrize(
    "field", ["1_0", "1_000.5", "0x10", "1e", "\uff11", "\u0663", "--1", "1 2"]
)
def test_what_python_takes_for_a_number_is_none_in_a_table(tmp_path, field):
    with pytest.raises(typer.BadParameter, match=r"line 2: '.*' is not a number"):
        read(tmp_path / "x.csv", f"1,2\n3,{field}\n", 2)
    np.testing.assert_array_equal(read(tmp_path / "x.csv", "+1.,-.5e+1\n", 2), [[1, -5]])


@pytest.mark.parametrize("rows", [3, 733_007_751_850, 2**62, 2**70])
def test_an_npy_that_is_shorter_than_it_says_is_one_clear_error(tmp_path, rows):
    """With 733,007,751,850 rows of 3 levels the header claims 16 TiB."""
    path = tmp_path / "x.npy"
    np.save(path, np.ones((2, 3)))
    np.testing.assert_array_equal(read_targets(path, 3), np.ones((2, 3)))
    path.write_bytes(path.read_bytes().replace(b"(2, 3), }" + b" " * 20, b"(%d, 3), }" % rows))
    with pytest.raises(typer.BadParameter, match=r"not a whole NumPy file .*numpy\.save"):
        read_targets(path, 3)


NAMES = ["M=3:1 - M=2:0", "B=1, M=3:0", "1_01"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,2,3\n4,5,6\n", [[1, 2, 3], [4, 5, 6]]),
        (',"B=1, M=3:0",3\n', None),
        ('1_01,"B=1, M=3:0",M=3:1 - M=2:0\n1,2,3\n4,,6\n', [[3, 2, 1], [6, NAN, 4]]),
        ("1_01 , M=3:1 - M=2:0\n1,2\n", [[2, NAN, 1]]),
        ('"B=1, M=3:0"\n1\n\n3\n', [[NAN, 1, NAN], [NAN, NAN, NAN], [NAN, 3, NAN]]),
        ("1_01,M=3:1 - M=2:0\n", np.empty((0, 3))),
        ("\ufeff1_01\n7\n", [[NAN, NAN, 7]]),
    ],
)
def test_a_first_line_of_names_puts_the_columns_in_order(tmp_path, text, expected):
    if expected is None:  # a line that begins with an empty field is a spectrum
        with pytest.raises(typer.BadParameter, match="'B=1, M=3:0' is not a number"):
            read(tmp_path / "x.csv", text, 3, NAMES)
        return
    np.testing.assert_array_equal(read(tmp_path / "x.csv", text, 3, NAMES), expected)


@pytest.mark.parametrize(
    ("text", "names", "message"),
    [
        ("1_01,M=5\n1,2\n", NAMES, "line 1: there is no level 'M=5', and it is not a number; the"),
        ("1_01,1_01\n1,2\n", NAMES, "line 1: the level '1_01' stands there twice"),
        ("1_01\n1,2\n", NAMES, "line 2: expected 1 levels between commas, got 2"),
        ("1_01\nx\n", NAMES, "line 2: 'x' is not a number"),
        ("B=1, M=3:0\n1,2\n", NAMES, "'B=1'.*Write a name with a comma in it in quotes"),
        ("a,b\n1,2\n", ["0", "1"], "line 1: 'a' is not a number"),
        ("a,a\n1,2\n", ["a", "a"], "line 1: 'a' is not a number"),
    ],
)
def test_a_wrong_line_of_names_is_one_clear_error(tmp_path, text, names, message):
    with pytest.raises(typer.BadParameter, match=message):
        read(tmp_path / "x.csv", text, len(names), names)


def test_levels_that_are_named_by_numbers_are_never_names(tmp_path):
    targets = read(tmp_path / "x.csv", "1,0\n3,4\n", 2, ["0", "1"])
    np.testing.assert_array_equal(targets, [[1, 0], [3, 4]])
