"""The text of a problem file: TOML, and in which line each key stands."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path
from typing import Any

from .errors import fail

# A key, possibly dotted and quoted, before "=" or between brackets.
_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_KEY = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"\s*\[\[?\s*({_KEY})\s*\]\]?")
_ENTRY = re.compile(rf"\s*({_KEY})\s*=")
# A problem file is written by hand; its data may be in another file.
_MOST_BYTES = 16 * 2**20


@dataclasses.dataclass(frozen=True)
class Document:
    """A problem file, read but not understood.

    Attributes:
        name: of the file as the user gave it, for messages.
        folder: where it is; the files that it names are found from there.
        values: what it says.
        text: the file itself; "" for a dict.
        lines: the line of each key that stands at the beginning of a line, from 1.
    """

    name: str
    folder: Path
    values: dict[str, Any]
    text: str = ""
    lines: dict[tuple[str, ...], int] = dataclasses.field(default_factory=dict)

    def place(self, *path: str | int) -> str:
        """Where a key stands: `ho3.toml, line 7, parameters.B20`."""
        parts = [self.name] if self.name else []
        names = tuple(part for part in path if isinstance(part, str))
        while names and names not in self.lines:
            names = names[:-1]
        if names:
            parts.append(f"line {self.lines[names]}")
        key = ""
        for part in path:
            shown = f"[{part}]" if isinstance(part, int) else f".{part}"
            key += shown if key else str(part)
        return ", ".join([*parts, *([key] if key else [])])


def read_document(path: str | Path) -> Document:
    """Read a problem file.

    Raises:
        ProblemError: if there is no such file, or it is not TOML.
    """
    file, name = Path(path), str(path)
    if "\0" in name or not file.exists():
        raise fail(name, "there is no such file; `eigenfit init` writes one.")
    if file.is_dir():
        raise fail(name, "this is a directory; give the problem file, such as ho3.toml.")
    try:
        with file.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
    except OSError as error:
        raise fail(name, f"the file cannot be read ({error.strerror}).") from None
    if len(content) > _MOST_BYTES:
        raise fail(
            name,
            f"the file has more than {_MOST_BYTES >> 20} MB, too many for a problem file; put "
            'large data into a file of their own and write [data] file = "...".',
        )
    return parse_document(content, name, file.parent)


def parse_document(content: bytes, name: str, folder: Path) -> Document:
    """Read the bytes of a problem file.

    Args:
        content: TOML in UTF-8, with a byte order mark or without.
        name: for messages.
        folder: where the files that it names are.

    Raises:
        ProblemError: if it is not TOML.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise fail(
            f"{name}, line {line}",
            f"the byte 0x{content[error.start]:02x} is not UTF-8; save the file in UTF-8.",
        ) from None
    try:
        # A carriage return alone is no end of a line in TOML.
        values = tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        raise fail(*_of_syntax(name, str(error), text)) from None
    except (RecursionError, ValueError) as error:
        raise fail(name, f"the file is not TOML that can be read ({error}).") from None
    return Document(name, folder, values, text, lines_of_keys(text))


def lines_of_keys(text: str) -> dict[tuple[str, ...], int]:
    r"""The line of each key that stands at the beginning of a line, from 1; the first if several.

    For messages only: a line inside a text of several lines may be taken for a key.

    Example:
        >>> lines_of_keys('title = "x"\n[data]\nfile = "a.csv"')
        {('title',): 1, ('data',): 2, ('data', 'file'): 3}
    """
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), start=1):
        header, entry = _HEADER.match(line), _ENTRY.match(line)
        if header:
            table = _parts(header[1])
            key = table
        elif entry:
            key = table + _parts(entry[1])
        else:
            continue
        for end in range(1, len(key) + 1):
            found.setdefault(key[:end], number)
    return found


def _parts(key: str) -> tuple[str, ...]:
    """The names of a dotted key, without quotes."""
    return tuple(part.strip("\"'") for part in re.findall(_PART, key))


def _of_syntax(name: str, message: str, text: str) -> tuple[str, str]:
    """The place and the words for a message of tomllib."""
    found = re.fullmatch(r"(.*?) \(at (?:line (\d+), column (\d+)|end of document)\)", message)
    if not found:
        return name, f"the file is not TOML: {message}."
    line = int(found[2]) if found[2] else text.count("\n") + 1
    stood = [*text.split("\n"), ""][line - 1].strip()
    place = f"{name}, line {line}" + (f", column {found[3]}" if found[3] else "")
    return place, (
        f"the file is not TOML: {found[1]}; there stands {stood[:80]!r}. "
        "Write key = value, with texts in quotes and lists in [ ]."
    )
