"""What `make docs` changes of the pages, which are written for a code host as well."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))
import notebook


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Make a page of the notebook, which a code host shows by itself."""
    cells = notebook.read(Path(config.docs_dir) / "notebook.ipynb")
    files.append(File.generated(config, "notebook.md", content=notebook.as_markdown(cells)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Show examples with prompts as a Python session, and lead to the page of the notebook."""
    markdown = markdown.replace("notebook.ipynb)", "notebook.md)")
    return re.sub(r"^```python\n(?=>>> )", "```pycon\n", markdown, flags=re.MULTILINE)
