"""Long pages are taken apart for the site: nothing is lost, and links lead where they led."""

import importlib.util
import re

import pytest

from .pages import PAGES, ROOT

DOCS = ROOT / "docs"
_spec = importlib.util.spec_from_file_location("sections", DOCS / "building" / "sections.py")
assert _spec is not None
assert _spec.loader is not None
sections = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(sections)


@pytest.mark.parametrize("stem", ["guide", "systems"])
def test_sections_of_long_pages(stem):
    text = (DOCS / f"{stem}.md").read_text()
    intro, parts = sections.split(text)
    assert intro + "".join(parts.values()) == text
    assert len(parts) >= 3
    anchors = sections.places(stem, parts)
    pages = {sections.page_of(stem, title) for title in parts}
    assert len(pages) == len(parts)
    for title, part in parts.items():
        page = sections.as_page(stem, part, anchors)
        assert page.startswith(f"# {title}\n")
        assert page.count("```") == part.count("```")
        for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"(?ms)^```.*?^```$", "", page)):
            if "://" not in target:
                path = target.removeprefix("../").partition("#")[0]
                assert target.startswith("../")
                assert path in pages or (DOCS / path).exists(), target


def test_headings_in_code_and_links_to_other_pages_stay():
    text = "above\n\n## One\n\n[two](#b) [c](c.md) [w](https://w)\n\n```sh\n## no\n```\n\n"
    text += "## Two\n\n### B\n"
    intro, parts = sections.split(text)
    assert (intro, list(parts)) == ("above\n\n", ["One", "Two"])
    anchors = sections.places("p", parts)
    assert anchors == {"one": "p/one.md", "two": "p/two.md", "b": "p/two.md#b"}
    page = sections.as_page("p", parts["One"], anchors)
    assert "[two](../p/two.md#b) [c](../c.md) [w](https://w)" in page
    assert "\n## no\n" in page
    assert sections.as_page("p", parts["Two"], anchors).endswith("\n## B\n")


def test_links_to_headings_of_pages_lead_somewhere():
    anchors = {
        page: {
            sections.anchor_of(heading)
            for heading in re.findall(
                r"^#+ (.+)$", re.sub(r"(?ms)^```.*?^```$", "", page.read_text()), re.MULTILINE
            )
        }
        for page in PAGES
    }
    found = 0
    for page in PAGES:
        prose = re.sub(r"(?ms)^```.*?^```$", "", page.read_text())
        for path, anchor in re.findall(r"\]\(([^)\s#:]*)#([^)\s]+)\)", prose):
            target = (page.parent / path).resolve() if path else page
            assert anchor in anchors[target], f"{page.name}: {path}#{anchor}"
            found += 1
    assert found > 10
