"""A Matplotlib figure as an SVG element of a page."""

from __future__ import annotations

import io
import re
import warnings
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
# Letters stay letters, which a browser can find, read aloud and show in its own fonts.
_SETTINGS: dict[Any, Any] = {"svg.fonttype": "none", "svg.id": None}


def as_svg(figure: Figure, name: str, description: str) -> str:
    """The figure as the text of an `<svg>` element, the same for the same figure.

    It refers to nothing outside itself, and its identifiers begin with its name, so that several
    figures can stand in one page.

    Args:
        figure: the figure.
        name: of letters, digits and `-`, different for each figure of a page.
        description: one sentence for readers who cannot see it.

    Returns:
        HTML.
    """
    from matplotlib import rc_context

    file = io.BytesIO()
    with rc_context({**_SETTINGS, "svg.hashsalt": name}), warnings.catch_warnings():
        # The browser has other fonts than the one in which Matplotlib measures the letters.
        warnings.filterwarnings("ignore", r"Glyph .* missing from font")
        figure.savefig(file, format="svg", metadata={"Date": None})
    root = ElementTree.fromstring(file.getvalue())
    for metadata in root.findall(f"{_SVG}metadata"):
        root.remove(metadata)
    for element in root.iter():
        _make_own(element, name)
    title = ElementTree.Element("title")
    title.text = description
    root.insert(0, title)
    root.set("role", "img")
    root.set("aria-label", description)
    return ElementTree.tostring(root, encoding="unicode")


def _make_own(element: ElementTree.Element, name: str) -> None:
    """Take the namespaces away, which HTML does not need, and put the name before identifiers."""
    element.tag = element.tag.removeprefix(_SVG)
    if _HREF in element.attrib:
        element.set("href", element.attrib.pop(_HREF))
    for key, value in element.items():
        if key == "id":
            element.set(key, f"{name}-{value}")
        elif key == "href":
            element.set(key, re.sub(r"^#", f"#{name}-", value))
        elif "url(#" in value:
            element.set(key, value.replace("url(#", f"url(#{name}-"))
