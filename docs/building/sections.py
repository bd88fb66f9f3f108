"""Long pages, taken apart at their headings.

The guide is one page in the repository, whose examples run one after the other and share solvers.
On the site each of its sections is a page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def split(text: str) -> tuple[str, dict[str, str]]:
    """Take a page apart: what stands above the first `##`, and each section by its title."""
    parts = [""]
    for place, piece in enumerate(_FENCE.split(text)):
        if place % 2:  # code
            parts[-1] += piece
            continue
        first, *others = re.split(r"^(?=## )", piece, flags=re.MULTILINE)
        parts[-1] += first
        parts.extend(others)
    intro, *sections = parts
    titles = [section.partition("\n")[0].removeprefix("## ") for section in sections]
    return intro, dict(zip(titles, sections, strict=True))


def anchor_of(heading: str) -> str:
    """The anchor that MkDocs, and a code host, make of a heading."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())


def page_of(stem: str, title: str) -> str:
    """The page of a section: `guide/time-and-memory.md`."""
    return f"{stem}/{anchor_of(title)}.md"


def places(stem: str, sections: Mapping[str, str]) -> dict[str, str]:
    """Where the anchors of the long page are: page, and anchor for a heading inside it."""
    found = {}
    for title, section in sections.items():
        page = page_of(stem, title)
        for mark, heading in re.findall(r"^(##+) (.+)$", _without_code(section), re.MULTILINE):
            anchor = anchor_of(heading)
            found[anchor] = page if mark == "##" else f"{page}#{anchor}"
    return found


def as_page(stem: str, section: str, anchors: Mapping[str, str]) -> str:
    """A section as a page in a folder of its own: headings one level up, links from there."""
    title, _, body = section.partition("\n")
    session = f"\n*The examples continue the session that begins on [this page]({stem}.md).*\n"
    section = title + "\n" + session + body

    def lead(target: str) -> str:
        return "../" + (anchors[target[1:]] if target.startswith("#") else target)

    raised = _outside_code(section, lambda text: re.sub(r"^##", "#", text, flags=re.MULTILINE))
    return links_changed(raised, lead)


def links_changed(text: str, change: Callable[[str], str]) -> str:
    """Change the targets of all links and images that lead to files or anchors of ours."""

    def changed(match: re.Match[str]) -> str:
        target = match[1]
        return match[0] if re.match(r"\w+:", target) else f"]({change(target)})"

    return _outside_code(text, lambda prose: _LINK.sub(changed, prose))


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    pieces = _FENCE.split(text)
    return "".join(piece if place % 2 else change(piece) for place, piece in enumerate(pieces))


def _without_code(text: str) -> str:
    return _FENCE.sub("", text)
