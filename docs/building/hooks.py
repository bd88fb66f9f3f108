"""What `make docs` changes of the pages, which are written for a code host as well."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parent))
import notebook
import sections

#: The pages whose sections become pages.
LONG = ("guide", "systems")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the sections of long pages, and that of the notebook."""
    folder = Path(config.docs_dir)
    cells = notebook.read(folder / "notebook.ipynb")
    files.append(File.generated(config, "notebook.md", content=notebook.as_markdown(cells)))
    for stem in LONG:
        _, parts = sections.split((folder / f"{stem}.md").read_text())
        anchors = sections.places(stem, parts)
        for title, part in parts.items():
            content = sections.as_page(stem, part, anchors)
            files.append(File.generated(config, sections.page_of(stem, title), content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Show examples with prompts as a Python session, and lead to the pages that are made."""
    folder, own = Path(config.docs_dir), page.file.src_uri
    for stem in LONG:
        intro, parts = sections.split((folder / f"{stem}.md").read_text())
        if own == f"{stem}.md":
            contents = (f"- [{title}]({sections.page_of(stem, title)})" for title in parts)
            markdown = intro + "\n".join(contents) + "\n"
        markdown = _lead_to_sections(markdown, stem, sections.places(stem, parts))
    markdown = markdown.replace("notebook.ipynb)", "notebook.md)")
    return re.sub(r"^```python\n(?=>>> )", "```pycon\n", markdown, flags=re.MULTILINE)


def _lead_to_sections(markdown: str, stem: str, anchors: dict[str, str]) -> str:
    def lead(target: str) -> str:
        path, _, anchor = target.partition("#")
        if not anchor or not re.fullmatch(rf"(\.\./)*{stem}\.md", path):
            return target
        return path.removesuffix(f"{stem}.md") + anchors[anchor]

    return sections.links_changed(markdown, lead)
