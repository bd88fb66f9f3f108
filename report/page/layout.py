"""What stands on a page, as plain data; the templates show nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

from ..words import Sentence


@dataclasses.dataclass(frozen=True)
class Table:
    """A table; the first cell of each line is its heading.

    Attributes:
        title: above it.
        head: the headings of the columns.
        lines: the cells of each line, as many as there are headings.
        texts: the numbers of the columns that hold words instead of numbers.
        note: a sentence above it, "" for none.
    """

    title: str
    head: Sequence[str]
    lines: Sequence[Sequence[str]]
    texts: Sequence[int] = ()
    note: str = ""
    kind: ClassVar[str] = "table"


@dataclasses.dataclass(frozen=True)
class Picture:
    """A figure.

    Attributes:
        svg: an `<svg>` element.
        caption: below it.
    """

    svg: str
    caption: str


@dataclasses.dataclass(frozen=True)
class Pictures:
    """Figures side by side, as many as there is room for."""

    pictures: Sequence[Picture]
    kind: ClassVar[str] = "pictures"


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a page.

    Attributes:
        title: its heading, "" for none.
        answer: sentences below it.
        blocks: tables and figures.
    """

    title: str
    answer: Sequence[Sentence]
    blocks: Sequence[Table | Pictures]


@dataclasses.dataclass(frozen=True)
class Page:
    """A page.

    Attributes:
        title: its heading.
        answer: what came out, in sentences.
        parts: the rest.
        provenance: names and values.
    """

    title: str
    answer: Sequence[Sentence]
    parts: Sequence[Part]
    provenance: Sequence[tuple[str, str]]
